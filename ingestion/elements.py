"""Builds a document's text together with its elements, so that every element is ``text[start:end]`` by construction."""

from dataclasses import replace

from footnote.core.errors import DocumentTooLarge
from footnote.core.types import Box, Document, Element, ElementKind
from ingestion.pieces import Piece

ELEMENT_SEPARATOR = "\n\n"
CELL_SEPARATOR = " | "
_TITLE_WITHIN = 3


def table_row(cells: list[str]) -> str:
    """Return a table's row as one line: cells without line breaks, empty ones at the end left out."""
    flat = [" ".join(cell.split()) for cell in cells]
    while flat and not flat[-1]:
        flat.pop()
    return CELL_SEPARATOR.join(flat).strip()


class DocumentBuilder:
    """Takes elements in reading order. Elements without text are left out; a blank line separates the others.

    A long document can be handed on while it is built: ``take`` returns what has come since the last time, and forgets it.
    """

    def __init__(self, *, max_text_chars: int) -> None:
        self._max_text_chars = max_text_chars
        self._pieces: list[str] = []
        self._elements: list[Element] = []
        self._length = 0
        self._taken_chars = 0
        self._n_elements = 0
        self._heading: str | None = None

    @property
    def is_empty(self) -> bool:
        return self._n_elements == 0

    @property
    def waiting_chars(self) -> int:
        """How much text there is to take."""
        return self._length - self._taken_chars

    def add(
        self,
        kind: ElementKind,
        text: str,
        *,
        page: int | None = None,
        box: Box | None = None,
        level: int | None = None,
        n_header_rows: int = 0,
        caption: str | None = None,
    ) -> None:
        """Append an element.

        Raises:
            DocumentTooLarge: the text has become longer than it may be.
        """
        element = Element(kind=kind, start=0, end=0, page=page, box=box, level=level, n_header_rows=n_header_rows, caption=caption)
        self.add_like(element, text)

    def add_like(self, element: Element, text: str) -> None:
        """Append an element with the properties of another one, and a text and a position of its own."""
        stripped = text.strip()
        if not stripped:
            return
        if self._n_elements:
            self._pieces.append(ELEMENT_SEPARATOR)
            self._length += len(ELEMENT_SEPARATOR)
        start = self._length
        self._pieces.append(stripped)
        self._length += len(stripped)
        if self._length > self._max_text_chars:
            raise DocumentTooLarge(
                f"The document's text is longer than {self._max_text_chars:,} characters.",
                hint="Split it, or raise ingestion.max_text_chars.",
                code="text_limit",
            )
        self._note_heading(element, stripped)
        self._n_elements += 1
        self._elements.append(replace(element, start=start, end=self._length))

    def _note_heading(self, element: Element, text: str) -> None:
        may_be_title = element.kind is ElementKind.TITLE and self._n_elements < _TITLE_WITHIN and not text[0].isdecimal()
        if may_be_title and self._heading is None:
            self._heading = " ".join(text.split())

    def take(self) -> Piece:
        """Return what was added since the last call, and forget it; offsets go on from the document's beginning."""
        piece = Piece("".join(self._pieces), tuple(self._elements))
        self._pieces.clear()
        self._elements.clear()
        self._taken_chars = self._length
        return piece

    def build(
        self,
        *,
        media_type: str,
        title: str | None = None,
        n_pages: int | None = None,
        language: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> Document:
        """Return the document, less what was taken.

        Without a title of its own, a heading among its first elements becomes its title, unless it is numbered.
        """
        rest = self.take()
        return Document(
            text=rest.text,
            elements=rest.elements,
            media_type=media_type,
            title=title if title is not None else self._heading,
            n_pages=n_pages,
            language=language,
            notes=notes,
        )
