"""PDF: text and coordinates by PDFium, tables by pdfplumber and by alignment. docs/pdf-parsing.md says why, with figures.

Pages are read one after the other, in windows, and what was made of them waits in a file: memory does not grow with their number.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits, Progress, unreported
from ingestion.parsing.ocr.recogniser import MAX_PIXELS, NoRecogniser, Recogniser, find_recogniser, nothing_recognised
from ingestion.parsing.page_glyphs import PageGlyphs
from ingestion.parsing.page_ranges import page_ranges
from ingestion.parsing.pdf.assembly import add_pages
from ingestion.parsing.pdf.blocks import blocks_of
from ingestion.parsing.pdf.drawing import PagePicture, draw_page, shows_nothing
from ingestion.parsing.pdf.glyphs import PDFIUM_LOCK, read_page
from ingestion.parsing.pdf.spool import PageSpool, SpooledPage, spooled
from ingestion.parsing.pdf.tables import ruled_tables
from ingestion.pieces import PieceOrEnd, assembled, in_pieces

_SAVE_AGAIN = "Open it in a viewer and save it again, then upload the new copy."

_WINDOW_PAGES = 100
"""PDFium keeps what it has read of a file for as long as the file is open: it is opened anew for each window."""


def parse_pdf(path: Path, *, limits: ParsingLimits, with_ruled_tables: bool = True) -> Document:
    """Return a PDF's document: titles, paragraphs, list items and tables with their page and box.

    Args:
        path: the file.
        limits: bounds on pages and text.
        with_ruled_tables: look for tables with ruling lines; without it they come out as aligned tables or as text.

    Raises:
        UnreadableDocument: it is encrypted, damaged, has no pages, or no text.
        DocumentTooLarge: it has too many pages, or too much text.
    """
    return assembled(pdf_in_pieces(path, limits=limits, with_ruled_tables=with_ruled_tables))


def pdf_in_pieces(
    path: Path, *, limits: ParsingLimits, with_ruled_tables: bool = True, progress: Progress = unreported
) -> Iterator[PieceOrEnd]:
    """Return what ``parse_pdf`` returns, in pieces: memory holds one window of the file's pages, whatever its length.

    What a page is made of waits in a temporary file until the whole document has told which lines run through it, in which sizes it is
    set, and which words it has.
    """
    reading = _Reading(limits, with_ruled_tables=with_ruled_tables)
    with PageSpool() as pages:
        for page in reading.pages_of(path, progress=progress):
            pages.add(page)
        reading.check_text(pages)
        builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
        yield from add_pages(builder, pages)
        end = builder.build(media_type=MediaType.PDF, n_pages=pages.n_pages, notes=tuple(reading.notes_on(pages)))
    yield from in_pieces(end)


# ---------------------------------------------------------------------------------------------------------------------------- reading


class _Reading:
    """Reads the pages of one file, and keeps what is to be said of it."""

    def __init__(self, limits: ParsingLimits, *, with_ruled_tables: bool) -> None:
        self._limits = limits
        self._with_ruled_tables = with_ruled_tables
        self._recogniser: Recogniser | NoRecogniser | None = None
        self._damaged: list[int] = []

    def pages_of(self, path: Path, *, progress: Progress) -> Iterator[SpooledPage]:
        n_pages, start = 1, 0
        while start < n_pages:
            with ExitStack() as stack:
                document = _open(path, stack=stack)
                with PDFIUM_LOCK:
                    n_pages = len(document)
                _check_page_count(n_pages, limits=self._limits)
                for index in range(start, min(start + _WINDOW_PAGES, n_pages)):
                    yield self._page(document, index)
                    progress(index + 1, n_pages)
            start += _WINDOW_PAGES

    def check_text(self, pages: PageSpool) -> None:
        """Refuse a file without any text, and say what would help."""
        if pages.has_text:
            return
        if isinstance(self._recogniser, NoRecogniser):
            raise UnreadableDocument("The PDF is scanned: its pages are pictures without text.", hint=self._recogniser.hint, code="no_text")
        if isinstance(self._recogniser, Recogniser):
            raise nothing_recognised(self._recogniser, where="on the PDF's pages")
        if self._damaged:
            raise UnreadableDocument("The PDF's pages are damaged.", hint=_SAVE_AGAIN, code="damaged")
        raise UnreadableDocument("The PDF's pages are empty.", hint="Upload a copy that shows something.", code="no_text")

    def notes_on(self, pages: PageSpool) -> list[str]:
        """Say which pages lack text, and which of it is not the file's own."""
        notes = [f"Damaged and left out: {page_ranges(self._damaged)}."] if self._damaged else []
        if isinstance(self._recogniser, Recogniser):
            notes.extend(self._recogniser.notes())
        if pages.without_text:
            hint = f" {self._recogniser.hint}" if isinstance(self._recogniser, NoRecogniser) else ""
            notes.append(f"No text on {page_ranges(pages.without_text)} of {pages.n_pages}: scanned, or only pictures.{hint}")
        return notes

    def _page(self, document: pdfium.PdfDocument, index: int) -> SpooledPage:
        number = index + 1
        glyphs, picture, is_blank = self._glyphs(document, index)
        if picture is not None and isinstance(self._recogniser, Recogniser):
            return spooled(self._recogniser.page(picture.image, number=number, dpi=picture.dpi))
        ruled = ruled_tables(glyphs) if self._with_ruled_tables else []
        return SpooledPage(number, glyphs.height, tuple(blocks_of(glyphs, ruled)), is_blank=is_blank)

    def _glyphs(self, document: pdfium.PdfDocument, index: int) -> tuple[PageGlyphs, PagePicture | None, bool]:
        """Return a page's words, its picture if it shows something but has none, and whether it is blank.

        A page that PDFium cannot load is left out.
        """
        with PDFIUM_LOCK, ExitStack() as stack:
            try:
                page = document[index]
                stack.callback(page.close)
                glyphs = read_page(page, number=index + 1)
                if glyphs.words or shows_nothing(page):
                    return glyphs, None, not glyphs.words
                if self._recogniser is None:
                    self._recogniser = find_recogniser(self._limits)
                if isinstance(self._recogniser, NoRecogniser):
                    return glyphs, None, False
                return glyphs, draw_page(page, max_pixels=min(MAX_PIXELS, self._limits.max_image_pixels)), False
            except pdfium.PdfiumError:
                self._damaged.append(index + 1)
                return PageGlyphs(number=index + 1, width=0.0, height=0.0, words=(), rulings=()), None, True


