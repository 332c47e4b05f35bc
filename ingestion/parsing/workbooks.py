"""XLSX, by openpyxl: what the cells show, a heading for each sheet, and a table for each block of rows.

unstructured reads workbooks through pandas, which makes ``1`` of ``1.0`` or the other way round by what else stands in a column, drops the
places of empty cells, and takes every cell for a table's that touches another's corner.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.grids import add_sheet
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.office import check_archive

_PERCENT = re.compile(r"^[#0,]*(?:\.(?P<places>0+))?%")
_DIGITS_OF_A_NUMBER = 15
"""What a spreadsheet shows at most, and what it computes with: ``0.1 + 0.2`` is shown as 0.3."""


def parse_xlsx(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a workbook, its hidden sheets too; of a formula its last result, as the program stored it.

    Raises:
        UnreadableDocument: it is damaged.
    """
    check_archive(path, main_part="xl/workbook.xml", limits=limits)
    import openpyxl  # noqa: PLC0415 - a fifth of a second

    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    try:
        with path.open("rb") as file:  # of a path, openpyxl looks at the name's end
            book: Any = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what a file says of its size may be a million empty rows, or too little
                builder.add(ElementKind.TITLE, sheet.title, level=1)
                add_sheet(builder, _rows(sheet, max_chars=limits.max_text_chars))
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument(
            "The workbook is damaged, or not what it says it is.",
            hint="Open it in the program that made it, save it again, and upload the new copy.",
            code="damaged",
        ) from error
    return builder.build(media_type=MediaType.XLSX)


def _rows(sheet: Any, *, max_chars: int) -> Iterator[list[str]]:
    """Yield the rows as text until there is more of it than a document may have; the last one makes it too much."""
    n_chars = 0
    for cells in sheet.iter_rows():
        row = [shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in cells]
        yield row
        n_chars += sum(len(text) + 1 for text in row if text)
        if n_chars > max_chars + 1:
            return


def shown(value: object, number_format: str = "General") -> str:
    """Return a cell's value as people see it: dates as dates, whole numbers without a point, percentages with their sign."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return _number(value, number_format)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, (date, time)) else " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    percent = _PERCENT.match(number_format)
    if percent is not None:
        return f"{100 * value:.{len(percent['places'] or '')}f}%"
    return f"{value:.{_DIGITS_OF_A_NUMBER}g}" if isinstance(value, float) else str(value)
