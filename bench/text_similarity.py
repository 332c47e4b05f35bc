"""How much of a text that is known was read: its words, their order, and the rows of its tables."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

N_GRAM = 5

_WORD = re.compile(r"\w+", re.UNICODE)
_MARKUP = re.compile(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)\s]*\)|[#*`>]+|&amp;|&lt;|&gt;|\\(?=_)", re.DOTALL)
"""Comments, images, the addresses of links, and the signs of Markdown."""

_BROKEN_WORD = re.compile(r"(?<=\w)[-\u00ad\x02\ufffe]\r?\n(?=[a-z])")
"""Some expected texts keep words broken at line ends: they are joined in all texts before they are compared."""


@dataclass(frozen=True, slots=True)
class Found:
    """Shares of what was expected: words, words in order, whole table rows; and of what was read that was expected."""

    recall: float
    precision: float
    order: float
    rows: float | None


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def compare(text: str, markdown: str) -> Found:
    """Compare what was read with the Markdown that is expected of it."""
    markdown, text = _BROKEN_WORD.sub("", markdown), _BROKEN_WORD.sub("", text)
    expected, got = words(_MARKUP.sub(" ", markdown)), words(text)
    shared = (Counter(expected) & Counter(got)).total()
    grams = n_grams(expected)
    rows = expected_rows(_MARKUP.sub(" ", markdown))
    lines = [" ".join(words(line)) for line in text.splitlines()]
    return Found(
        recall=shared / max(1, len(expected)),
        precision=shared / max(1, len(got)),
        order=(grams & n_grams(got)).total() / max(1, grams.total()),
        rows=sum(row_is_kept(row, lines) for row in rows) / len(rows) if rows else None,
    )


def n_grams(items: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Count the runs of five items; of fewer, the one run of all."""
    length = min(N_GRAM, len(items))
    return Counter(tuple(items[index : index + length]) for index in range(len(items) - length + 1) if length)


def expected_rows(markdown: str) -> list[list[str]]:
    """Return the rows of a Markdown text's tables with two cells or more that say something."""
    rows: list[list[str]] = []
    for line in markdown.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            cells = [" ".join(words(cell)) for cell in line.strip("|").split("|")]
            if len([cell for cell in cells if cell]) >= 2:
                rows.append([cell for cell in cells if cell])
    return rows


def row_is_kept(row: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether one line has all cells of a row, in order."""
    return any(_in_order(row, line) for line in lines)


def _in_order(cells: Sequence[str], line: str) -> bool:
    position = 0
    for cell in cells:
        position = line.find(cell, position)
        if position < 0:
            return False
        position += len(cell)
    return True
