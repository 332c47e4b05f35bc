"""Tables in HTML to rows of cells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import lxml.html

from ingestion.elements import table_row
from ingestion.parsing.xml_trees import Node


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MAX_SPAN = 1_000
_MAX_COLUMNS = 1_000
_MAX_REPEATED_CHARS = 1_000
"""A page may say that a cell reaches over a billion columns, or repeat a book in each of a million rows."""

_NOT_SHOWN = _names(
    "annotation annotation-xml audio button canvas datalist embed head iframe input map meter noscript object optgroup option progress "
    "rp rt script select style svg template textarea title video"
)
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_INLINE = _names(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark math mi mn mo mrow msub msup q ruby s samp small "
    "span strike strong sub sup time tt u var wbr"
)
_MAX_CELL_CHARS_OF_DATA = 2_000


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
    """Return the first table of ``markup``; None where there is none or it has no text."""
    try:
        root = cast("Node", lxml.html.fragment_fromstring(markup, create_parent=True))
    except (SyntaxError, ValueError, AssertionError):  # lxml's parse errors are syntax errors
        return None
    tables: list[Node] = list(root.iter("table"))
    return table_of(tables[0]) if tables else None


def table_of(table: Node) -> HtmlTable | None:
    """Return what a table holds; None where it has no text.

    A cell over several rows is repeated in each of them, so that every row can be understood alone; over several columns it stands in
    the first one. Rows in ``thead`` are the header, else rows of ``th`` alone at the top, else the first row of a table with more.
    """
    grid: list[tuple[str, ...]] = []
    n_header_rows = 0
    pending: dict[int, tuple[int, str]] = {}
    has_head = any(child.tag == "thead" for child in table)
    for row in own_rows(table):
        cells = _cells(row, pending)
        if not any(cells):
            continue
        if n_header_rows == len(grid) and _is_header(row, has_head=has_head, is_first=not grid):
            n_header_rows += 1
        grid.append(cells)
    if not grid:
        return None
    if n_header_rows in (0, len(grid)):
        n_header_rows = 1 if len(grid) >= 2 else 0
    caption = next((text for child in table if child.tag == "caption" and (text := flat_text(child))), None)
    return HtmlTable(tuple(grid), n_header_rows, caption)


def own_rows(table: Node) -> Iterator[Node]:
    """Yield the rows of a table, without those of tables in its cells."""
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def is_layout(table: Node) -> bool:
    """Whether a table only places things.

    It says so, has a single cell, or has no header and cells that hold headings or long text, or tables in a single column.
    """
    if table.get("role") in ("presentation", "none"):
        return True
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in own_rows(table)]
    cells = [cell for row in rows for cell in row]
    if len(cells) <= 1:
        return True
    if any(cell.tag == "th" for cell in cells) or any(child.tag in ("caption", "thead") for child in table):
        return False
    is_column = all(len(row) <= 1 for row in rows)
    return any(_holds_a_page(cell, is_column=is_column) for cell in cells)


def _holds_a_page(cell: Node, *, is_column: bool) -> bool:
    if any(True for _ in cell.iter("h1", "h2", "h3", "h4", "h5", "h6", *(["table"] if is_column else []))):
        return True
    return len(cell.text_content()) > _MAX_CELL_CHARS_OF_DATA


def is_hidden(node: Node) -> bool:
    """Whether a node is not shown, or is a control that people operate and not something that they read."""
    if not isinstance(node.tag, str) or node.tag in _NOT_SHOWN or node.get("hidden") is not None or node.get("aria-hidden") == "true":
        return True
    return _HIDING_STYLE.search(node.get("style", "")) is not None


def flat_text(node: Node) -> str:
    """Return the text that a node shows, on one line, with spaces between its blocks."""
    parts: list[str] = []
    waiting: list[Node | str] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        if item is not node and item.tail:
            waiting.append(item.tail)
        if item is not node and is_hidden(item):
            continue
        border = "" if item.tag in _INLINE else " "
        parts.append(border)
        waiting.append(border)
        waiting.extend(reversed(item))
        if item.text:
            waiting.append(item.text)
    return " ".join("".join(parts).split())


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
        if len(cells) >= _MAX_COLUMNS:
            break
        text = flat_text(cell)
        n_rows, n_columns = _span(cell.get("rowspan")), _span(cell.get("colspan"))
        for offset in range(min(n_columns, _MAX_COLUMNS - len(cells))):
            shown = text if offset == 0 else ""
            if n_rows > 1:
                reserved[len(cells)] = (n_rows - 1, shown if len(shown) <= _MAX_REPEATED_CHARS else "")
            cells.append(shown)
    take_pending()
    pending.update(reserved)
    return tuple(cells)


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _MAX_SPAN) if value is not None and value.strip().isdecimal() and len(value) <= 12 else 1


def _is_header(row: Node, *, has_head: bool, is_first: bool) -> bool:
    """Whether a row is of the header; one whose ``th`` reach down are the headings of the rows beside them."""
    if has_head:
        return row.getparent().tag == "thead"
    cells: list[Node] = list(row.iterchildren("td", "th"))
    return bool(cells) and all(cell.tag == "th" and (is_first or _span(cell.get("rowspan")) == 1) for cell in cells)
