"""Which blocks of a PDF are headings, and of which level: by size and weight of their type against the body's."""

import re
from collections import Counter
from collections.abc import Iterable

from ingestion.parsing.pdf.blocks import Block, starts_list_item

_MAX_WORDS = 20
_MAX_LINES = 3
_LARGER = 1.12
_MAX_LEVEL = 6
_NUMBERING = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+\S")
_ENDS_LIKE_TEXT = re.compile(r"[.,;:]$")
_LETTER = re.compile(r"[^\W\d_]")


class TypeSurvey:
    """Counts in which sizes and weights a document is set, block by block."""

    def __init__(self) -> None:
        self._chars_by_size: Counter[float] = Counter()
        self._n_bold = 0
        self._heading_sizes: set[float] = set()

    def see(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            for line in block.lines:
                self._chars_by_size[_rounded(line.size)] += len(line.text)
                self._n_bold += len(line.text) if line.bold else 0
            if _is_short(block):
                self._heading_sizes.add(block.size)

    @property
    def body_size(self) -> float:
        """The size in which most characters of the running text are set, in points; 0 where there is none."""
        return self._chars_by_size.most_common(1)[0][0] if self._chars_by_size else 0.0

    @property
    def body_is_bold(self) -> bool:
        """Whether most characters are bold, so that weight says nothing."""
        return self._n_bold * 2 > self._chars_by_size.total()

    @property
    def larger_sizes(self) -> list[float]:
        """The sizes of short blocks that are larger than the body, rounded, the largest first."""
        larger = {_rounded(size) for size in self._heading_sizes if _is_larger(size, body_size=self.body_size)}
        return sorted(larger, reverse=True)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _is_larger(size: float, *, body_size: float) -> bool:
    return size > _LARGER * body_size


def _is_short(block: Block) -> bool:
    if not block.lines or len(block.lines) > _MAX_LINES:
        return False
    text = " ".join(line.text for line in block.lines)
    return len(text.split()) <= _MAX_WORDS and _LETTER.search(text) is not None


class HeadingLevels:
    """Says which blocks of a document are headings: a level from 1, or None for other blocks.

    Sizes larger than the body's are ranked: the largest is level 1. Bold lines in the body's size come after them. A number such as
    ``2.3`` makes a bold or larger line a heading of at least that depth.
    """

    def __init__(self, survey: TypeSurvey) -> None:
        self._body = survey.body_size
        self._weight_tells = not survey.body_is_bold
        self._sizes = survey.larger_sizes

    def level_of(self, block: Block) -> int | None:
        if block.table is not None or not _is_short(block):
            return None
        text = block.lines[0].text
        if _is_larger(block.size, body_size=self._body):
            rank = 1 + sum(1 for size in self._sizes if size > _rounded(block.size) * 1.04)
        elif self._weight_tells and block.bold and block.size > 0.85 * self._body and not _ENDS_LIKE_TEXT.search(block.lines[-1].text):
            rank = len(self._sizes) + 1
        else:
            return None
        numbering = _NUMBERING.match(text)
        if starts_list_item(text) and numbering is None and not _is_larger(block.size, body_size=self._body):
            return None
        depth = numbering.group(1).count(".") + 1 if numbering else 1
        return min(max(rank, depth), _MAX_LEVEL)
