"""Which blocks of a PDF are headings, and of which level: by size and weight of their type against the body's."""

import re
from collections import Counter
from collections.abc import Sequence

from ingestion.parsing.pdf.blocks import Block, starts_list_item

_MAX_WORDS = 20
_MAX_LINES = 3
_LARGER = 1.12
_MAX_LEVEL = 6
_NUMBERING = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+\S")
_ENDS_LIKE_TEXT = re.compile(r"[.,;:]$")
_LETTER = re.compile(r"[^\W\d_]")


def body_size(blocks: Sequence[Block]) -> float:
    """Return the size in which most characters of the running text are set, in points; 0 where there is none."""
    counts: Counter[float] = Counter()
    for block in blocks:
        for line in block.lines:
            counts[_rounded(line.size)] += len(line.text)
    return counts.most_common(1)[0][0] if counts else 0.0


def body_is_bold(blocks: Sequence[Block]) -> bool:
    """Whether most characters are bold, so that weight says nothing."""
    n_bold = sum(len(line.text) for block in blocks for line in block.lines if line.bold)
    return n_bold * 2 > sum(len(line.text) for block in blocks for line in block.lines)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


class HeadingLevels:
    """Says which blocks of a document are headings: a level from 1, or None for other blocks.

    Sizes larger than the body's are ranked: the largest is level 1. Bold lines in the body's size come after them. A number such as
    ``2.3`` makes a bold or larger line a heading of at least that depth.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._body = body_size(blocks)
        self._weight_tells = not body_is_bold(blocks)
        sizes = {_rounded(block.size) for block in blocks if self._is_short(block) and self._is_larger(block)}
        self._sizes = sorted(sizes, reverse=True)

    def level_of(self, block: Block) -> int | None:
        if block.table is not None or not self._is_short(block):
            return None
        text = block.lines[0].text
        if self._is_larger(block):
            rank = 1 + sum(1 for size in self._sizes if size > _rounded(block.size) * 1.04)
        elif self._weight_tells and block.bold and block.size > 0.85 * self._body and not _ENDS_LIKE_TEXT.search(block.lines[-1].text):
            rank = len(self._sizes) + 1
        else:
            return None
        numbering = _NUMBERING.match(text)
        if starts_list_item(text) and numbering is None and not self._is_larger(block):
            return None
        depth = numbering.group(1).count(".") + 1 if numbering else 1
        return min(max(rank, depth), _MAX_LEVEL)

    def _is_larger(self, block: Block) -> bool:
        return block.size > _LARGER * self._body

    def _is_short(self, block: Block) -> bool:
        if not block.lines or len(block.lines) > _MAX_LINES:
            return False
        text = " ".join(line.text for line in block.lines)
        return len(text.split()) <= _MAX_WORDS and _LETTER.search(text) is not None
