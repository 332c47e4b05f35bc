"""Grids of cells, as spreadsheets and tables of documents have them, to tables of a document."""

from collections.abc import Iterable, Sequence

from footnote.core.types import ElementKind
from ingestion.elements import DocumentBuilder, table_row

Row = Sequence[str]

_MIN_LIST_ROWS = 4
_MAX_TITLE_ROWS = 2


def add_table(
    builder: DocumentBuilder, rows: Iterable[Row], *, n_header_rows: int = 0, caption: str | None = None, page: int | None = None
) -> None:
    """Append a table; rows without text are left out. Where no rows are marked as its header, the first of several is."""
    lines: list[str] = []
    n_header_lines = 0
    for number, row in enumerate(rows):
        line = table_row(list(row))
        if line:
            lines.append(line)
            n_header_lines += number < n_header_rows
    if n_header_lines in (0, len(lines)):
        n_header_lines = 1 if len(lines) >= 2 else 0
    builder.add(ElementKind.TABLE, "\n".join(lines), n_header_rows=n_header_lines, caption=caption, page=page)


def add_sheet(builder: DocumentBuilder, rows: Iterable[Row], *, page: int | None = None) -> None:
    """Append what a sheet shows: a table for each block of rows, divided by empty ones.

    A line with a single cell above a block says what the block is about: it becomes its caption. Cells alone become text.
    """
    for block in _blocks(rows):
        n_above = 0 if _is_list(block) else _n_lines_above(block)
        above, table = [_only(row) for row in block[:n_above]], block[n_above:]
        if len(table) < 2:
            for row in block:
                builder.add(ElementKind.TEXT, table_row(list(row)), page=page)
            continue
        for text in above:
            builder.add(ElementKind.CAPTION, text, page=page)
        add_table(builder, _without_empty_columns(table), caption=" ".join(above) or None, page=page)


def _blocks(rows: Iterable[Row]) -> Iterable[list[Row]]:
    block: list[Row] = []
    for row in rows:
        if any(row):
            block.append(row)
        elif block:
            # A title and an empty line belong to the table below them.
            if all(_n_filled(above) == 1 for above in block) and len(block) <= _MAX_TITLE_ROWS:
                continue
            yield block
            block = []
    if block:
        yield block


def _n_lines_above(block: list[Row]) -> int:
    n_above = 0
    while n_above < len(block) and _n_filled(block[n_above]) == 1:
        n_above += 1
    return n_above


def _is_list(block: list[Row]) -> bool:
    """Whether all cells stand in one column."""
    return len(block) >= _MIN_LIST_ROWS and len({tuple(bool(cell) for cell in row) for row in block}) == 1 and _n_filled(block[0]) == 1


def _n_filled(row: Row) -> int:
    return sum(1 for cell in row if cell)


def _only(row: Row) -> str:
    return next(cell for cell in row if cell)


def _without_empty_columns(rows: list[Row]) -> list[Row]:
    """Return the rows without columns that are empty in all of them, so that a table's place in the sheet leaves no empty cells."""
    filled = {place for row in rows for place, cell in enumerate(row) if cell}
    return [[cell for place, cell in enumerate(row) if place in filled] for row in rows]
