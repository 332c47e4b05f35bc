"""What one document may cost."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]
"""Told how many pages are done, and of how many where that is known."""


def unreported(n_done: int, n_total: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ParsingLimits:
    """Bounds on one document, checked before and while it is read, and whether text in images is recognised.

    Args:
        max_pages: pages of a PDF, slides of a presentation, images of a TIFF.
        max_text_chars: code points of the text that comes out.
        max_expanded_bytes: what the parts of a zipped format (DOCX, PPTX, XLSX) may unpack to, together.
        max_archive_members: how many parts there may be.
        max_image_pixels: of an image, and of a page that is drawn for recognising its text.
        ocr: whether text in images is recognised where tesseract is found.
        ocr_languages: the languages that it is looked for in, by tesseract's names.
    """

    max_pages: int = 5_000
    max_text_chars: int = 20_000_000
    max_expanded_bytes: int = 1024 * 1024 * 1024
    max_archive_members: int = 20_000
    max_image_pixels: int = 100_000_000
    ocr: bool = False
    ocr_languages: tuple[str, ...] = ("eng",)
