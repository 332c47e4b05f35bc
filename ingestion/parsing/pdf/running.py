"""Running headers and footers: lines at the edge of the page that come again on other pages, and page numbers."""

import re
from collections import Counter
from collections.abc import Sequence

from ingestion.parsing.pdf.blocks import Block

_EDGE = 0.12
"""Share of the page's height at its top and bottom in which headers and footers stand."""

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"^[-–—\s]*(page|seite|pagina|p\.)?\s*(\d{1,4}|[ivxlc]{1,6})(\s*(/|of|von|de)\s*\d{1,4})?[-–—\s]*$", re.IGNORECASE
)
_MAX_CHARS = 200
_MIN_REPEATS = 3
_MIN_SHARE = 0.5
_LARGE = 1.3

Key = tuple[str, str]


class RunningLines:
    """Collects the lines at the edges of all pages, then says which of them run through the document.

    A line runs when its text, digits aside, stands at the same edge of three pages, or of both pages of a document with two. Where pages
    were cut from one long flow, footers stand at any height: then the first and the last block of a page run when they carry a number
    that counts the pages. A lone page number at the edge need not come again. Large type does not run: chapters may all begin at the
    top of a page.
    """

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._n_pages = 0

    def see(self, blocks: Sequence[Block], *, page_height: float) -> None:
        """Count the lines at the edges of one page."""
        self._n_pages += 1
        outermost = _outermost(blocks)
        self._counts.update({key for block in blocks for key in _keys(block, page_height=page_height, outermost=outermost)})

    def without(self, blocks: Sequence[Block], *, page_height: float, body_size: float) -> list[Block]:
        """Return the blocks of a page that do not run."""
        outermost = _outermost(blocks)

        def runs(block: Block) -> bool:
            keys = _keys(block, page_height=page_height, outermost=outermost)
            if keys and _PAGE_NUMBER.match(_text(block)):
                return self._n_pages > 1
            return block.size <= _LARGE * body_size and any(self._repeats(self._counts[key]) for key in keys)

        return [block for block in blocks if not runs(block)]

    def _repeats(self, count: int) -> bool:
        return count >= _MIN_REPEATS or (count >= 2 and count > _MIN_SHARE * self._n_pages)


def _text(block: Block) -> str:
    if block.table is not None:
        return " ".join(block.table.text.split())
    return " ".join(line.text for line in block.lines)


def _outermost(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the highest and the lowest block of a page."""
    if not blocks:
        return ()
    return min(blocks, key=lambda block: block.box.top), max(blocks, key=lambda block: block.box.bottom)


def _keys(block: Block, *, page_height: float, outermost: Sequence[Block]) -> list[Key]:
    """Return where a short block stands, with its text without digits; nothing for what is no candidate."""
    text = _text(block)
    if len(text) > _MAX_CHARS or (block.table is not None and len(block.table.rows) > 2):
        return []
    normalised = _DIGITS.sub("#", text).casefold()
    keys: list[Key] = []
    if block.box.bottom < _EDGE * page_height:
        keys.append(("top", normalised))
    if block.box.top > (1 - _EDGE) * page_height:
        keys.append(("bottom", normalised))
    numbers = _DIGITS.findall(text)
    if numbers and any(block is other for other in outermost):
        keys.extend((f"counts from {block.page - int(number)}", normalised) for number in {numbers[0][:9], numbers[-1][:9]})
    return keys
