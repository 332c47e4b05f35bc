"""A document in pieces: how it travels from the process that reads it, so that neither side needs room for two of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from footnote.core.types import Document, Element

PIECE_CHARS = 256 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that goes on where the piece before it ended, and the elements in it; their offsets count from the document's beginning."""

    text: str
    elements: tuple[Element, ...]


PieceOrEnd = Piece | Document
"""A document in pieces ends with a document that carries everything but text and elements."""


def in_pieces(document: Document, *, piece_chars: int = PIECE_CHARS) -> Iterator[PieceOrEnd]:
    """Cut a document between elements; a piece is as long as asked for, or longer by the rest of one element."""
    start, elements = 0, list[Element]()
    for element in document.elements:
        elements.append(element)
        if element.end - start >= piece_chars:
            yield Piece(document.text[start : element.end], tuple(elements))
            start = element.end
            elements.clear()
    yield Piece(document.text[start:], tuple(elements))
    yield replace(document, text="", elements=())


def assembled(pieces: Iterable[PieceOrEnd]) -> Document:
    """Return the document whose pieces come in order.

    Raises:
        ValueError: the end is missing, or an element lies outside the text.
    """
    texts: list[str] = []
    elements: list[Element] = []
    n_chars = 0
    for piece in pieces:
        if isinstance(piece, Document):
            return replace(piece, text="".join(texts), elements=tuple(elements))
        texts.append(piece.text)
        elements.extend(piece.elements)
        n_chars += len(piece.text)
        if any(not 0 <= element.start <= element.end <= n_chars for element in piece.elements):
            raise ValueError("an element lies outside the document's text")
    raise ValueError("the document's end is missing")
