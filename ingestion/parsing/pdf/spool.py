"""What was made of pages, kept in a temporary file until the whole document is known. The file has no name, and goes with the process."""

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ingestion.parsing.pdf.blocks import Block

_IN_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpooledPage:
    """A page's number, its height in points, and its blocks in reading order; ``is_blank`` where it shows nothing."""

    number: int
    height: float
    blocks: tuple[Block, ...]
    is_blank: bool = False


class PageSpool:
    """Takes pages in order, then gives them again as often as asked. A short document never reaches the disk."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self.n_pages = 0
        self.has_text = False
        self.without_text: list[int] = []
        """The numbers of pages that show something, but no text."""

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

    def __iter__(self) -> Iterator[SpooledPage]:
        self._file.seek(0)
        for _ in range(self.n_pages):
            yield pickle.load(self._file)  # noqa: S301 - our own process wrote it, into a file that no other has
