"""Pages that lie on their side or upside down: words are read upright, and their places told as the page is shown."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from footnote.core.types import Box
from ingestion.parsing.ocr.tesseract import RecognisedWord
from ingestion.parsing.writing_direction import is_right_to_left

Turn = Literal[0, 90, 180, 270]
"""By how many degrees the text of a page is turned clockwise."""


def turn_of(words: Sequence[RecognisedWord]) -> Turn:
    """Return how a page is turned: by where the words of a line follow each other."""
    across = down = 0.0
    for before, after in itertools.pairwise(words):
        if before.line == after.line:
            across += after.left + after.right - before.left - before.right
            down += after.top + after.bottom - before.top - before.bottom
    if abs(down) > abs(across):
        return 90 if down > 0 else 270
    return 180 if across < 0 and not is_right_to_left("".join(word.text for word in words)) else 0


def upright_word(word: RecognisedWord, *, turn: Turn, width: float, height: float) -> RecognisedWord:
    """Return a word as if its page had been turned upright; ``width`` and ``height`` are the page's, as it is shown."""
    left, top, right, bottom = {
        0: (word.left, word.top, word.right, word.bottom),
        90: (word.top, width - word.right, word.bottom, width - word.left),
        180: (width - word.right, height - word.bottom, width - word.left, height - word.top),
        270: (height - word.bottom, word.left, height - word.top, word.right),
    }[turn]
    line_height = word.line_width if turn in (90, 270) else word.line_height
    line_width = word.line_height if turn in (90, 270) else word.line_width
    return replace(word, left=left, top=top, right=right, bottom=bottom, line_height=line_height, line_width=line_width)


def shown_box(box: Box, *, turn: Turn, width: float, height: float) -> Box:
    """Return where a box of the upright page lies on the page as it is shown, whose ``width`` and ``height`` these are."""
    return {
        0: box,
        90: Box(width - box.bottom, box.left, width - box.top, box.right),
        180: Box(width - box.right, height - box.bottom, width - box.left, height - box.top),
        270: Box(box.top, height - box.right, box.bottom, height - box.left),
    }[turn]
