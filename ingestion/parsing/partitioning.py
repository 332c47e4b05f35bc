"""unstructured's partition functions: called without the network, their errors translated, their elements turned into ours."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from footnote.core.errors import UnreadableDocument
from footnote.core.types import ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.parsing.captions import is_table_caption
from ingestion.parsing.html_tables import read_table
from ingestion.parsing.language_pipeline import prepare
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS

if TYPE_CHECKING:
    from unstructured.documents.elements import Element as Piece

NO_LANGUAGE_DETECTION = [""]
"""What unstructured takes for "do not detect": cleaning notes the language of the whole document once."""

_KINDS = {
    "Title": ElementKind.TITLE,
    "ListItem": ElementKind.LIST_ITEM,
    "Table": ElementKind.TABLE,
    "FigureCaption": ElementKind.CAPTION,
    "CodeSnippet": ElementKind.CODE,
    "Formula": ElementKind.FORMULA,
    "Image": ElementKind.IMAGE,
}
_LEFT_OUT = frozenset({"Header", "Footer", "PageBreak", "PageNumber"})
"""Running headers and footers stand on every page and say nothing about the text between them."""

_MAX_LEVEL = 6


def partitioned(partition: Callable[[], "list[Piece]"], *, what: str) -> "list[Piece]":
    """Call a partition function and return its elements.

    Args:
        partition: the function with its arguments; what it imports is loaded when it runs.
        what: the kind of document, for the message.

    Raises:
        UnreadableDocument: the parser gave up on the file.
    """
    prepare()
    from docx.opc.exceptions import OpcError  # noqa: PLC0415 - these vendors take seconds to load
    from pptx.exc import PythonPptxError  # noqa: PLC0415
    from unstructured.errors import UnprocessableEntityError  # noqa: PLC0415

    try:
        return partition()
    except (*MALFORMED_INPUT_ERRORS, OpcError, PythonPptxError, UnprocessableEntityError) as error:
        raise UnreadableDocument(
            f"The {what} is damaged, or not what it says it is.",
            hint="Open it in the program that made it, save it again, and upload the new copy.",
        ) from error


def add_pieces(
    builder: DocumentBuilder,
    pieces: "Iterable[Piece]",
    *,
    heading_level: "Callable[[Piece], int | None]",
    with_pages: bool = False,
) -> None:
    """Append unstructured's elements to a document.

    Args:
        builder: the document.
        pieces: the elements, in reading order.
        heading_level: the level of an element that is a heading, else None; what unstructured took for a title becomes text then.
        with_pages: whether the elements' page numbers are pages that people know.
    """
    caption: str | None = None
    for piece in pieces:
        category = type(piece).__name__
        if category in _LEFT_OUT:
            continue
        page = piece.metadata.page_number if with_pages else None
        if category == "Table" and _add_table(builder, piece, page=page, caption=caption):
            caption = None
            continue
        level = heading_level(piece)
        kind = ElementKind.TITLE if level is not None else _KINDS.get(category, ElementKind.TEXT)
        if kind in (ElementKind.TITLE, ElementKind.TABLE) and level is None:
            kind = ElementKind.TEXT
        text = piece.text if kind is ElementKind.CODE else _unwrapped(piece.text)
        caption = text if level is None and (kind is ElementKind.CAPTION or is_table_caption(text)) else None
        kind = ElementKind.CAPTION if caption is not None else kind
        builder.add(kind, text, page=page, level=min(level, _MAX_LEVEL) if level is not None else None)


def level_by_depth(piece: "Piece") -> int | None:
    """Return the level of a heading as its style or tag gives it."""
    if type(piece).__name__ != "Title":
        return None
    return (piece.metadata.category_depth or 0) + 1


def _add_table(builder: DocumentBuilder, piece: "Piece", *, page: int | None, caption: str | None) -> bool:
    table = read_table(piece.metadata.text_as_html or "")
    if table is None or not table.text:
        return False
    builder.add(ElementKind.TABLE, table.text, page=page, n_header_rows=table.n_header_rows, caption=table.caption or caption)
    return True


def _unwrapped(text: str) -> str:
    """Return a paragraph on one line: line breaks inside it come from the file's own wrapping."""
    return " ".join(text.split())
