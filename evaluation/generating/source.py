"""A document as rules look at it: its sections, in order, each with its heading, paragraphs, lists and tables. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from footnote.core.types import Document, Element, ElementKind
from serving.judge.sentences import sentence_spans

CELL_BORDER = " | "
MAX_CHARS = 400_000
"""Of a longer document the beginning is looked at: it has more to ask than any set takes of one."""

_NUMBERING = re.compile(
    r"^\s*(?:(?:chapter|section|part|item|article|annex|appendix|§)\s+)?(?:\d{1,2}(?:\.\d{1,2})*[.):]?|(?:[A-Z]|[IVX]+)[.):])\s+(?=\S)",
    re.IGNORECASE,
)
_NOTE_MARK = re.compile(r"\s*\[\d+\]")
_LETTERS = re.compile(r"[^\W\d_]{3}")
_CLOCK = re.compile(r"\d:\d\d")
MAX_TITLE_CHARS = 80
_NAMES_COLUMN = re.compile(r"[^\W\d_]{2}|^(?:19|20)\d\d$")
MIN_ROWS_OF_TWO_CELLS = 3
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document; ``start`` and ``end`` are offsets in the document's text, ``text`` has single spaces."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; ``cells`` are without the white space around them."""

    start: int
    end: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one header row."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    page: int | None
    caption: str | None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text or a list item; ``end`` is where it ends in the document's text."""

    start: int
    end: int
    page: int | None
    is_list_item: bool
    sentences: tuple[Sentence, ...]


@dataclass(slots=True)
class Section:
    """What stands under a heading, up to the next one. ``heading`` is without its number, and empty before the first one."""

    heading: str
    is_title: bool = False
    parts: list[Paragraph | Table] = field(default_factory=list["Paragraph | Table"])

    @property
    def paragraphs(self) -> list[Paragraph]:
        return [part for part in self.parts if isinstance(part, Paragraph)]

    @property
    def tables(self) -> list[Table]:
        return [part for part in self.parts if isinstance(part, Table)]


@dataclass(frozen=True, slots=True)
class Source:
    """A document that cases are made of.

    Args:
        name: the file's, by which a case names it.
        label: what questions call it: its title where no other document has the same, else its file's name.
        document: its text and elements.
    """

    name: str
    label: str
    document: Document


def sections_of(document: Document) -> Iterator[Section]:
    """Yield the sections in the order of the document; ones without content are left out."""
    section = Section(heading="")
    for element in document.elements:
        if element.end > MAX_CHARS:
            break
        if element.kind is ElementKind.TITLE:
            if section.parts:
                yield section
            text = one_line(document.text[element.start : element.end])
            section = Section(heading=unnumbered(text), is_title=document.title is not None and text == document.title.strip())
        elif element.kind in (ElementKind.TEXT, ElementKind.LIST_ITEM):
            section.parts.append(_paragraph(document.text, element))
        elif element.kind is ElementKind.TABLE:
            table = _table(document.text, element)
            if table is not None:
                section.parts.append(table)
    if section.parts:
        yield section


def one_line(text: str) -> str:
    """Return a text with single spaces, without white space around it."""
    return _SPACE.sub(" ", text).strip()


def unnumbered(heading: str) -> str:
    """Return a heading without the number before it and the marks of notes behind it."""
    return _NOTE_MARK.sub("", _NUMBERING.sub("", heading, count=1)).strip()


def label_of(title: str | None, filename: str) -> str:
    """Return what people call a document: its title where that is one, else its file's name."""
    plain = one_line(title or "").replace("“", "").replace("”", "")
    n_upper = sum(word.isupper() and len(word) > 1 for word in plain.split())
    is_title = 4 <= len(plain) <= MAX_TITLE_CHARS and n_upper < 4 and _LETTERS.search(plain) and not _CLOCK.search(plain)
    return plain if is_title else filename


def _paragraph(text: str, element: Element) -> Paragraph:
    own = text[element.start : element.end]
    sentences = tuple(
        Sentence(start=element.start + start, end=element.start + end, text=one_line(own[start:end])) for start, end in sentence_spans(own)
    )
    is_list_item = element.kind is ElementKind.LIST_ITEM
    return Paragraph(start=element.start, end=element.end, page=element.page, is_list_item=is_list_item, sentences=sentences)


def _table(text: str, element: Element) -> Table | None:
    """Return a table whose one header row says what each cell of a row is; None of any other, and of what only looks like a table."""
    rows = list(_rows(text, element))
    if element.n_header_rows != 1 or len(rows) < 2:
        return None
    header = rows[0].cells
    whole = tuple(row for row in rows[1:] if len(row.cells) == len(header))
    if len(whole) < (MIN_ROWS_OF_TWO_CELLS if len(header) == 2 else 2) or len(whole) * 5 < (len(rows) - 1) * 4 or not _is_header(header):
        return None
    return Table(header=header, rows=whole, page=element.page, caption=_NOTE_MARK.sub("", element.caption) if element.caption else None)


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a row names columns: each has a name of its own, and none is a form's field or a value."""
    names = [cell.casefold() for cell in cells]
    named = names if names[0] else names[1:]
    return (
        len(cells) >= 2 and len(set(names)) == len(names) and all(_NAMES_COLUMN.search(name) and not name.endswith(":") for name in named)
    )


def _rows(text: str, element: Element) -> Iterator[Row]:
    start = element.start
    for line in text[element.start : element.end].split("\n"):
        yield Row(start=start, end=start + len(line), cells=tuple(one_line(cell) for cell in line.split(CELL_BORDER)))
        start += len(line) + 1
