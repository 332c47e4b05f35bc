"""Words put together into segments (text on one baseline without a wide gap), columns of a page, and rows of segments."""

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from footnote.core.types import Box
from ingestion.parsing.page_glyphs import Word
from ingestion.parsing.writing_direction import is_right_to_left

_GAP_IN_HEIGHTS = 0.9
"""A gap wider than this many line heights separates segments: more than a space in justified text, less than a gutter."""

_SYMBOL_BEFORE_NUMBER = frozenset({"$", "€", "£", "¥", "(", "$(", "€(", "£(", "US$"})
_SYMBOL_AFTER_NUMBER = frozenset({"%", ")", ")%", "%)", "pts", "x"})
_ENDS_IN_NUMBER = re.compile(r"[\d—–][)%]*$")
_MIN_SEGMENTS_OF_A_COLUMN = 8
_MAX_CROSSING_SHARE = 0.2
_PROSE_WIDTH = 0.55
_PROSE_SHARE = 0.5
_BOLD_SHARE = 0.9
"""A line that begins with bold words goes on in the weight of the next one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Text on one baseline; the box in points from the upper left corner.

    ``size`` is the font size of most of it, in points.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def box(self) -> Box:
        return Box(self.left, self.top, self.right, self.bottom)


Piece = TypeVar("Piece", Word, Segment)

Row = tuple[Segment, ...]
"""Segments on one baseline, from left to right."""


def is_ideographic(character: str) -> bool:
    """Whether a character is of a script that writes words without spaces."""
    return "\u3000" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or "\uff00" <= character <= "\uffef"


def joined_by_space(first: str, second: str) -> str:
    """Return two pieces of a line, with a space between them unless both sides are ideographic."""
    if first and second and is_ideographic(first[-1]) and is_ideographic(second[0]):
        return first + second
    return f"{first} {second}"


def rows_of_words(words: Iterable[Word]) -> list[list[Word]]:
    """Group words by baseline, from top to bottom; within a row from left to right."""
    return [sorted(row, key=lambda item: item.left) for row in _grouped_by_baseline(words)]


def _grouped_by_baseline(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Group pieces that overlap the tallest piece of their row by half of the lower height: raised and lowered type stays in its row."""
    rows: list[list[Piece]] = []
    tallest: Piece | None = None
    for piece in sorted(pieces, key=lambda item: (item.top + item.bottom, item.left)):
        if tallest is not None:
            overlap = min(tallest.bottom, piece.bottom) - max(tallest.top, piece.top)
            if overlap >= 0.5 * min(tallest.height, piece.height):
                rows[-1].append(piece)
                tallest = piece if piece.height > tallest.height else tallest
                continue
        rows.append([piece])
        tallest = piece
    return rows


def segments_of(words: Iterable[Word]) -> list[Segment]:
    """Return the segments of a page's words, by rows."""
    segments: list[Segment] = []
    for row in rows_of_words(words):
        run: list[Word] = []
        for word in row:
            if run and _is_apart(run, word):
                segments.append(segment_of(run))
                run = []
            run.append(word)
        segments.append(segment_of(run))
    return segments


def _is_apart(run: Sequence[Word], word: Word) -> bool:
    """Whether a word begins a segment: after a wide gap, or as the currency of the next column's number."""
    if word.text in _SYMBOL_BEFORE_NUMBER and _ENDS_IN_NUMBER.search(run[-1].text):
        return True
    return word.left - max(item.right for item in run) > _GAP_IN_HEIGHTS * max(word.height, run[-1].height, 4.0)


def segment_of(words: Sequence[Word]) -> Segment:
    """Put the words of one run into one segment, in the direction of reading."""
    text = ""
    ordered = words
    if is_right_to_left("".join(word.text for word in words)):
        ordered = sorted(words, key=lambda item: -item.right)
    for word in ordered:
        text = joined_by_space(text, word.text) if text else word.text
    n_bold = sum(len(word.text) for word in words if word.bold)
    sizes = [word.size for word in words for _ in word.text]
    return Segment(
        text=text,
        left=min(word.left for word in words),
        top=min(word.top for word in words),
        right=max(word.right for word in words),
        bottom=max(word.bottom for word in words),
        size=statistics.median(sizes) if sizes else 0.0,
        bold=n_bold >= _BOLD_SHARE * len(sizes),
    )