def _open(path: Path, *, stack: ExitStack) -> pdfium.PdfDocument:
    try:
        with PDFIUM_LOCK:
            _forget_last_error()
            document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
            raise UnreadableDocument(
                "The PDF is protected by a password.", hint="Save a copy without the password and upload that.", code="password"
            ) from error
        if code == pdfium_c.FPDF_ERR_FILE:  # what _forget_last_error left: it was read without an error, and there is nothing in it
            raise UnreadableDocument("The PDF has no pages.", hint=_SAVE_AGAIN, code="damaged") from error
        raise UnreadableDocument("The PDF is damaged or truncated.", hint=_SAVE_AGAIN, code="damaged") from error
    stack.callback(_close, document)
    return document


def _forget_last_error() -> None:
    """Make PDFium's last error one that cannot come from a file that exists.

    A PDF without pages is refused without setting an error, so that the one of an earlier document would be taken for its own.
    """
    pdfium_c.FPDF_LoadDocument(b"", None)


def _close(document: pdfium.PdfDocument) -> None:
    with PDFIUM_LOCK:
        document.close()


def _check_page_count(n_pages: int, *, limits: ParsingLimits) -> None:
    if n_pages == 0:
        raise UnreadableDocument("The PDF has no pages.", hint=_SAVE_AGAIN, code="damaged")
    if n_pages > limits.max_pages:
        raise DocumentTooLarge(
            f"The PDF has {n_pages:,} pages; at most {limits.max_pages:,} are read.",
            hint="Split it, or raise ingestion.max_pages.",
            code="page_limit",
        )
