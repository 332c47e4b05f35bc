"""Questions for a table's cells: what is given in the row of one label under the header of a column. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from evaluation.generating.candidate import Candidate, CaseKind, LeftOut
from evaluation.generating.source import Row, Section, Source, Table
from evaluation.generating.words import GENERIC_LABELS, has_word, is_nothing, spelling

MAX_LABEL_CHARS = 70
MAX_HEADER_CHARS = 45
MAX_VALUE_CHARS = 90
MAX_ROWS = 200
_REST = re.compile(r"(?:others?|totals?|all other|sub-?totals?|(?:item|section|part|page|note) [\divx]+[.)]?$)\b")
_CATCH_ALL = re.compile(r"\b(?:all|any|every\w*|others?|else\w*|default|standard|rest|remaining|otherwise)\b")
_PLACEHOLDER = re.compile(r"(?:row|col(?:umn)?|cell|header|field|unnamed)[\s:_.-]*\d")
MEANINGS = frozenset({"meaning", "definition", "explanation", "what it means", "stands for"})


def of_tables(source: Source, section: Section) -> Iterator[Candidate | LeftOut]:
    """Yield a candidate for each cell that a label and a header name."""
    for table in section.tables:
        yield from _of_table(source, section, table)


def title_of(source: Source, section: Section, table: Table) -> str:
    """Return how a question names where a table stands."""
    heading = table.caption if table.caption and len(table.caption) <= MAX_LABEL_CHARS else section.heading
    if not heading or section.is_title or spelling(heading) == spelling(source.label):
        return f"in “{source.label}”"
    return f"under “{heading}” in “{source.label}”"


def asked_cell(*, place: str, header: str, label: str) -> str:
    """Return the question for a cell."""
    return f"{place[0].upper()}{place[1:]}, what is given as “{header}” for “{label}”?"


def is_label(text: str) -> bool:
    """Whether a cell of the first column can name its row in a question."""
    plain = spelling(text).strip(" .*")
    if not has_word(text) or len(text) > MAX_LABEL_CHARS or plain.endswith(":") or "☐" in plain:
        return False
    return plain not in GENERIC_LABELS and not _REST.match(plain) and not _PLACEHOLDER.match(plain)


def is_catch_all(text: str) -> bool:
    """Whether a row is about whatever has no row of its own: what it says of that answers questions about rows that are not there."""
    return _CATCH_ALL.search(spelling(text)) is not None


def is_header(text: str) -> bool:
    """Whether a column's header says what its cells are."""
    is_named = has_word(text) or text.isdecimal()
    return is_named and len(text) <= MAX_HEADER_CHARS and not _PLACEHOLDER.match(spelling(text))


def _of_table(source: Source, section: Section, table: Table) -> Iterator[Candidate | LeftOut]:
    times = Counter(spelling(row.cells[0]) for row in table.rows)
    place = title_of(source, section, table)
    for row in table.rows[:MAX_ROWS]:
        label = row.cells[0]
        if not is_label(label):
            continue
        if times[spelling(label)] > 1:
            yield LeftOut.AMBIGUOUS
            continue
        for header, value in zip(table.header[1:], row.cells[1:], strict=True):
            if is_header(header):
                yield _of_cell(table, row, place=place, header=header, value=value)


def _of_cell(table: Table, row: Row, *, place: str, header: str, value: str) -> Candidate | LeftOut:
    label = row.cells[0]
    is_meaning = len(table.header) == 2 and spelling(header) in MEANINGS
    if is_nothing(value) or len(value) < 2 or spelling(value) == spelling(label):
        return LeftOut.NO_SHORT_ANSWER
    if len(value) > MAX_VALUE_CHARS and not is_meaning:
        return LeftOut.NO_SHORT_ANSWER
    return Candidate(
        kind=CaseKind.DEFINITION if is_meaning else CaseKind.TABLE,
        question=f"{place[0].upper()}{place[1:]}, what does “{label}” mean?"
        if is_meaning
        else asked_cell(place=place, header=header, label=label),
        subject=f"{spelling(place)}|{spelling(label)}|{spelling(header)}",
        answers=(value.rstrip("."),),
        reference_answer=f"“{label}” means: {value}" if is_meaning else f"For {label}, {value} is given as {header}.",
        start=row.start,
        end=row.end,
        page=table.page,
    )
