"""Recognising the text of pages: pictures to words on a page, and what is said about it in a document's notes."""

import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from footnote.core.errors import UnreadableDocument
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.ocr.tesseract import RecognisedWord, Recognition, Tesseract
from ingestion.parsing.ocr.turning import Turn, turn_of, upright_word
from ingestion.parsing.page_glyphs import PageGlyphs, Word
from ingestion.parsing.page_ranges import page_ranges

MAX_PIXELS = 25_000_000
"""A4 at 300 dots an inch has 8.7 million. tesseract takes about 20 bytes for each."""

_SAME_SIZE = (0.7, 1.35)
"""Lines without tall or deep letters are lower, those with brackets are higher: in this range they are set in the page's size."""

_MIN_MEAN_CONFIDENCE = 50.0
"""Below it tesseract reads letters into pictures: docs/reading-files.md."""
_SURE = 80.0
_CLEARLY_BETTER = 10.0
_POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """The words of a page as if it stood upright, how it is turned, and its size in points as it is shown."""

    glyphs: PageGlyphs
    turn: Turn
    shown_width: float
    shown_height: float


@dataclass(frozen=True, slots=True)
class NoRecogniser:
    """Why text in images is not recognised, and what would help."""

    hint: str


class Recogniser:
    """Recognises pages, and remembers how sure it was."""

    def __init__(self, tesseract: Tesseract) -> None:
        self._tesseract = tesseract
        self._pages: list[int] = []
        self._n_words = 0
        self._confidence_sum = 0.0
        self._failed: list[int] = []

    def page(self, picture: Image.Image, *, number: int, dpi: float, dpi_is_known: bool = True) -> RecognisedPage:
        """Return the words of a page's picture (grey), placed in points; none where there are none, or tesseract fails.

        Args:
            picture: the page, at most ``MAX_PIXELS``.
            number: of the page, from 1.
            dpi: pixels for an inch of the page.
            dpi_is_known: false where it only says what is taken for a point.
        """
        found = self._recognise(picture, dpi=dpi if dpi_is_known else None)
        if found is None:
            self._failed.append(number)
            found = Recognition(())
        elif found.words:
            self._pages.append(number)
            self._n_words += len(found.words)
            self._confidence_sum += sum(word.confidence for word in found.words)
        turn = turn_of(found.words)
        width, height = (side * _POINTS_PER_INCH / dpi for side in picture.size)
        upright = [upright_word(word, turn=turn, width=picture.width, height=picture.height) for word in found.words]
        upright_width, upright_height = (height, width) if turn in (90, 270) else (width, height)
        words = _placed(upright, scale=_POINTS_PER_INCH / dpi)
        glyphs = PageGlyphs(number=number, width=upright_width, height=upright_height, words=words, rulings=())
        return RecognisedPage(glyphs, turn, width, height)

    def _recognise(self, picture: Image.Image, *, dpi: float | None) -> Recognition | None:
        """Recognise a picture; also upside down where it is doubtful, as tesseract cannot tell with few words."""
        found = self._tesseract.recognise(_as_pgm(picture), dpi=dpi)
        if found is not None and found.words and found.confidence < _SURE:
            turned = self._tesseract.recognise(_as_pgm(picture.transpose(Image.Transpose.ROTATE_180)), dpi=dpi)
            if turned is not None and turned.confidence >= found.confidence + _CLEARLY_BETTER:
                size = {"width": picture.width, "height": picture.height}
                found = Recognition(tuple(upright_word(word, turn=180, **size) for word in turned.words))
        return found if found is None or found.confidence >= _MIN_MEAN_CONFIDENCE else Recognition(())

    @property
    def has_failed(self) -> bool:
        """Whether tesseract failed on a page."""
        return bool(self._failed)

    def notes(self) -> list[str]:
        """Say which pages were recognised, how surely, and which could not be."""
        notes: list[str] = []
        if self._pages:
            mean = self._confidence_sum / self._n_words
            notes.append(f"Text was recognised in images (OCR) on {page_ranges(self._pages)}; mean confidence {mean:.0f} %.")
        if self._failed:
            notes.append(f"Recognising text (OCR) failed on {page_ranges(self._failed)}.")
        return notes


def find_recogniser(limits: ParsingLimits) -> Recogniser | NoRecogniser:
    """Return what recognises text here, or why nothing does."""
    if not limits.ocr:
        return NoRecogniser("Set ingestion.ocr to auto, or upload a copy with a text layer.")
    found = Tesseract.find(limits.ocr_languages)
    if isinstance(found, str):
        return NoRecogniser(f"Install {found} where footnote reads documents, or upload a copy with a text layer.")
    return Recogniser(found)


def nothing_recognised(recogniser: Recogniser, *, where: str) -> UnreadableDocument:
    """Return the error of a file without text of its own in which none was recognised either."""
    if recogniser.has_failed:
        return UnreadableDocument(
            f"Recognising text {where} failed.", hint="The log says more; a copy with a text layer can be read.", code="no_text"
        )
    hint = "There may be only pictures, it may be hard to read, or in a language that ingestion.ocr_languages does not name."
    return UnreadableDocument(f"No text could be recognised {where}.", hint=f"{hint} Upload a copy with text.", code="no_text")


def _as_pgm(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PPM")  # what Pillow calls all of its family
    return data.getvalue()


def _placed(words: Sequence[RecognisedWord], *, scale: float) -> tuple[Word, ...]:
    """Return words in points; those of lines that differ little in height get one size, as headings are told by theirs."""
    if not words:
        return ()
    usual = statistics.median(word.line_height for word in words)
    low, high = (usual * share for share in _SAME_SIZE)
    return tuple(
        Word(
            text=word.text,
            left=word.left * scale,
            top=word.top * scale,
            right=word.right * scale,
            bottom=word.bottom * scale,
            size=(usual if low <= word.line_height <= high else word.line_height) * scale,
            bold=False,
        )
        for word in words
    )
