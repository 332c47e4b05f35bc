"""PDF: text and coordinates by PDFium, tables by pdfplumber and by alignment. docs/pdf-parsing.md says why, with figures.

Pages are read one after the other, in windows, and what was made of them waits in a file: memory does not grow with their number.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import reduce
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.hyphenation import joined, vocabulary
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits, Progress, unreported
from ingestion.parsing.pdf.blocks import Block, Line, blocks_of
from ingestion.parsing.pdf.glyphs import PDFIUM_LOCK, PageGlyphs, read_page
from ingestion.parsing.pdf.headings import HeadingLevels, TypeSurvey
from ingestion.parsing.pdf.running import RunningLines
from ingestion.parsing.pdf.segments import joined_by_space
from ingestion.parsing.pdf.spool import PageSpool, SpooledPage
from ingestion.parsing.pdf.tables import ruled_tables
from ingestion.pieces import PIECE_CHARS, PieceOrEnd, assembled, in_pieces

_CAPTION = re.compile(r"^(table|tab\.|tabelle|tableau|tabla|exhibit)\s*[\dIVX]", re.IGNORECASE)
_SAVE_AGAIN = "Open it in a viewer and save it again, then upload the new copy."
_SCANNED_HINT = "It seems to be scanned, and there is no text recognition (OCR) here: upload a copy with a text layer."


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
    notes: list[str] = []
    with PageSpool() as pages:
        for page in _read_pages(path, limits=limits, with_ruled_tables=with_ruled_tables, notes=notes, progress=progress):
            pages.add(page)
        if pages.n_pages == pages.n_without_text:
            raise UnreadableDocument("The PDF has no text.", hint=_SCANNED_HINT, code="no_text")
        kept = _KeptBlocks(pages)
        builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
        for _ in _add_blocks(builder, kept):
            if builder.waiting_chars >= PIECE_CHARS:
                yield builder.take()
        if pages.n_without_text:
            notes.append(f"{pages.n_without_text} of {pages.n_pages} pages have no text; they may be scanned or show only pictures.")
        end = builder.build(media_type=MediaType.PDF, n_pages=pages.n_pages, notes=tuple(notes))
    yield from in_pieces(end)


# ---------------------------------------------------------------------------------------------------------------------------- reading


def _read_pages(
    path: Path, *, limits: ParsingLimits, with_ruled_tables: bool, notes: list[str], progress: Progress
) -> Iterator[SpooledPage]:
    n_pages, start = 1, 0
    while start < n_pages:
        with ExitStack() as stack:
            document = _open(path, stack=stack)
            with PDFIUM_LOCK:
                n_pages = len(document)
            _check_page_count(n_pages, limits=limits)
            for index in range(start, min(start + _WINDOW_PAGES, n_pages)):
                glyphs = _read_page(document, index, notes=notes)
                ruled = ruled_tables(glyphs) if with_ruled_tables else []
                yield SpooledPage(glyphs.height, tuple(blocks_of(glyphs, ruled)))
                progress(index + 1, n_pages)
        start += _WINDOW_PAGES


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


def _read_page(document: pdfium.PdfDocument, index: int, *, notes: list[str]) -> PageGlyphs:
    """Read one page; a page that PDFium cannot load is left out, with a note."""
    with PDFIUM_LOCK, ExitStack() as stack:
        try:
            page = document[index]
            stack.callback(page.close)
            return read_page(page, number=index + 1)
        except pdfium.PdfiumError:
            notes.append(f"Page {index + 1} is damaged and was left out.")
            return PageGlyphs(number=index + 1, width=0.0, height=0.0, words=(), rulings=())


# --------------------------------------------------------------------------------------------------------------------------- building


class _KeptBlocks:
    """The blocks of all pages without running headers and footers; all of them where nothing else would be left."""

    def __init__(self, pages: PageSpool) -> None:
        self._pages = pages
        self._running = RunningLines()
        survey = TypeSurvey()
        for page in pages:
            self._running.see(page.blocks, page_height=page.height)
            survey.see(page.blocks)
        self._body_size = survey.body_size
        self._keeps_all = not any(True for _ in self)

    def __iter__(self) -> Iterator[Block]:
        for page in self._pages:
            if self._keeps_all:
                yield from page.blocks
            else:
                yield from self._running.without(page.blocks, page_height=page.height, body_size=self._body_size)

    _keeps_all = False


def _add_blocks(builder: DocumentBuilder, blocks: Iterable[Block]) -> Iterator[None]:
    """Add blocks, which can be gone through several times; what is added can be taken away between any two."""
    survey = TypeSurvey()
    survey.see(blocks)
    levels = HeadingLevels(survey)
    words = vocabulary(line.text for block in blocks for line in block.lines)
    caption: str | None = None
    for block in blocks:
        if block.table is not None:
            table = block.table
            builder.add(ElementKind.TABLE, table.text, page=block.page, box=block.box, n_header_rows=table.n_header_rows, caption=caption)
            caption = None
        else:
            text = _flowing(block.lines, words=words)
            level = levels.level_of(block)
            caption = text if _CAPTION.match(text) and len(text) <= 300 else None
            builder.add(_kind(block, level=level, is_caption=caption is not None), text, page=block.page, box=block.box, level=level)
        yield


def _kind(block: Block, *, level: int | None, is_caption: bool) -> ElementKind:
    if is_caption:
        return ElementKind.CAPTION
    if level is not None:
        return ElementKind.TITLE
    return ElementKind.LIST_ITEM if block.is_list_item else ElementKind.TEXT


def _flowing(lines: tuple[Line, ...], *, words: frozenset[str]) -> str:
    """Return lines as one paragraph: broken words put together, line breaks replaced by spaces."""
    pieces = [lines[0].text]
    for line in lines[1:]:
        mended = joined(pieces[-1], line.text, words=words)
        pieces[-1:] = [mended] if mended is not None else [pieces[-1], line.text]
    return reduce(joined_by_space, pieces)
