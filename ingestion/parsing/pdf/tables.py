"""Tables of a page: those with ruling lines by pdfplumber, those whose cells merely stand under each other by the rows' gaps."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from footnote.core.types import Box
from ingestion.elements import table_row
from ingestion.parsing.page_glyphs import PageGlyphs, Ruling, Word
from ingestion.parsing.pdf.segments import Row, Segment, joined_segments, rows_of_words, segment_of
from ingestion.parsing.writing_direction import is_right_to_left

_NUMBER_CELL = re.compile(r"^[\s$€£¥(+\-–—]*(US\$)?\s*[\d.,]*\d[\d.,]*\s*[%)x]*$|^[—–-]$")
_BULLET = re.compile(r"^([•▪◦‣●○■□➢✓–—*·\-]|\(?(\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)])$")
_YEAR = re.compile(r"^(19|20)\d\d$")
_MAX_HEADER_ROWS = 4
_MIN_GRID_FILL = 0.7
_MIN_ALIGNED_FILL = 0.4
_PROSE_CELL_CHARS = 30
_MAX_SINGLE_ROWS = 2
_ROW_GAP_IN_HEIGHTS = 2.0
_SAME_EDGE = 12.0
"""Points: the edges of a table without lines are those of its longest cells, which differ from page to page."""


@dataclass(frozen=True, slots=True)
class TableText:
    """A table's rows of cells, how many of them are its header, and its box."""

    rows: tuple[tuple[str, ...], ...]
    n_header_rows: int
    box: Box

    @property
    def text(self) -> str:
        return "\n".join(line for line in (table_row(list(row)) for row in self.rows) if line)


def is_number(cell: str) -> bool:
    """Whether a cell holds an amount, and not a label; a lone year labels a column."""
    return bool(_NUMBER_CELL.match(cell)) and not _YEAR.match(cell)


