"""Lines of a page, and the blocks (paragraphs, list items, headings, tables) that they form."""

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.core.types import Box
from ingestion.parsing.page_glyphs import PageGlyphs, Word
from ingestion.parsing.pdf.segments import Row, Segment, in_column_order, joined_by_space, rows_of, segments_of
from ingestion.parsing.pdf.tables import TableText, aligned_table, table_spans, without_list_gaps
from ingestion.parsing.writing_direction import is_right_to_left

_LIST_ITEM = re.compile(r"^([•▪◦‣●○■□➢✓·]|[–—*-](?=\s)|\(?(\d{1,2}|[a-z]|[ivx]{1,4})[.)](?=\s))")
_SENTENCE_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*$")
_SAME_SIZE = 0.12
_SIDEWAYS = 3.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of running text."""

    text: str
    box: Box
    size: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, or a table."""

    page: int
    lines: tuple[Line, ...]
    table: TableText | None = None

    @property
    def box(self) -> Box:
        if self.table is not None:
            return self.table.box
        return Box(
            min(line.box.left for line in self.lines),
            min(line.box.top for line in self.lines),
            max(line.box.right for line in self.lines),
            max(line.box.bottom for line in self.lines),
        )

    @property
    def size(self) -> float:
        """The size of its type, in points."""
        return statistics.median(line.size for line in self.lines) if self.lines else 0.0

    @property
    def bold(self) -> bool:
        return bool(self.lines) and all(line.bold for line in self.lines)

    @property
    def is_list_item(self) -> bool:
        return bool(self.lines) and starts_list_item(self.lines[0].text)


def starts_list_item(text: str) -> bool:
    """Whether a line begins with a bullet or an item's number."""
    return _LIST_ITEM.match(text) is not None


def blocks_of(page: PageGlyphs, ruled: Sequence[tuple[TableText, Sequence[Word]]]) -> list[Block]:
    """Return the blocks of a page in reading order.

    Args:
        page: the page's words.
        ruled: tables that were found by their lines, with the words that they took; they come where their top edge is.
    """
    taken = {id(word) for _, words in ruled for word in words}
    free = [word for word in page.words if id(word) not in taken]
    upright = [word for word in free if not _is_sideways(word)]
    blocks = [
        block
        for part in in_column_order(segments_of(upright), left=0.0, right=page.width)
        for block in _blocks_of_region(part, page=page.number)
    ]
    for table, _ in sorted(ruled, key=lambda item: item[0].box.top):
        _insert_by_position(blocks, Block(page=page.number, lines=(), table=table))
    sideways = tuple(
        Line(word.text, Box(word.left, word.top, word.right, word.bottom), word.size, word.bold) for word in free if _is_sideways(word)
    )
    return [*blocks, Block(page=page.number, lines=sideways)] if sideways else blocks


def _is_sideways(word: Word) -> bool:
    return len(word.text) >= 3 and word.height > _SIDEWAYS * max(word.right - word.left, 1.0)


def _insert_by_position(blocks: list[Block], table: Block) -> None:
    """Put a table before the first block that starts below its upper edge and stands over or under it."""
    box = table.box
    for index, block in enumerate(blocks):
        other = block.box
        if other.top > box.top and other.left < box.right and box.left < other.right:
            blocks.insert(index, table)
            return
    blocks.append(table)


def _blocks_of_region(segments: Sequence[Segment], *, page: int) -> list[Block]:
    rows = [without_list_gaps(row) for row in rows_of(segments)]
    blocks: list[Block] = []
    position = 0
    for start, end in table_spans(rows):
        blocks.extend(_paragraphs(rows[position:start], page=page))
        blocks.append(Block(page=page, lines=(), table=aligned_table(rows[start:end])))
        position = end
    blocks.extend(_paragraphs(rows[position:], page=page))
    return blocks


def _line_of(row: Row) -> Line:
    ordered = row[::-1] if is_right_to_left("".join(segment.text for segment in row)) else row
    text = ordered[0].text
    for segment in ordered[1:]:
        text = joined_by_space(text, segment.text)
    box = Box(min(s.left for s in row), min(s.top for s in row), max(s.right for s in row), max(s.bottom for s in row))
    return Line(text, box, statistics.median(segment.size for segment in row), bold=all(segment.bold for segment in row))


def _paragraphs(rows: Sequence[Row], *, page: int) -> list[Block]:
    lines = [_line_of(row) for row in rows]
    if not lines:
        return []
    gaps = [max(0.0, after.box.top - before.box.bottom) for before, after in itertools.pairwise(lines)]
    usual_gap = statistics.median(gaps) if gaps else 0.0
    right = max(line.box.right for line in lines)
    paragraphs: list[list[Line]] = [[lines[0]]]
    for before, after, gap in zip(lines, lines[1:], gaps, strict=False):
        if _starts_paragraph(before, after, gap=gap, usual_gap=usual_gap, right=right):
            paragraphs.append([])
        paragraphs[-1].append(after)
    return [Block(page=page, lines=tuple(paragraph)) for paragraph in paragraphs]


def _starts_paragraph(before: Line, after: Line, *, gap: float, usual_gap: float, right: float) -> bool:
    height = max(before.size, after.size)
    if abs(before.size - after.size) > _SAME_SIZE * height or before.bold != after.bold:
        return True
    if gap > min(usual_gap, 0.6 * height) + 0.3 * height or starts_list_item(after.text):
        return True
    ended = _SENTENCE_END.search(before.text) is not None
    is_short = before.box.right < right - 0.25 * (right - before.box.left)
    is_indented = after.box.left - before.box.left > 0.7 * height
    return ended and (is_short or (is_indented and not starts_list_item(before.text)))
