import zipfile
from datetime import date
from pathlib import Path

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.files import BODY, write_docx, write_pptx, write_xlsx

LIMITS = ParsingLimits()


def pieces(document: Document) -> list[tuple[str, int | None, int | None, str]]:
    return [(e.kind.value, e.level, e.page, document.text[e.start : e.end]) for e in document.elements]


def test_word(tmp_path: Path):
    document = parse(write_docx(tmp_path / "a.docx"), filename="a.docx", limits=LIMITS)
    assert pieces(document) == [
        ("title", 1, None, "Travel policy"),
        ("text", None, None, BODY[0]),
        ("title", 2, None, "Limits"),
        ("list_item", None, None, "Book early."),
        ("table", None, None, "City | Hotel | Meals\nParis | 140 | 60\nLenzow | 95 | 45"),
    ]
    assert document.elements[-1].n_header_rows == 1
    assert document.title == "Travel policy"


def test_presentation_has_a_heading_and_a_page_per_slide_and_notes_after_it(tmp_path: Path):
    document = parse(write_pptx(tmp_path / "a.pptx"), filename="a.pptx", limits=LIMITS)
    assert document.n_pages == 3
    assert pieces(document)[:4] == [
        ("title", 1, 1, "Slide 1 about trains"),
        ("text", None, 1, "Fact 1: trains first"),
        ("text", None, 1, "Short Bullet Line"),
        ("text", None, 1, "Say slowly what fact 1 means."),
    ]
    assert {e.page for e in document.elements} == {1, 2, 3}


def test_too_many_slides(tmp_path: Path):
    with pytest.raises(DocumentTooLarge, match="3 slides"):
        parse(write_pptx(tmp_path / "a.pptx"), filename="a.pptx", limits=ParsingLimits(max_pages=2))


def test_workbook_has_a_heading_per_sheet(tmp_path: Path):
    document = parse(write_xlsx(tmp_path / "a.xlsx"), filename="a.xlsx", limits=LIMITS)
    assert pieces(document) == [
        ("title", 1, None, "Pumps"),
        ("table", None, None, "Article | Price | Weight\nD15 | 296 | 2.4\nD40 | 412 | 3.1"),
        ("title", 1, None, "Spare parts"),
        ("table", None, None, "Part | Stock | Place\nValve kit | 12 | Lenzow"),
    ]


def test_a_workbook_shows_what_its_cells_show(tmp_path: Path):
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Costs"
    sheet["C2"] = "Costs of a year"
    header = ("Part", "Share", "Since", "Sum", "Code", "Is new")
    for row, values in enumerate(
        (header, ("Pump", 0.125, date(2024, 5, 1), 0.1 + 0.2, "007", True), ("Hose", 1, None, 3.0, "NA", False)), start=4
    ):
        for column, value in enumerate(values, start=3):
            sheet.cell(row, column, value)
    sheet["D5"].number_format = "0.0%"
    sheet["A10"], sheet["A11"] = "A remark", "below the table"
    workbook.save(tmp_path / "a")
    document = parse(tmp_path / "a", filename="a", limits=LIMITS)
    assert pieces(document) == [
        ("title", 1, None, "Costs"),
        ("caption", None, None, "Costs of a year"),
        (
            "table",
            None,
            None,
            "Part | Share | Since | Sum | Code | Is new\nPump | 12.5% | 2024-05-01 | 0.3 | 007 | TRUE\nHose | 1 |  | 3 | NA | FALSE",
        ),
        ("text", None, None, "A remark"),
        ("text", None, None, "below the table"),
    ]
    assert document.elements[2].caption == "Costs of a year"


def test_a_word_table_has_the_caption_above_it(tmp_path: Path):
    document = WordDocument()
    for caption, style in (("Table 1: Limits", None), ("What is paid", "Caption"), ("Just a sentence before.", None)):
        document.add_paragraph(caption, style=style)
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip([cell for row in table.rows for cell in row.cells], "abcd", strict=True):
            cell.text = text
    document.save(str(tmp_path / "a"))
    tables = [e for e in parse(tmp_path / "a", filename="a", limits=LIMITS).elements if e.kind is ElementKind.TABLE]
    assert [e.caption for e in tables] == ["Table 1: Limits", "What is paid", None]


def test_zip_bomb_is_refused_by_its_directory(tmp_path: Path):
    path = write_docx(tmp_path / "a.docx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", b"\0" * 5_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(DocumentTooLarge, match="unpacks to"):
        parse(path, filename="a.docx", limits=ParsingLimits(max_expanded_bytes=1_000_000))


@pytest.mark.parametrize("write", [write_docx, write_pptx, write_xlsx])
def test_a_damaged_main_part_is_unreadable(tmp_path: Path, write):
    whole = write(tmp_path / "whole")
    broken = tmp_path / "broken"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            damaged = name in ("word/document.xml", "ppt/slides/slide1.xml", "xl/worksheets/sheet1.xml")
            target.writestr(name, content[: len(content) // 2] if damaged else content)
    with pytest.raises(UnreadableDocument, match="damaged"):
        parse(broken, filename="a", limits=LIMITS)


def strict(whole: Path, target: Path) -> Path:
    """The same file in the strict variant of the format, whose namespaces are others."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            archive.writestr(name, content.replace(b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"))
    return target


def test_strict_open_xml_is_read_as_word_and_named_elsewhere(tmp_path: Path):
    whole = write_docx(tmp_path / "whole")
    assert parse(strict(whole, tmp_path / "a"), filename="a", limits=LIMITS) == parse(whole, filename="a", limits=LIMITS)
    with pytest.raises(UnreadableDocument, match="Strict"):
        parse(strict(write_pptx(tmp_path / "slides"), tmp_path / "b"), filename="a.pptx", limits=LIMITS)
