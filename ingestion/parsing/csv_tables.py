"""CSV and its relatives, by the standard library.

unstructured reads CSV through pandas, which turns the cell ``NA`` into nothing and ``007`` into ``7`` where a column looks like numbers,
and refuses files whose rows differ in length. A table that is to be quoted must say what the file says.
"""

import csv
import io
from collections import Counter
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.decoding import decoded
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.grids import add_table
from ingestion.parsing.limits import ParsingLimits

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 50


def parse_csv(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a table whose first row is its header.

    Raises:
        UnreadableDocument: a cell is larger than a cell can be, which a missing quotation mark causes.
    """
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    add_csv(builder, decoded(path.read_bytes()))
    return builder.build(media_type=MediaType.CSV)


def add_csv(builder: DocumentBuilder, text: str) -> None:
    """Append the table that a text in CSV holds; errors are those of ``parse_csv``."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise UnreadableDocument(
            f"The CSV file cannot be read: {error}.", hint="Look for a quotation mark that is never closed.", code="damaged"
        ) from error
    add_table(builder, rows)


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines into the same number of cells most often, more cells before fewer."""
    sample = [line for line in text.splitlines()[:_SAMPLE_LINES] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter, strict=False))
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        return (count if width > 1 else 0), width

    return max(_DELIMITERS, key=agreement) if sample else ","
