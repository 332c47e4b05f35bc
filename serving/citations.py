"""Markers such as ``[1]`` in a text, and the citations that a claim gets from its markers and its judgement. Pure functions."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from footnote.core.types import Citation, Passage
from serving.judge.port import Judgement, Support

MARKER = re.compile(r"\[\s*\d{1,4}(?:\s*,\s*\d{1,4})*\s*\]")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker at ``text[start:end]`` and the passage numbers in it, in the order written: ``[1, 3]`` has 1 and 3."""

    start: int
    end: int
    numbers: tuple[int, ...]


def find_markers(text: str) -> tuple[Marker, ...]:
    """Return the markers of a text in order; ``[1][2]`` are two."""
    return tuple(
        Marker(match.start(), match.end(), tuple(int(number) for number in _NUMBER.findall(match.group())))
        for match in MARKER.finditer(text)
    )


def marked_numbers(text: str) -> tuple[int, ...]:
    """Return the passage numbers that a text's markers name, each once, in order of first appearance, out of range or not."""
    return tuple(dict.fromkeys(number for marker in find_markers(text) for number in marker.numbers))


def unknown_numbers(text: str, *, n_passages: int) -> tuple[int, ...]:
    """Return the numbers in a text's markers that no passage has."""
    return tuple(number for number in marked_numbers(text) if not 1 <= number <= n_passages)


def strip_markers(text: str) -> str:
    """Return the text without markers and without the space before them: what a judge reads."""
    return keep_markers(text, ())


def keep_markers(text: str, kept: Collection[int]) -> str:
    """Return the text with only these numbers left in its markers; a marker that loses all goes with the space before it."""
    parts: list[str] = []
    cursor = 0
    for marker in find_markers(text):
        before = text[cursor : marker.start]
        numbers = [number for number in marker.numbers if number in kept]
        if len(numbers) == len(marker.numbers):
            parts += [before, text[marker.start : marker.end]]
        elif numbers:
            parts += [before, f"[{', '.join(map(str, numbers))}]"]
        else:
            parts.append(before.rstrip())
        cursor = marker.end
    rest = "".join([*parts, text[cursor:]])
    return rest if text[:1].isspace() else rest.lstrip()


def cite(claim_text: str, judgement: Judgement, passages: Sequence[Passage], *, threshold: float) -> tuple[Citation, ...]:
    """Return the citations of a claim: the passages that it rests on, as far as the judge found.

    A marker that the model wrote is kept where its passage alone supports the claim (``threshold``), or is the best of several that
    support it together. Where none is kept, a supported claim gets its best-supporting passage, with ``marked`` False. A claim that
    is not supported has no citation.

    Returns:
        Citations in the order of the markers, each passage once.
    """
    if not judgement.supported or not judgement.supports:
        return ()
    best = judgement.supports[0]
    by_number = {passage.n: passage for passage in passages}
    supports = {support.passage: support for support in reversed(judgement.supports)}
    marked = [supports[number] for number in marked_numbers(claim_text) if number in supports]
    kept = [support for support in marked if support.score >= threshold or support.passage == best.passage]
    if kept:
        return tuple(_citation(support, by_number[support.passage], marked=True) for support in kept)
    return (_citation(best, by_number[best.passage], marked=False),)


def quote_of(support: Support, passage: Passage) -> str:
    """Return the text of the span that supports a claim, as it stands in the document."""
    return passage.text[support.start - passage.start : support.end - passage.start]


def _citation(support: Support, passage: Passage, *, marked: bool) -> Citation:
    return Citation(
        passage=passage.n,
        start=support.start,
        end=support.end,
        quote=quote_of(support, passage),
        page=passage.page_of(support.start),
        score=support.score,
        marked=marked,
    )