def _in_reading_direction(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return rows as they are read: from the right where most letters are Hebrew or Arabic."""
    reverse = is_right_to_left("".join(cell for row in rows for cell in row))
    return tuple(row[::-1] if reverse else row for row in rows)


def n_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the top are a header: those before the first one with an amount, at least one, at most four.

    A table without any amount has one header row when it has three rows or more.
    """
    for index, row in enumerate(rows):
        if any(is_number(cell) for cell in row[1:]):
            return min(index, _MAX_HEADER_ROWS)
    return 1 if len(rows) >= 3 else 0


def continued(first: TableText, second: TableText) -> TableText | None:
    """Return a table with the header of the one that ends the page before, if it is the rest of it; else None.

    It is if it has as many columns, from the same left edge and not wider, and begins with the same header or with none of its own.
    """
    header = first.rows[: first.n_header_rows]
    if not header or not _same_columns(first, second):
        return None
    if second.rows[: len(header)] == header:
        return TableText(second.rows, len(header), second.box)
    has_amounts = any(is_number(cell) for row in (*first.rows, *second.rows) for cell in row[1:])
    if has_amounts and n_header_rows(second.rows) > 0:
        return None
    return TableText((*header, *second.rows), len(header), second.box)


def _same_columns(first: TableText, second: TableText) -> bool:
    begins_there = abs(first.box.left - second.box.left) <= _SAME_EDGE
    ends_within = second.box.right <= first.box.right + _SAME_EDGE  # without lines the header's words may be what reaches furthest
    return begins_there and ends_within and max(map(len, first.rows)) == max(map(len, second.rows))


# ------------------------------------------------------------------------------------------------------------------------ ruled tables


def ruled_tables(page: PageGlyphs) -> list[tuple[TableText, list[Word]]]:
    """Return the tables of a page whose cells lie between lines, each with the words that it took.

    The lines are PDFium's; how they cross, and which cells and tables they make, is pdfplumber's work (its "lines" strategy).
    """
    n_across = sum(1 for ruling in page.rulings if ruling.across)
    if n_across < 3 or len(page.rulings) - n_across < 2:
        return []
    from pdfplumber import table as plumbing  # noqa: PLC0415 - half a second, and most PDFs have no ruled table

    edges = plumbing.merge_edges(
        [_edge(ruling) for ruling in page.rulings], snap_x_tolerance=3, snap_y_tolerance=3, join_x_tolerance=3, join_y_tolerance=3
    )
    cells = plumbing.intersections_to_cells(plumbing.edges_to_intersections(edges, 3, 3))
    found: list[tuple[TableText, list[Word]]] = []
    for group in plumbing.cells_to_tables(cells):
        table = _ruled_table([Box(*map(float, cell)) for cell in group], page.words)
        if table is not None:
            found.append(table)
    return found


def _edge(ruling: Ruling) -> dict[str, Any]:
    """Return a line as pdfplumber describes edges."""
    if ruling.across:
        box = {"x0": ruling.start, "x1": ruling.end, "top": ruling.at, "bottom": ruling.at, "orientation": "h"}
    else:
        box = {"x0": ruling.at, "x1": ruling.at, "top": ruling.start, "bottom": ruling.end, "orientation": "v"}
    return {**box, "object_type": "line", "width": box["x1"] - box["x0"], "height": box["bottom"] - box["top"]}  # pyright: ignore[reportOperatorIssue]


def _ruled_table(cells: Sequence[Box], words: Sequence[Word]) -> tuple[TableText, list[Word]] | None:
    tops = sorted({cell.top for cell in cells})
    lefts = sorted({cell.left for cell in cells})
    placed = {(cell.top, cell.left): cell for cell in cells}
    grid = [[placed.get((top, left)) for left in lefts] for top in tops]
    box = Box(lefts[0], tops[0], max(cell.right for cell in cells), max(cell.bottom for cell in cells))
    inside = [word for word in words if _contains(box, word)]
    if not inside or not _is_grid(grid):
        return None
    rows = _in_reading_direction([row for row in (_cells_text(row, inside) for row in grid) if any(row)])
    if len(rows) < 2:
        return None
    return TableText(rows, _n_ruled_header_rows(rows), box), [
        word for word in inside if any(_contains_centre(cell, word) for cell in cells)
    ]


def _n_ruled_header_rows(rows: Sequence[Sequence[str]]) -> int:
    return max(1, n_header_rows(rows))


def _is_grid(grid: Sequence[Sequence[Box | None]]) -> bool:
    """Whether cells fill a grid of two columns or more; lines that only underline or frame something do not make one."""
    n_columns = max((len(row) for row in grid), default=0)
    if n_columns < 2 or len(grid) < 2:
        return False
    n_cells = sum(1 for row in grid for cell in row if cell is not None)
    return n_cells >= _MIN_GRID_FILL * n_columns * len(grid)


def _contains(box: Box, word: Word) -> bool:
    middle_x, middle_y = (word.left + word.right) / 2, (word.top + word.bottom) / 2
    return box.left - 1 <= middle_x <= box.right + 1 and box.top - 1 <= middle_y <= box.bottom + 1


def _cells_text(cells: Sequence[Box | None], words: Sequence[Word]) -> tuple[str, ...]:
    texts: list[str] = []
    for cell in cells:
        inside = [] if cell is None else [word for word in words if _contains_centre(cell, word)]
        texts.append(" ".join(segment_of(row).text for row in rows_of_words(inside)))
    return tuple(texts)


def _contains_centre(cell: Box, word: Word) -> bool:
    middle_x, middle_y = (word.left + word.right) / 2, (word.top + word.bottom) / 2
    return cell.left <= middle_x < cell.right and cell.top <= middle_y < cell.bottom


# ---------------------------------------------------------------------------------------------------------------------- aligned tables


def without_list_gaps(row: Row) -> Row:
    """Put a bullet or an item's number to the text after it: the gap between them is no border of a cell."""
    if len(row) >= 2 and _BULLET.match(row[0].text):
        return (joined_segments(row[0], row[1]), *row[2:])
    return row


def table_spans(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the half-open ranges of rows that form tables: rows with several segments, and labels between them."""
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(rows):
        if len(rows[start]) < 2:
            start += 1
            continue
        end = _end_of_table(rows, start)
        if _is_table(rows[start:end]):
            spans.append((_start_with_headings(rows, start, end, floor=spans[-1][1] if spans else 0), end))
            start = end
        else:
            start += 1
    return spans


def _end_of_table(rows: Sequence[Row], start: int) -> int:
    end, n_single = start + 1, 0
    for index in range(start + 1, len(rows)):
        above, here = rows[index - 1], rows[index]
        height = statistics.median(segment.height for segment in here)
        if min(item.top for item in here) - max(item.bottom for item in above) > _ROW_GAP_IN_HEIGHTS * height:
            break
        if len(here) >= 2:
            end, n_single = index + 1, 0
            continue
        n_single += 1
        if n_single > _MAX_SINGLE_ROWS:
            break
    return end


def _start_with_headings(rows: Sequence[Row], start: int, end: int, *, floor: int) -> int:
    """Take in rows above a table that are headings of several columns: one segment, close above, to the right of the first column."""
    first_left, first_right = _columns(rows[start:end])[0]
    while start > floor:
        above, here = rows[start - 1], rows[start]
        gap = min(item.top for item in here) - max(item.bottom for item in above)
        if len(above) != 1 or above[0].left < max(first_left + 1, (first_left + first_right) / 2) or gap > above[0].height:
            break
        start -= 1
    return start


def _is_table(rows: Sequence[Row]) -> bool:
    wide = [row for row in rows if len(row) >= 2]
    if len(wide) < 2 or (len(wide) == 2 and any(len(row) < 3 for row in wide)):
        return False
    columns = _columns(rows)
    if len(columns) < 2:
        return False
    n_cells = sum(len({_column_of(segment, columns) for segment in row}) for row in wide)
    return n_cells >= _MIN_ALIGNED_FILL * len(columns) * len(wide) and not _is_prose(wide, columns)


def _is_prose(rows: Sequence[Row], columns: Sequence[tuple[float, float]]) -> bool:
    """Whether rows are lines of text side by side: the typical cell of every column is longer than a cell of a table is."""
    lengths: list[list[int]] = [[] for _ in columns]
    for row in rows:
        for segment in row:
            lengths[_column_of(segment, columns)].append(len(segment.text))
    return all(column and statistics.median(column) >= _PROSE_CELL_CHARS for column in lengths)


def _columns(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Return the columns as ranges from left to right, found from the rows with most segments first.

    A segment that lies over two columns, such as a heading of both, does not make them one.
    """
    columns: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda item: -len(item)):
        if len(row) < 2:
            break
        for segment in row:
            touched = [index for index, (left, right) in enumerate(columns) if segment.left < right and left < segment.right]
            if not touched:
                columns.append((segment.left, segment.right))
            elif len(touched) == 1:
                left, right = columns[touched[0]]
                columns[touched[0]] = (min(left, segment.left), max(right, segment.right))
    return sorted(columns)


def _column_of(segment: Segment, columns: Sequence[tuple[float, float]]) -> int:
    def distance(index: int) -> tuple[float, int]:
        left, right = columns[index]
        return max(0.0, left - segment.right, segment.left - right), index

    return min(range(len(columns)), key=distance)


def aligned_table(rows: Sequence[Row]) -> TableText:
    """Return the table of rows that ``table_spans`` found."""
    columns = _columns(rows)
    cells = _in_reading_direction([_aligned_cells(row, columns) for row in rows])
    segments = [segment for row in rows for segment in row]
    box = Box(
        min(item.left for item in segments),
        min(item.top for item in segments),
        max(item.right for item in segments),
        max(item.bottom for item in segments),
    )
    return TableText(cells, n_header_rows(cells), box)


def _aligned_cells(row: Row, columns: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    cells = [""] * len(columns)
    for segment in row:
        index = _column_of(segment, columns)
        cells[index] = f"{cells[index]} {segment.text}".strip()
    return tuple(cells)
