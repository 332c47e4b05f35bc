"""What PDFium says about a page: its words with their boxes, and its ruling lines.

PDFium is not thread-safe, so every function here must be called under ``PDFIUM_LOCK``.
"""

import ctypes
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from footnote.core.types import Box
from ingestion.parsing.page_glyphs import PageGlyphs, Ruling, Word

PDFIUM_LOCK = threading.Lock()

_BOLD_WEIGHT = 600
_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi")
_BREAKS = frozenset("\r\n")
_BREAKING_HYPHENS = frozenset({0x02, 0xFFFE})
"""What PDFium reports in the place of a hyphen at the end of a line."""
_MAX_OBJECTS = 5_000
_MAX_RULINGS = 2_000
_THIN = 2.5
"""Points: an area thinner than this is a line."""


PageObject = Any
"""PDFium's handle of something drawn; its bindings are made at run time and have no types."""

Placement = Callable[[float, float, float, float], Box]
"""From PDFium's left, bottom, right, top to a box as the page is shown."""


def read_page(page: pdfium.PdfPage, *, number: int) -> PageGlyphs:
    """Return the words and lines of a page."""
    width, height = page.get_size()
    place = _placement(page)
    textpage = page.get_textpage()
    try:
        words = _words(textpage, place)
    finally:
        textpage.close()
    return PageGlyphs(number=number, width=width, height=height, words=words, rulings=_rulings(page, place))


def _placement(page: pdfium.PdfPage) -> Placement:
    left, bottom, right, top = (float(value) for value in page.get_bbox())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    turns: dict[int, Placement] = {
        0: lambda x0, y0, x1, y1: Box(x0 - left, top - y1, x1 - left, top - y0),
        90: lambda x0, y0, x1, y1: Box(y0 - bottom, x0 - left, y1 - bottom, x1 - left),
        180: lambda x0, y0, x1, y1: Box(right - x1, y0 - bottom, right - x0, y1 - bottom),
        270: lambda x0, y0, x1, y1: Box(top - y1, right - x1, top - y0, right - x0),
    }
    return turns.get(page.get_rotation(), turns[0])


