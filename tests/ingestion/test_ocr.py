"""Text in scanned PDFs and images: with tesseract where it is installed, and with a stand-in for what it says."""

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from footnote.core.errors import DocumentTooLarge, FootnoteError, UnreadableDocument
from footnote.core.settings import IngestionSettings
from footnote.core.types import Box, Document, ElementKind
from ingestion.cleaning import clean
from ingestion.parser_pool import ParserPool
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.images import _in_grey
from ingestion.parsing.ocr.tesseract import RecognisedWord, words_of
from ingestion.parsing.ocr.turning import Turn, shown_box, turn_of, upright_word
from ingestion.parsing.page_ranges import page_ranges
from tests.ingestion.files import BODY, lines, write_pdf
from tests.ingestion.pictures import TSV_HEADER, fake_tesseract, picture_of, scanned_page, word

OCR = ParsingLimits(ocr=True)
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="the command tesseract is not installed")


def read(path: Path, limits: ParsingLimits = OCR) -> Document:
    return parse(path, filename=path.name, limits=limits)


def refusal(path: Path, limits: ParsingLimits = OCR) -> FootnoteError:
    with pytest.raises(FootnoteError) as caught:
        read(path, limits)
    return caught.value


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for tesseract on PATH that finds two words; the folder has what it was called with."""
    rows = [*word("Hello", left=300, top=600), *word("blurred", left=600, top=600, confidence=12.0)]
    monkeypatch.setenv("PATH", f"{fake_tesseract(tmp_path / 'bin', rows=rows)}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path / "bin"


@pytest.fixture
def without_tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


# ------------------------------------------------------------------------------------------------------------------- what it is asked


def test_a_scanned_page_is_drawn_and_its_words_are_placed(tmp_path: Path, fake: Path) -> None:
    document = read(write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hello"]))))
    assert document.text == "Hello", "a word that is hardly legible is left out"
    (element,) = document.elements
    assert element.page == 1
    assert element.box is not None
    # The page is drawn at 300 dots an inch, and 300 pixels are 72 points.
    assert (element.box.left, element.box.top, element.box.right, element.box.bottom) == pytest.approx((72, 144, 120, 153.6), abs=0.2)
    assert document.notes == ("Text was recognised in images (OCR) on page 1; mean confidence 90 %.",)
    arguments = (fake / "arguments").read_text()
    assert "stdin stdout -l eng --psm 3 --dpi 300" in arguments
    assert "tessedit_create_tsv=1" in arguments
    with Image.open(fake / "input") as picture:
        assert (picture.mode, picture.size) == ("L", pytest.approx((2480, 3508), abs=2))


def test_languages_and_orientation_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_tesseract(tmp_path / "bin", rows=word("Hallo", left=1, top=1), languages="eng deu osd")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    read(
        write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hallo"]))), ParsingLimits(ocr=True, ocr_languages=("deu", "eng", "klingon"))
    )
    assert "-l deu+eng --psm 1" in (folder / "arguments").read_text()


def test_only_pages_without_text_are_recognised(tmp_path: Path, fake: Path) -> None:
    path = write_pdf(
        tmp_path / "a.pdf", lambda c: lines(c, list(BODY)), scanned_page(picture_of(["Hello"])), lambda c: lines(c, ["After it."])
    )
    document = read(path)
    assert [(e.page, document.text[e.start : e.end]) for e in document.elements] == [(1, " ".join(BODY)), (2, "Hello"), (3, "After it.")]
    assert len((fake / "arguments").read_text().splitlines()) == 1
    assert document.notes == ("Text was recognised in images (OCR) on page 2; mean confidence 90 %.",)


def test_a_doubtful_page_counts_as_one_without_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_tesseract(tmp_path / "bin", rows=word("a~", left=1, top=1, confidence=40.0))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    path = write_pdf(tmp_path / "a.pdf", lambda c: lines(c, list(BODY)), scanned_page(picture_of(["a"])))
    assert read(path).notes == ("No text on page 2 of 2: scanned, or only pictures.",)


def test_a_page_on_which_tesseract_fails_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{fake_tesseract(tmp_path / 'bin', then='exit 1')}{os.pathsep}/usr/bin{os.pathsep}/bin")
    path = write_pdf(tmp_path / "a.pdf", lambda c: lines(c, list(BODY)), scanned_page(picture_of(["a"])))
    assert read(path).notes[0] == "Recognising text (OCR) failed on page 2."
    error = refusal(write_pdf(tmp_path / "b.pdf", scanned_page(picture_of(["a"]))))
    assert (error.code, error.message) == ("no_text", "Recognising text on the PDF's pages failed.")


def test_rows_that_are_none_are_left_out() -> None:
    table = "\n".join(
        [TSV_HEADER, "5\t1", *word('a "quoted" word', left=1, top=2), "5\tx\ty\tz", "", "5\t1\t1\t1\t1\t1\t1\t1\t9\t9\t95\t  "]
    )
    assert [(found.text, found.left, found.bottom) for found in words_of(table)] == [('a "quoted" word', 1.0, 42.0)]
    assert list(words_of("")) == []


def _words(turn: Turn, *, width: float, height: float) -> list[RecognisedWord]:
    """Two lines of two words on a page that is turned, as tesseract places them."""
    shown: list[RecognisedWord] = []
    for line, top in enumerate((100.0, 150.0)):
        for left in (50.0, 200.0):
            box = shown_box(Box(left, top, left + 100, top + 30), turn=turn, width=width, height=height)
            size = (30.0, 250.0) if turn in (90, 270) else (250.0, 30.0)
            shown.append(RecognisedWord("words", box.left, box.top, box.right, box.bottom, line, *size, confidence=90.0))
    return shown


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_words_of_a_turned_page_are_put_upright(turn: Turn) -> None:
    words = _words(turn, width=600, height=800)
    assert turn_of(words) == turn
    upright = [upright_word(word, turn=turn, width=600, height=800) for word in words]
    assert [(word.left, word.top, word.right, word.bottom) for word in upright] == [
        (left, top, left + 100, top + 30) for top in (100, 150) for left in (50, 200)
    ]
    assert {(word.line_width, word.line_height) for word in upright} == {(250.0, 30.0)}


def test_a_page_from_right_to_left_is_not_upside_down() -> None:
    words = [replace(word, text="שלום") for word in _words(180, width=600, height=800)]
    assert turn_of(words) == 0
    assert turn_of([]) == 0


# ------------------------------------------------------------------------------------------------------------------ where there is none


@pytest.mark.usefixtures("without_tesseract")
def test_without_tesseract_a_scanned_pdf_is_refused_with_what_to_do(tmp_path: Path) -> None:
    error = refusal(write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hello"]))))
    assert isinstance(error, UnreadableDocument)
    assert error.code == "no_text"
    assert "scanned" in error.message
    assert error.hint is not None
    assert "Install tesseract" in error.hint


@pytest.mark.usefixtures("without_tesseract")
def test_without_tesseract_a_partly_scanned_pdf_is_read_with_a_note(tmp_path: Path) -> None:
    scanned = scanned_page(picture_of(["Hello"]))
    document = read(write_pdf(tmp_path / "a.pdf", lambda c: lines(c, list(BODY)), scanned, scanned, lambda c: None))
    (note,) = document.notes
    assert note.startswith("No text on pages 2–3 of 4: scanned, or only pictures. Install tesseract"), "the empty page is not meant"


@pytest.mark.usefixtures("without_tesseract")
def test_without_tesseract_an_image_is_refused_with_what_to_do(tmp_path: Path) -> None:
    picture_of(["Hello"]).save(tmp_path / "a.png")
    error = refusal(tmp_path / "a.png")
    assert error.code == "no_text"
    assert error.hint is not None
    assert "Install tesseract" in error.hint


def test_recognition_can_be_turned_off(tmp_path: Path, fake: Path) -> None:
    error = refusal(write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hello"]))), ParsingLimits(ocr=False))
    assert error.hint is not None
    assert "ingestion.ocr" in error.hint
    assert not (fake / "arguments").exists()


@pytest.mark.usefixtures("fake")
def test_languages_that_are_not_installed_are_named(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hello"])))
    error = refusal(path, ParsingLimits(ocr=True, ocr_languages=("deu",)))
    assert error.hint is not None
    assert "tesseract's data for deu" in error.hint


def test_a_pdf_of_empty_pages_has_no_text(tmp_path: Path) -> None:
    error = refusal(write_pdf(tmp_path / "a.pdf", lambda c: None))
    assert (error.code, error.message) == ("no_text", "The PDF's pages are empty.")


# ------------------------------------------------------------------------------------------------------------------------------ images


def test_an_image_of_known_resolution_has_its_boxes_in_points(tmp_path: Path, fake: Path) -> None:
    picture_of(["Hello"]).save(tmp_path / "a.png", dpi=(300, 300))
    document = read(tmp_path / "a.png")
    assert (document.media_type, document.n_pages, document.text) == ("image/png", 1, "Hello")
    box = document.elements[0].box
    assert box is not None
    assert (box.left, box.top) == pytest.approx((72, 144), abs=0.5)
    assert "--dpi 300" in (fake / "arguments").read_text()


def test_an_image_of_unknown_resolution_is_enlarged_and_has_its_boxes_in_pixels(tmp_path: Path, fake: Path) -> None:
    picture_of(["Hello"], width=800).save(tmp_path / "a.png")
    box = read(tmp_path / "a.png").elements[0].box
    assert box is not None
    assert (box.left, box.top) == pytest.approx((150, 300), abs=0.5), "it was shown twice as large"
    assert "--dpi" not in (fake / "arguments").read_text()


@pytest.mark.usefixtures("fake")
def test_every_image_of_a_tiff_is_a_page_and_an_animation_is_one(tmp_path: Path) -> None:
    first, second = picture_of(["Hello"]), picture_of(["again"])
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert [e.page for e in read(tmp_path / "a.tiff").elements] == [1, 2]
    assert read(tmp_path / "a.gif").n_pages == 1
    assert refusal(tmp_path / "a.tiff", ParsingLimits(ocr=True, max_pages=1)).code == "page_limit"


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [("png", "png"), ("jpg", "jpeg"), ("tiff", "tiff"), ("webp", "webp"), ("bmp", "bmp"), ("gif", "gif")],
)
def test_each_kind_of_image_is_told_by_its_content(tmp_path: Path, suffix: str, media_type: str) -> None:
    picture_of(["Hello"]).save(tmp_path / f"a.{suffix}")
    path = (tmp_path / f"a.{suffix}").rename(tmp_path / "a.txt")
    document = read(path)
    assert (document.text, document.media_type) == ("Hello", f"image/{media_type}")


@pytest.mark.usefixtures("fake")
def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    error = refusal(tmp_path / "bomb.png")
    assert isinstance(error, DocumentTooLarge)
    assert error.code == "pixel_limit"
    assert refusal(tmp_path / "bomb.png", ParsingLimits(ocr=True, max_image_pixels=300_000_000)).code == "pixel_limit"


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp", "gif"])
def test_half_an_image_is_damaged(tmp_path: Path, suffix: str) -> None:
    picture_of(["Hello"] * 9).save(tmp_path / "whole", {"jpg": "JPEG"}.get(suffix, suffix.upper()))
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    assert refusal(tmp_path / "half").code == "damaged"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_images_of_every_mode_become_grey(mode: str) -> None:
    assert _in_grey(Image.new(mode, (3, 2))).mode == "L"


def test_transparency_is_white_and_sixteen_bits_keep_their_shade() -> None:
    assert _in_grey(Image.new("RGBA", (1, 1), (0, 0, 0, 0))).getpixel((0, 0)) == 255
    assert _in_grey(Image.new("I;16", (1, 1), 0x8000)).getpixel((0, 0)) == 0x80


def test_images_are_turned_as_their_camera_says(tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (30, 20)), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as lying:
        assert _in_grey(lying).size == (20, 30)


def test_page_ranges() -> None:
    assert page_ranges([4]) == "page 4"
    assert page_ranges([3, 1, 2, 7]) == "pages 1–3, 7"
    assert page_ranges(range(1, 100, 2)).endswith("39 …")


# ------------------------------------------------------------------------------------------------------------------------- in the cage


async def test_what_tesseract_takes_counts_as_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_tesseract(tmp_path / "bin", then="while :; do :; done")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    path = write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["Hello"])))
    pool = ParserPool(IngestionSettings(parser_cpu_s=2))
    try:
        with pytest.raises(DocumentTooLarge) as caught:
            await pool.parse(path, filename="a.pdf")
    finally:
        await pool.close()
    assert caught.value.code == "cpu_limit"


@needs_tesseract
async def test_a_scan_is_read_in_the_cage(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", scanned_page(picture_of(["The hotel in Lenzow costs", "ninety pounds a night."])))
    pool = ParserPool(IngestionSettings())
    try:
        document = await pool.clean(await pool.parse(path, filename="a.pdf"))
    finally:
        await pool.close()
    assert document.text == "The hotel in Lenzow costs ninety pounds a night."


# ----------------------------------------------------------------------------------------------------------------------- for real


@needs_tesseract
def test_headings_paragraphs_and_places_of_a_scan(tmp_path: Path) -> None:
    page = Image.new("RGB", (1600, 900), "white")
    page.paste(picture_of(["Travel policy"], size=80), (0, 0))
    page.paste(picture_of(["The travel desk books trains first and", "flights where a train takes too long."], size=40), (0, 400))
    document = clean(read(write_pdf(tmp_path / "a.pdf", scanned_page(page, left=36, top=72, width=520))))
    assert document.title == "Travel policy"
    heading, paragraph = document.elements
    assert (heading.kind, paragraph.kind) == (ElementKind.TITLE, ElementKind.TEXT)
    assert document.text[paragraph.start : paragraph.end] == "The travel desk books trains first and flights where a train takes too long."
    assert paragraph.box is not None
    # 80 pixels from the left and some 475 from the top of a picture that is 520 points wide and begins at 36, 72.
    scale = 520 / 1600
    assert paragraph.box.left == pytest.approx(36 + 80 * scale, abs=3)
    assert paragraph.box.top == pytest.approx(72 + 462 * scale, abs=6)


@needs_tesseract
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_on_its_side_or_upside_down_is_read(tmp_path: Path, turn: int) -> None:
    page = Image.new("RGB", (1600, 1600), "white")
    page.paste(picture_of(["Permit me to introduce you to the", "facility of facsimile transmission."], size=60), (0, 200))
    page.rotate(-turn).save(tmp_path / "a.png", dpi=(144, 144))
    document = clean(read(tmp_path / "a.png"))
    assert document.text == "Permit me to introduce you to the facility of facsimile transmission."
    box = document.elements[0].box
    assert box is not None
    upright = Box(40, 147, 483, 206)
    expected = shown_box(upright, turn=turn, width=800, height=800)  # pyright: ignore[reportArgumentType]
    assert (box.left, box.top) == pytest.approx((expected.left, expected.top), abs=12)
    assert (box.right, box.bottom) == pytest.approx((expected.right, expected.bottom), abs=12)


@needs_tesseract
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA"])
def test_images_are_read(tmp_path: Path, mode: str) -> None:
    picture_of(["The pump arrived on Monday."]).convert(mode).save(tmp_path / "a.png")
    assert "The pump arrived on Monday." in clean(read(tmp_path / "a.png")).text


@needs_tesseract
def test_a_picture_of_nothing_has_no_text(tmp_path: Path) -> None:
    noise = random.Random(7).randbytes(600 * 400)
    Image.frombytes("L", (600, 400), noise).save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png").code == "no_text"