def joined_segments(first: Segment, second: Segment, *, separator: str = " ") -> Segment:
    """Return two segments of a row as one; size and weight are those of the longer one."""
    longer = first if len(first.text) > len(second.text) else second
    return Segment(
        text=f"{first.text}{separator}{second.text}",
        left=min(first.left, second.left),
        top=min(first.top, second.top),
        right=max(first.right, second.right),
        bottom=max(first.bottom, second.bottom),
        size=longer.size,
        bold=longer.bold,
    )


def rows_of(segments: Iterable[Segment]) -> list[Row]:
    """Group segments by baseline, from top to bottom; symbols that belong to a number beside them are put to it."""
    return [_with_symbols_joined(sorted(row, key=lambda item: item.left)) for row in _grouped_by_baseline(segments)]


def _with_symbols_joined(row: Sequence[Segment]) -> Row:
    parts: list[Segment] = []
    for segment in row:
        if parts and parts[-1].text in _SYMBOL_BEFORE_NUMBER:
            parts[-1] = joined_segments(parts[-1], segment)
        elif parts and segment.text in _SYMBOL_AFTER_NUMBER:
            parts[-1] = joined_segments(parts[-1], segment, separator="")
        else:
            parts.append(segment)
    return tuple(parts)


def in_column_order(segments: Sequence[Segment], *, left: float, right: float) -> list[list[Segment]]:
    """Split a region into parts to be read one after the other: at gutters between columns of prose.

    What crosses the gutter (a heading over both columns, a wide table) divides the region into bands; in each band the left column
    comes before the right one. Columns are split again, so that three columns are found too. Cells of a table are not taken for
    columns: most of the text on both sides of a gutter must be in lines about as wide as their column.
    """
    gutter = _gutter(segments, left=left, right=right)
    if gutter is None:
        return [list(segments)]
    parts: list[list[Segment]] = []
    band: list[Segment] = []

    def close_band() -> None:
        parts.extend(in_column_order([item for item in band if item.right <= gutter], left=left, right=gutter))
        parts.extend(in_column_order([item for item in band if item.right > gutter], left=gutter, right=right))
        band.clear()

    crossing: list[Segment] = []
    for segment in sorted(segments, key=lambda item: item.middle):
        if segment.left < gutter < segment.right:
            if band:
                close_band()
            crossing.append(segment)
            continue
        if crossing:
            parts.append(crossing)
            crossing = []
        band.append(segment)
    if band:
        close_band()
    if crossing:
        parts.append(crossing)
    return [part for part in parts if part]


def _gutter(segments: Sequence[Segment], *, left: float, right: float) -> float | None:
    """Return the place between two columns of prose, where there is one: few segments cross it, and both sides are filled."""
    if len(segments) < 2 * _MIN_SEGMENTS_OF_A_COLUMN:
        return None
    width = right - left
    best: tuple[int, float, float] | None = None
    for candidate in sorted({round(segment.left) - 1.5 for segment in segments}):
        if not left + 0.25 * width < candidate < right - 0.2 * width:
            continue
        crossing = sum(1 for item in segments if item.left < candidate < item.right)
        if crossing > _MAX_CROSSING_SHARE * len(segments):
            continue
        if _is_prose_column([item for item in segments if item.right <= candidate]) and _is_prose_column(
            [item for item in segments if item.left >= candidate]
        ):
            rank = (crossing, abs(candidate - (left + right) / 2), candidate)
            best = min(best, rank) if best else rank
    return best[2] if best else None


def _is_prose_column(segments: Sequence[Segment]) -> bool:
    if len(segments) < _MIN_SEGMENTS_OF_A_COLUMN:
        return False
    width = max(item.right for item in segments) - min(item.left for item in segments)
    n_in_lines = sum(len(item.text) for item in segments if item.right - item.left >= _PROSE_WIDTH * width and _is_running_text(item.text))
    return n_in_lines >= _PROSE_SHARE * sum(len(item.text) for item in segments)


def _is_running_text(text: str) -> bool:
    return text.count(" ") >= 2 or is_ideographic(text[0])
