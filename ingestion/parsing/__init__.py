"""Parsing: a file to a document. Blocking and hungry; others call it in a child process with limits of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing.csv_tables import parse_csv
from ingestion.parsing.epub import parse_epub
from ingestion.parsing.images import IMAGE_TYPES, image_in_pieces
from ingestion.parsing.limits import ParsingLimits, Progress, unreported
from ingestion.parsing.mail import parse_mail
from ingestion.parsing.markup import parse_html, parse_markdown, parse_text
from ingestion.parsing.office import parse_pptx
from ingestion.parsing.opendocument import parse_odp, parse_ods, parse_odt
from ingestion.parsing.outlook import parse_outlook
from ingestion.parsing.pdf import pdf_in_pieces
from ingestion.parsing.rtf import parse_rtf
from ingestion.parsing.word import parse_docx
from ingestion.parsing.workbooks import parse_xlsx
from ingestion.pieces import PieceOrEnd, assembled, in_pieces
from ingestion.recognition import media_type_of

__all__ = ["ParsingLimits", "parse", "parse_in_pieces"]

_PARSERS: dict[MediaType, Callable[..., Document]] = {
    MediaType.DOCX: parse_docx,
    MediaType.PPTX: parse_pptx,
    MediaType.XLSX: parse_xlsx,
    MediaType.ODT: parse_odt,
    MediaType.ODS: parse_ods,
    MediaType.ODP: parse_odp,
    MediaType.EPUB: parse_epub,
    MediaType.RTF: parse_rtf,
    MediaType.CSV: parse_csv,
    MediaType.HTML: parse_html,
    MediaType.MARKDOWN: parse_markdown,
    MediaType.TEXT: parse_text,
    MediaType.MAIL: parse_mail,
    MediaType.OUTLOOK: parse_outlook,
}


def parse(path: Path, *, filename: str, limits: ParsingLimits) -> Document:
    """Return the document that a file holds. Needs no network.

    Args:
        path: the file's bytes, under any name.
        filename: the name that it was uploaded under.
        limits: bounds on what it may cost.

    Raises:
        UnsupportedMediaType: it is of a type that is not read.
        UnreadableDocument: it is empty, encrypted, damaged, or has no text.
        DocumentTooLarge: it has too many pages or too much text, or unpacks to too much.
    """
    return assembled(parse_in_pieces(path, filename=filename, limits=limits))


def parse_in_pieces(path: Path, *, filename: str, limits: ParsingLimits, progress: Progress = unreported) -> Iterator[PieceOrEnd]:
    """Return what ``parse`` returns, in pieces: PDFs and images while they are read, other formats when they have been read.

    Args:
        path: the file's bytes, under any name.
        filename: the name that it was uploaded under.
        limits: bounds on what it may cost.
        progress: told how many pages are done.
    """
    media_type = media_type_of(path, filename=filename)
    if media_type is MediaType.PDF:
        yield from pdf_in_pieces(path, limits=limits, progress=progress)
        return
    if media_type in IMAGE_TYPES:
        yield from image_in_pieces(path, media_type=media_type, limits=limits, progress=progress)
        return
    document = _PARSERS[media_type](path, limits=limits)
    if not document.elements:
        raise UnreadableDocument(
            "There is no text in the file.",
            hint="It may hold only pictures: text in pictures is recognised in PDFs and images.",
            code="no_text",
        )
    yield from in_pieces(document)
