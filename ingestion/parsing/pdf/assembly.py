"""Pages to a document: running lines left out, headings told by the sizes of the whole, broken words put together."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

from footnote.core.types import Box, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.hyphenation import joined, vocabulary
from ingestion.parsing.pdf.blocks import Block, Line
from ingestion.parsing.pdf.headings import HeadingLevels, TypeSurvey
from ingestion.parsing.pdf.running import RunningLines
from ingestion.parsing.pdf.segments import joined_by_space
from ingestion.parsing.pdf.spool import PageSpool
from ingestion.parsing.pdf.tables import TableText, continued
from ingestion.pieces import PIECE_CHARS, Piece

_CAPTION = re.compile(r"^(table|tab\.|tabelle|tableau|tabla|exhibit)\s*[\dIVX]", re.IGNORECASE)


def add_pages(builder: DocumentBuilder, pages: PageSpool) -> Iterator[Piece]:
    """Add the blocks of all pages to a document, and take from it whenever a piece is full; the last one stays in it."""
    for _ in _add_blocks(builder, _KeptBlocks(pages), box_of=pages.shown_box):
        if builder.waiting_chars >= PIECE_CHARS:
            yield builder.take()


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


@dataclass(frozen=True, slots=True)
class _TablePart:
    """A table, or the part of one that stands on a page."""

    page: int
    table: TableText
    caption: str | None

    def going_on_from(self, before: "_TablePart") -> "_TablePart":
        """Return the part with the header and the caption of the one that ends the page before, if it is the rest of the same table."""
        table = continued(before.table, self.table)
        return self if table is None else _TablePart(self.page, table, before.caption)


def _add_blocks(builder: DocumentBuilder, blocks: Iterable[Block], *, box_of: Callable[[Block], Box]) -> Iterator[None]:
    """Add blocks, which can be gone through several times; what is added can be taken away between any two."""
    survey = TypeSurvey()
    survey.see(blocks)
    levels = HeadingLevels(survey)
    words = vocabulary(line.text for block in blocks for line in block.lines)
    caption: str | None = None
    before: _TablePart | None = None
    for block in blocks:
        if block.table is not None:
            part = _TablePart(block.page, block.table, caption)
            if before is not None and caption is None and before.page == block.page - 1:
                part = part.going_on_from(before)
            n_header_rows = part.table.n_header_rows
            builder.add(
                ElementKind.TABLE, part.table.text, page=block.page, box=box_of(block), n_header_rows=n_header_rows, caption=part.caption
            )
            before, caption = part, None
        else:
            before = None
            text = _flowing(block.lines, words=words)
            level = levels.level_of(block)
            caption = text if _CAPTION.match(text) and len(text) <= 300 else None
            builder.add(_kind(block, level=level, is_caption=caption is not None), text, page=block.page, box=box_of(block), level=level)
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
