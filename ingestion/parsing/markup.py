"""HTML, Markdown and plain text."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from footnote.core.types import Document
from ingestion.decoding import decoded
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.partitioning import NO_LANGUAGE_DETECTION, add_pieces, partitioned
from ingestion.parsing.web_pages import add_page

if TYPE_CHECKING:
    from unstructured.documents.elements import Element as Piece

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})[.)]?\s+\S")
_ENDS_LIKE_TEXT = re.compile(r"[.,;:!?]$")
_MAX_HEADING_WORDS = 12
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)


def parse_html(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a web page, without its site's navigation and footer."""
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    add_page(builder, decoded(path.read_bytes()))
    return builder.build(media_type=MediaType.HTML)


def parse_markdown(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a Markdown document, without the settings that some tools keep at its top."""
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    add_markdown(builder, decoded(path.read_bytes()))
    return builder.build(media_type=MediaType.MARKDOWN)


def add_markdown(builder: DocumentBuilder, text: str) -> None:
    """Append Markdown to a document: it stands for a web page, and may have parts of one in it."""
    import markdown  # noqa: PLC0415 - a tenth of a second

    page = markdown.markdown(_FRONT_MATTER.sub("", text), extensions=["tables", "fenced_code", "sane_lists", "footnotes"])
    add_page(builder, page)


def parse_text(path: Path, *, limits: ParsingLimits) -> Document:
    """Return plain text: a paragraph for each block of lines; short blocks that are numbered or in capitals are headings."""
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    add_pieces(builder, pieces_of_text(decoded(path.read_bytes())), heading_level=level_of_plain_heading)
    return builder.build(media_type=MediaType.TEXT)


def pieces_of_text(text: str) -> "list[Piece]":
    """Return unstructured's elements of plain text."""

    def partition() -> "list[Piece]":
        from unstructured.partition.text import partition_text  # noqa: PLC0415

        return partition_text(text=text, languages=NO_LANGUAGE_DETECTION)

    return partitioned(partition, what="text") if text.strip() else []


def level_of_plain_heading(piece: "Piece") -> int | None:
    """Return the level of a heading in plain text; None for other paragraphs.

    A heading is short and does not end like a sentence. It is in capitals, with or without a number whose depth is its level, or a title
    in unstructured's view whose longer words all begin with capitals.
    """
    text = " ".join(piece.text.split())
    if _ENDS_LIKE_TEXT.search(text) or len(text.split()) > _MAX_HEADING_WORDS:
        return None
    letters = [character for character in text if character.isalpha()]
    if len(letters) < 3:
        return None
    numbered = _NUMBERED.match(text)
    if text.upper() == text and text.lower() != text:
        return numbered.group(1).count(".") + 1 if numbered else 1
    words = [word for word in text.split() if len(word) > 3 and word[0].isalpha()]
    if numbered is None and type(piece).__name__ == "Title" and len(words) >= 2 and all(word[0].isupper() for word in words):
        return 1
    return None
