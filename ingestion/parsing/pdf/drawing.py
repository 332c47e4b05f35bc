"""A page as a picture, for recognising its text. Under ``PDFIUM_LOCK``, like all that calls PDFium."""

import math
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image

_DPI = 300
_POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page in shades of grey, as it is shown, and how many pixels stand for an inch."""

    image: Image.Image
    dpi: float


def shows_nothing(page: pdfium.PdfPage) -> bool:
    """Whether nothing is drawn on a page, and nothing is stuck to it."""
    return pdfium_c.FPDFPage_CountObjects(page) == 0 and pdfium_c.FPDFPage_GetAnnotCount(page) == 0


def draw_page(page: pdfium.PdfPage, *, max_pixels: int) -> PagePicture:
    """Return the picture of a page at 300 dots an inch, or at as many as the limit allows."""
    width, height = page.get_size()
    area_inches = max(width * height, 1.0) / _POINTS_PER_INCH**2
    dpi = min(_DPI, math.sqrt(max_pixels / area_inches))
    untyped: Any = page
    bitmap = untyped.render(scale=dpi / _POINTS_PER_INCH, grayscale=True)
    try:
        image: Image.Image = bitmap.to_pil().convert("L").copy()  # of its own: the bitmap's memory goes
    finally:
        bitmap.close()
    return PagePicture(image, dpi)
