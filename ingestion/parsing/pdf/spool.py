"""What was made of pages, kept in a temporary file until the whole document is known. The file has no name, and goes with the process."""

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from footnote.core.types import Box
from ingestion.parsing.ocr.recogniser import RecognisedPage
from ingestion.parsing.ocr.turning import Turn, shown_box
from ingestion.parsing.pdf.blocks import Block, blocks_of

_IN_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Turned:
    """How the text of a page is turned, and the size of the page as it is shown, in points. The page's blocks stand upright."""

    turn: Turn
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class SpooledPage:
    """A page's number, its height in points, and its blocks in reading order; ``is_blank`` where it shows nothing."""

    number: int
    height: float
    blocks: tuple[Block, ...]
    is_blank: bool = False
    turned: Turned | None = None


class PageSpool:
    """Takes pages in order, then gives them again as often as asked. A short document never reaches the disk."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self.n_pages = 0
        self.has_text = False
        self.without_text: list[int] = []
        """The numbers of pages that show something, but no text."""
        self._turned: dict[int, Turned] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, page: SpooledPage) -> None:
        pickle.dump(page, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self.n_pages += 1
        self.has_text = self.has_text or bool(page.blocks)
        if not page.blocks and not page.is_blank:
            self.without_text.append(page.number)

        if page.turned is not None and page.turned.turn:
            self._turned[page.number] = page.turned

    def shown_box(self, block: Block) -> Box:
        """Return where a block lies on its page as it is shown."""
        turned = self._turned.get(block.page)
        return block.box if turned is None else shown_box(block.box, turn=turned.turn, width=turned.width, height=turned.height)

    def __iter__(self) -> Iterator[SpooledPage]:
        self._file.seek(0)
        for _ in range(self.n_pages):
            yield pickle.load(self._file)  # noqa: S301 - our own process wrote it, into a file that no other has


def spooled(page: RecognisedPage) -> SpooledPage:
    """Return a page whose words were recognised, as one whose words were read."""
    turned = Turned(page.turn, page.shown_width, page.shown_height)
    return SpooledPage(page.glyphs.number, page.glyphs.height, tuple(blocks_of(page.glyphs, [])), turned=turned)