def _words(textpage: pdfium.PdfTextPage, place: Placement) -> tuple[Word, ...]:
    words: list[Word] = []
    characters: list[str] = []
    box: Box | None = None
    first = 0

    def close() -> None:
        if box is not None:
            text = _with_surrogates_joined("".join(characters))
            size = _font_size(textpage, first) or box.bottom - box.top
            words.append(Word(text, box.left, box.top, box.right, box.bottom, size, _is_bold(textpage, first)))
        characters.clear()

    previous: Box | None = None
    rectangle = pdfium_c.FS_RECTF()
    for index in range(textpage.count_chars()):
        code = pdfium_c.FPDFText_GetUnicode(textpage, index)
        character = "-" if code in _BREAKING_HYPHENS else chr(code) if 0 < code < 0x110000 else " "
        if character.isspace() or character in _BREAKS:
            close()
            box = previous = None
            continue
        pdfium_c.FPDFText_GetLooseCharBox(textpage, index, rectangle)
        here = place(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
        if previous is not None and _is_apart(previous, here):
            close()
            box = None
        if box is None:
            first, box = index, here
        else:
            box = Box(min(box.left, here.left), min(box.top, here.top), max(box.right, here.right), max(box.bottom, here.bottom))
        characters.append(character)
        previous = here
    close()
    return tuple(words)


def _is_apart(previous: Box, here: Box) -> bool:
    """Whether a character does not continue the one before: it stands more than half a line away, sideways or up and down."""
    height = max(previous.bottom - previous.top, here.bottom - here.top, 1.0)
    if abs((previous.top + previous.bottom) - (here.top + here.bottom)) > height:
        return True
    return max(here.left - previous.right, previous.left - here.right) > 0.5 * height


def _with_surrogates_joined(text: str) -> str:
    """Put pairs of surrogates together, as PDFium may report characters beyond U+FFFF; lone ones become U+FFFD."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _font_size(textpage: pdfium.PdfTextPage, index: int) -> float:
    """Return the size in which a character is set: the font's, scaled as the text is. 0 where PDFium does not know."""
    matrix = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFText_GetMatrix(textpage, index, matrix):
        return 0.0
    return float(pdfium_c.FPDFText_GetFontSize(textpage, index)) * math.hypot(matrix.b, matrix.d)


def _is_bold(textpage: pdfium.PdfTextPage, index: int) -> bool:
    if pdfium_c.FPDFText_GetFontWeight(textpage, index) >= _BOLD_WEIGHT:
        return True
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(textpage, index, name, len(name), flags)
    lower = name.value.decode("utf-8", errors="replace").lower()
    return any(word in lower for word in _BOLD_NAMES)


def _rulings(page: pdfium.PdfPage, place: Placement) -> tuple[Ruling, ...]:
    """Return the lines across and down that a page draws: thin areas, and the straight sides of stroked paths.

    The edges of shaded areas are none. A drawing may have any number of paths: beyond a few thousand nobody would find a table among
    them in reasonable time.
    """
    n_objects = pdfium_c.FPDFPage_CountObjects(page)
    if n_objects > _MAX_OBJECTS:
        return ()
    rulings: list[Ruling] = []
    for index in range(n_objects):
        item = pdfium_c.FPDFPage_GetObject(page, index)
        if pdfium_c.FPDFPageObj_GetType(item) == pdfium_c.FPDF_PAGEOBJ_PATH:
            rulings.extend(_rulings_of_path(item, place))
    return tuple(rulings) if len(rulings) <= _MAX_RULINGS else ()


def _rulings_of_path(path: PageObject, place: Placement) -> Iterator[Ruling]:
    bounds = [ctypes.c_float() for _ in range(4)]
    if not pdfium_c.FPDFPageObj_GetBounds(path, *bounds):
        return
    box = place(*(value.value for value in bounds))
    if min(box.right - box.left, box.bottom - box.top) < _THIN:
        yield from _ruling_of_box(box)
        return
    fill_mode, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDFPath_GetDrawMode(path, fill_mode, stroke)
    for subpath in _subpaths(path):
        boxes = [place(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)) for (x0, y0), (x1, y1) in itertools.pairwise(subpath)]
        if stroke.value:
            yield from (ruling for side in boxes for ruling in _ruling_of_box(side))
        elif boxes:
            area = Box(min(b.left for b in boxes), min(b.top for b in boxes), max(b.right for b in boxes), max(b.bottom for b in boxes))
            yield from _ruling_of_box(area)


def _subpaths(path: PageObject) -> list[list[tuple[float, float]]]:
    """Return the corners of a path's parts in the page's coordinates; parts with curves are left out."""
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFPageObj_GetMatrix(path, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    subpaths: list[list[tuple[float, float]]] = []
    for index in range(min(pdfium_c.FPDFPath_CountSegments(path), _MAX_OBJECTS)):
        segment = pdfium_c.FPDFPath_GetPathSegment(path, index)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        point = (matrix.a * x.value + matrix.c * y.value + matrix.e, matrix.b * x.value + matrix.d * y.value + matrix.f)
        if kind == pdfium_c.FPDF_SEGMENT_LINETO and subpaths:
            subpaths[-1].append(point)
            if pdfium_c.FPDFPathSegment_GetClose(segment):
                subpaths[-1].append(subpaths[-1][0])
        else:
            subpaths.append([point])
    return [subpath for subpath in subpaths if len(subpath) >= 2]


def _ruling_of_box(box: Box) -> Iterator[Ruling]:
    width, height = box.right - box.left, box.bottom - box.top
    if height < _THIN < width:
        yield Ruling(across=True, at=(box.top + box.bottom) / 2, start=box.left, end=box.right)
    elif width < _THIN < height:
        yield Ruling(across=False, at=(box.left + box.right) / 2, start=box.top, end=box.bottom)
