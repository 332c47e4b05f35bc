"""The judge port: does a claim rest on the passages?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from footnote.core.types import PartHealth, Passage


@dataclass(frozen=True, slots=True)
class Support:
    """How well one passage supports a claim: ``score`` in [0, 1], and the span of the document that supports it best."""

    passage: int
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim against the passages: ``score`` says how well it is supported, and each passage has its own support, best first."""

    score: float
    supported: bool
    supports: tuple[Support, ...]


class Judge(Protocol):
    """Scores claims. The same claim and passages give the same judgement."""

    @property
    def name(self) -> str:
        """Name and version, part of the release and of every score: ``local-1``."""
        ...

    @property
    def revision(self) -> str:
        """What tells two fits of the same judge apart; part of the release."""
        ...

    @property
    def threshold(self) -> float:
        """A claim counts as supported from this score on."""
        ...

    async def prepare(self, passages: Sequence[Passage]) -> None:
        """Do beforehand what judging against these passages needs, while the first claim is still being written.

        Nobody has to call it: it changes how soon ``judge`` answers, never what. A judge that has nothing to prepare returns at once.

        Raises:
            ModelUnavailable: as ``judge``.
        """
        ...

    async def judge(self, claims: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        """Return one judgement per claim (without markers), in order; without passages every score is 0.

        Raises:
            ModelUnavailable: the judge cannot do its work now; the caller says ``unchecked``, never ``supported``.
        """
        ...

    async def health(self) -> PartHealth:
        """Say whether claims can be judged now."""
        ...
