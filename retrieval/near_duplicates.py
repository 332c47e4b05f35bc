"""Near-duplicates: a hit that says again what a better one says takes room from one that says something else.

Two texts are compared by their shingles, all runs of three words (Broder, "On the resemblance and containment of documents", 1997): the
overlap is the share of the worse hit's shingles that the better one has, its containment. A short piece of a better hit so counts as a
duplicate, a longer hit that holds a better one and more does not.

Figures are what differs between last year's price list and this year's: a hit with a number that the better one lacks is never a duplicate.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.core.types import Hit

SHINGLE_WORDS = 3

_WORD = re.compile(r"\w+(?:[.,:/]\d+)*")
"""Words, and numbers whole: 1,234.50 and 2025/26 are one word each."""

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class _Content:
    shingles: frozenset[tuple[str, ...]]
    numbers: frozenset[str]


def drop_near_duplicates(hits: Sequence[Hit], *, overlap: float, limit: int | None = None) -> tuple[Hit, ...]:
    """Return hits in their order, without those whose overlap with a better one is at least ``overlap``.

    Args:
        hits: best first.
        overlap: in [0, 1]; 1 drops only what a better hit contains whole.
        limit: stop when so many are kept; None keeps all.
    """
    kept: list[tuple[Hit, _Content]] = []
    for hit in hits:
        if limit is not None and len(kept) >= limit:
            break
        content = _content(hit.chunk.text)
        if not any(_says_again(content, better, overlap=overlap) for _, better in kept):
            kept.append((hit, content))
    return tuple(hit for hit, _ in kept)


def containment(text: str, other: str) -> float:
    """Return the share of ``text``'s shingles that ``other`` has, in [0, 1]."""
    return _containment(_content(text), _content(other))


def _content(text: str) -> _Content:
    words = _WORD.findall(text.casefold())
    shingles = zip(*(words[first:] for first in range(SHINGLE_WORDS)), strict=False)
    return _Content(
        shingles=frozenset(shingles) or frozenset({tuple(words)}),
        numbers=frozenset(word for word in words if not word.isalpha() and _DIGIT.search(word)),
    )


def _says_again(worse: _Content, better: _Content, *, overlap: float) -> bool:
    return worse.numbers <= better.numbers and _containment(worse, better) >= overlap


def _containment(worse: _Content, better: _Content) -> float:
    return len(worse.shingles & better.shingles) / len(worse.shingles)
