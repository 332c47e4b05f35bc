"""PNG, JPEG, TIFF, WebP, BMP and GIF: the text in them, where it can be recognised. Each image of a TIFF is a page."""

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits, Progress
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.ocr.recogniser import MAX_PIXELS, NoRecogniser, Recogniser, find_recogniser, nothing_recognised
from ingestion.parsing.page_ranges import page_ranges
from ingestion.parsing.pdf.assembly import add_pages
from ingestion.parsing.pdf.spool import PageSpool, SpooledPage, spooled
from ingestion.pieces import PieceOrEnd, in_pieces

IMAGE_TYPES = frozenset({MediaType.PNG, MediaType.JPEG, MediaType.TIFF, MediaType.WEBP, MediaType.BMP, MediaType.GIF})

_FORMATS = {
    MediaType.PNG: "PNG",
    MediaType.JPEG: "JPEG",
    MediaType.TIFF: "TIFF",
    MediaType.WEBP: "WEBP",
    MediaType.BMP: "BMP",
    MediaType.GIF: "GIF",
}
_POINTS_PER_INCH = 72.0
_PLAUSIBLE_DPI = (100.0, 1200.0)
"""Screens and cameras write 1, 72 or 96 into images of any size, which says nothing about the size of the type."""
_SMALL_SIDE = 1_600
_MAX_ENLARGEMENT = 3
"""tesseract wants letters of twenty pixels and more: what was taken from a screen is enlarged."""


def image_in_pieces(path: Path, *, media_type: MediaType, limits: ParsingLimits, progress: Progress) -> Iterator[PieceOrEnd]:
    """Return an image's document in pieces: its text with pages and boxes, in points where it tells its resolution, else in pixels.

    Raises:
        UnreadableDocument: it is damaged, text in images is not recognised here, or there is none.
        DocumentTooLarge: it has too many pixels or pages.
    """
    recogniser = find_recogniser(limits)
    with _opened(path, media_type=media_type, limits=limits) as image, PageSpool() as pages:
        n_pages = _n_pages(image, limits=limits)
        _check_pixels(image, limits=limits)
        if isinstance(recogniser, NoRecogniser):
            raise UnreadableDocument("The file is an image, and text in images is not recognised.", hint=recogniser.hint, code="no_text")
        for index in range(n_pages):
            pages.add(_page(image, index, recogniser=recogniser, limits=limits))
            progress(index + 1, n_pages)
        if not pages.has_text:
            raise nothing_recognised(recogniser, where="in the image")
        builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
        yield from add_pages(builder, pages)
        notes = recogniser.notes()
        if pages.without_text:
            notes.append(f"No text on {page_ranges(pages.without_text)} of {n_pages}.")
        end = builder.build(media_type=media_type, n_pages=n_pages, notes=tuple(notes))
    yield from in_pieces(end)


def _opened(path: Path, *, media_type: MediaType, limits: ParsingLimits) -> Image.Image:
    """Open an image without decoding it."""
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is checked before it is decoded
        try:
            return Image.open(path, formats=[_FORMATS[media_type]])
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(limits) from error
        except MALFORMED_INPUT_ERRORS as error:
            raise _damaged() from error


def _n_pages(image: Image.Image, *, limits: ParsingLimits) -> int:
    """Return how many pages there are: an animation is one."""
    if image.format != "TIFF":
        return 1
    try:
        n_pages = int(getattr(image, "n_frames", 1))
    except MALFORMED_INPUT_ERRORS as error:
        raise _damaged() from error
    if n_pages > limits.max_pages:
        raise DocumentTooLarge(
            f"The image has {n_pages:,} pages; at most {limits.max_pages:,} are read.",
            hint="Split it, or raise ingestion.max_pages.",
            code="page_limit",
        )
    return n_pages


def _check_pixels(image: Image.Image, *, limits: ParsingLimits) -> None:
    if image.width * image.height > limits.max_image_pixels:
        raise _too_many_pixels(limits)


def _page(image: Image.Image, index: int, *, recogniser: Recogniser, limits: ParsingLimits) -> SpooledPage:
    try:
        image.seek(index)
        _check_pixels(image, limits=limits)
        dpi = _resolution(image)
        picture = _in_grey(image)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(limits) from error
    except MALFORMED_INPUT_ERRORS as error:
        raise _damaged() from error
    scale = _scale(picture, dpi=dpi)
    if scale != 1.0:
        picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS)
    dots = (dpi or _POINTS_PER_INCH) * scale
    return spooled(recogniser.page(picture, number=index + 1, dpi=dots, dpi_is_known=dpi is not None))


def _resolution(image: Image.Image) -> float | None:
    """Return the pixels for an inch, None where the image does not tell, or nothing that can be true."""
    told: Any = image.info.get("dpi")
    try:
        dpi = float(told[0])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    low, high = _PLAUSIBLE_DPI
    return dpi if low <= dpi <= high else None


def _in_grey(image: Image.Image) -> Image.Image:
    """Return an image as it is looked at: upright, on white where it is transparent, in shades of grey."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        return upright.convert("I").point([value // 256 for value in range(65_536)], "L")
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("L")
    return upright.convert("L")


def _scale(picture: Image.Image, *, dpi: float | None) -> float:
    longest, n_pixels = max(picture.size), picture.width * picture.height
    enlarged = min(_MAX_ENLARGEMENT, max(1.0, _SMALL_SIDE / longest)) if dpi is None else 1.0
    return min(enlarged, math.sqrt(MAX_PIXELS / n_pixels))


def _too_many_pixels(limits: ParsingLimits) -> DocumentTooLarge:
    return DocumentTooLarge(
        f"The image has more than {limits.max_image_pixels / 1e6:g} million pixels.",
        hint="Save it smaller, or raise ingestion.max_image_pixels.",
        code="pixel_limit",
    )


def _damaged() -> UnreadableDocument:
    return UnreadableDocument(
        "The image is damaged or truncated.", hint="Open it in a viewer and save it again, then upload the new copy.", code="damaged"
    )
