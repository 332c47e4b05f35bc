"""Which live turns are looked at: a sample in strata, the same for the same turns and seed. Pure.

The random stratum is drawn first, from all turns: it alone says how live answers are on the whole. The others are drawn from what is
left, in the order of ``STRATA``, so that each turn stands in one of them at most; they show what went wrong, and no mean over them says
anything about all answers.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from footnote.core.catalog.evaluation_records import LiveTurn

Stratum = Literal["random", "correction", "thumbs_down", "low_support", "abstention"]

STRATA: tuple[Stratum, ...] = ("random", "correction", "thumbs_down", "low_support", "abstention")
"""In the order in which they are drawn: what a person has said comes before what the judge did."""

LOW_SUPPORT_FROM = 0.5
"""From this share of unsupported claims on, among those that were judged, a draft has low support."""


@dataclass(frozen=True, slots=True)
class SampledTurn:
    """A live turn, and why it is in the sample."""

    turn: LiveTurn
    stratum: Stratum


def sample_turns(turns: Sequence[LiveTurn], *, sizes: Mapping[Stratum, int], seed: int) -> tuple[SampledTurn, ...]:
    """Return the sample in the order of asking.

    A stratum with fewer turns than its size is taken whole; the others do not grow. Low support is taken worst first, the rest by lot: the
    lot of a turn depends on seed and id alone, so that turns which come later change no more than they must.

    Args:
        turns: in any order.
        sizes: how many of each stratum at most; none of those that are not named.
        seed: another one draws other lots.
    """
    left = sorted(turns, key=lambda turn: _lot(turn, seed))
    sampled: list[SampledTurn] = []
    for stratum in STRATA:
        fitting = [turn for turn in left if _FITS[stratum](turn)]
        if stratum == "low_support":
            fitting.sort(key=lambda turn: -(turn.unsupported or 0.0))
        drawn = fitting[: sizes.get(stratum, 0)]
        sampled += [SampledTurn(turn=turn, stratum=stratum) for turn in drawn]
        taken = {turn.id for turn in drawn}
        left = [turn for turn in left if turn.id not in taken]
    return tuple(sorted(sampled, key=lambda each: (each.turn.asked_at, each.turn.id)))


def _lot(turn: LiveTurn, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{turn.id}".encode()).digest()


_FITS: dict[Stratum, Callable[[LiveTurn], bool]] = {
    "random": lambda _: True,
    "correction": lambda turn: turn.is_corrected,
    "thumbs_down": lambda turn: turn.rating == "down",
    "low_support": lambda turn: turn.unsupported is not None and turn.unsupported >= LOW_SUPPORT_FROM,
    "abstention": lambda turn: turn.abstained,
}
