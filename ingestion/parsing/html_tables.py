"""Tables in HTML, as unstructured gives them, to rows of cells."""

from dataclasses import dataclass
from typing import Any, cast

import lxml.html

from ingestion.elements import table_row

_MAX_SPAN = 1_000

Node = Any
"""An element of lxml's tree, whose stubs know no types of children."""


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """Rows of cells, how many of them are the header, and the caption."""

    rows: tuple[tuple[str, ...], ...]
    n_header_rows: int
    caption: str | None

    @property
    def text(self) -> str:
        return "\n".join(line for line in (table_row(list(row)) for row in self.rows) if line)


def read_table(markup: str) -> HtmlTable | None:
    """Return the first table of ``markup``; None where there is none or it has no text.

    A cell over several rows is repeated in each of them, so that every row can be understood alone; over several columns it stands in
    the first one. Rows in ``thead`` are the header, or rows of ``th`` alone at the top, or the first row of a table with more.
    """
    try:
        root = cast("Node", lxml.html.fragment_fromstring(markup, create_parent=True))
    except (SyntaxError, ValueError, AssertionError):  # lxml's parse errors are syntax errors
        return None
    tables: list[Node] = list(root.iter("table"))
    if not tables:
        return None
    table = tables[0]
    grid: list[tuple[str, ...]] = []
    n_header_rows = 0
    pending: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells = _cells(row, pending)
        if not any(cells):
            continue
        if n_header_rows == len(grid) and _is_header(row):
            n_header_rows += 1
        grid.append(cells)
    if not grid:
        return None
    if n_header_rows in (0, len(grid)):
        n_header_rows = 1 if len(grid) >= 2 else 0
    caption = next((text for item in table.iter("caption") if (text := _text(item))), None)
    return HtmlTable(tuple(grid), n_header_rows, caption)


def _cells(row: Node, pending: dict[int, tuple[int, str]]) -> tuple[str, ...]:
    """Return the cells of a row; ``pending`` holds, by column, the cells from rows above that reach into this one and further."""
    cells: list[str] = []

    def take_pending() -> None:
        while len(cells) in pending:
            column = len(cells)
            n_more, text = pending.pop(column)
            cells.append(text)
            if n_more > 1:
                pending[column] = (n_more - 1, text)

    reserved: dict[int, tuple[int, str]] = {}
    for cell in row.iterchildren("td", "th"):
        take_pending()
        text = _text(cell)
        n_rows, n_columns = _span(cell.get("rowspan")), _span(cell.get("colspan"))
        for offset in range(n_columns):
            shown = text if offset == 0 else ""
            if n_rows > 1:
                reserved[len(cells)] = (n_rows - 1, shown)
            cells.append(shown)
    take_pending()
    pending.update(reserved)
    return tuple(cells)


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _MAX_SPAN) if value is not None and value.strip().isdecimal() else 1


def _is_header(row: Node) -> bool:
    parent = row.getparent()
    if parent is not None and parent.tag == "thead":
        return True
    cells: list[Node] = list(row.iterchildren("td", "th"))
    return bool(cells) and all(cell.tag == "th" for cell in cells)


def _text(element: Node) -> str:
    return " ".join("".join(element.itertext()).split())
