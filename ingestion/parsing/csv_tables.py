"""CSV and its relatives, by the standard library.

unstructured reads CSV through pandas, which turns the cell ``NA`` into nothing and ``007`` into ``7`` where a column looks like numbers,
and refuses files whose rows differ in length. A table that is to be quoted must say what the file says.
"""

import csv
import io
from collections import Counter
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.decoding import decoded
from ingestion.elements import DocumentBuilder, table_row
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 50


def parse_csv(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a table whose first row is its header.

    Raises:
        UnreadableDocument: a cell is larger than a cell can be, which a missing quotation mark causes.
    """
    text = decoded(path.read_bytes())
    try:
        rows = [table_row(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))]
    except csv.Error as error:
        raise UnreadableDocument(
            f"The CSV file cannot be read: {error}.", hint="Look for a quotation mark that is never closed."
        ) from error
    lines = [row for row in rows if row]
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    builder.add(ElementKind.TABLE, "\n".join(lines), n_header_rows=1 if len(lines) >= 2 else 0)
    return builder.build(media_type=MediaType.CSV)


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines into the same number of cells most often, more cells before fewer."""
    sample = [line for line in text.splitlines()[:_SAMPLE_LINES] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter, strict=False))
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        return (count if width > 1 else 0), width

    return max(_DELIMITERS, key=agreement) if sample else ","
