"""What stands on a page, before it is read: words with their boxes, and lines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a space between them; the box in points from the page's upper left corner, as the page is shown.

    ``size`` is that of its font in points; boxes of the same size differ in height from font to font.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Ruling:
    """A line across or down the page: where it lies, and from where to where it goes, in points from the upper left corner."""

    across: bool
    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class PageGlyphs:
    """A page's words in the order in which they were drawn, and its lines."""

    number: int
    width: float
    height: float
    words: tuple[Word, ...]
    rulings: tuple[Ruling, ...]
