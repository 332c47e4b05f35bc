"""OpenDocument, from XML written here part by part."""

import time
from pathlib import Path

import pytest

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.open_formats import table, write_opendocument

LIMITS = ParsingLimits()


def pieces(document: Document) -> list[tuple[str, int | None, int | None, str]]:
    return [(e.kind.value, e.level, e.page, document.text[e.start : e.end]) for e in document.elements]


def texts(document: Document) -> list[str]:
    return [document.text[e.start : e.end] for e in document.elements]


def read(tmp_path: Path, kind: str, body: str, *, limits: ParsingLimits = LIMITS, **extra) -> Document:
    return parse(write_opendocument(tmp_path / "a", kind, body, **extra), filename="a.bin", limits=limits)


def test_a_text_document(tmp_path: Path):
    body = (
        '<text:p text:style-name="P1">Travel policy</text:p>'
        '<text:h text:outline-level="1">Limits</text:h>'
        "<text:p>Book<text:s text:c='2'/>early,<text:line-break/>or<text:tab/>walk<office:annotation><text:p>why?</text:p>"
        "</office:annotation>.<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Not far.</text:p>"
        "</text:note-body></text:note> Always.</text:p>"
        "<text:list><text:list-item><text:p>One</text:p><text:list><text:list-item><text:p>One and a half</text:p></text:list-item>"
        "</text:list></text:list-item></text:list>"
        "<text:section><text:p>In a section</text:p></text:section>"
        '<text:p text:style-name="Preformatted_20_Text">x = 1</text:p>'
        '<text:p text:style-name="Preformatted_20_Text"><text:s text:c="2"/>y = 2</text:p>'
        '<text:h text:outline-level="3">Deep</text:h>'
    )
    styles = '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/>'
    document = read(tmp_path, "text", f"<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>{body}", styles=styles)
    assert document.media_type == MediaType.ODT
    assert document.title == "Travel policy"
    assert pieces(document) == [
        ("title", 1, None, "Travel policy"),
        ("title", 1, None, "Limits"),
        ("text", None, None, "Book early, or walk. Always."),
        ("text", None, None, "Not far."),
        ("list_item", None, None, "One"),
        ("list_item", None, None, "One and a half"),
        ("text", None, None, "In a section"),
        ("code", None, None, "x = 1\n  y = 2"),
        ("title", 3, None, "Deep"),
    ]


def test_a_table_keeps_caption_header_and_merged_cells(tmp_path: Path):
    merged = (
        "<table:table><table:table-header-rows><table:table-row><table:table-cell table:number-columns-spanned='2'><text:p>Site</text:p>"
        "</table:table-cell><table:covered-table-cell/><table:table-cell><text:p>Seats</text:p></table:table-cell></table:table-row>"
        "</table:table-header-rows>"
        "<table:table-row><table:table-cell table:number-rows-spanned='2'><text:p>Lenzow</text:p></table:table-cell>"
        "<table:table-cell><text:p>A</text:p></table:table-cell><table:table-cell><text:p>34</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>B</text:p></table:table-cell>"
        "<table:table-cell><text:p>12</text:p></table:table-cell></table:table-row></table:table>"
    )
    document = read(
        tmp_path, "text", f"<text:p>Table 1: Seats</text:p>{merged}<text:p>Table seats are few.</text:p>{table([['a'], ['b']])}"
    )
    assert texts(document)[1] == "Site |  | Seats\nLenzow | A | 34\nLenzow | B | 12"
    assert (document.elements[1].caption, document.elements[1].n_header_rows) == ("Table 1: Seats", 1)
    assert document.elements[3].caption is None, "a sentence that begins with the word is no caption"


def test_a_frame_drawn_as_a_table_is_text(tmp_path: Path):
    assert pieces(read(tmp_path, "text", table([["Only words"]], n_header_rows=0))) == [("text", None, None, "Only words")]


def test_a_spreadsheet_has_a_heading_per_sheet_and_captions(tmp_path: Path):
    empty = (
        "<table:table-row table:number-rows-repeated='1000000'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>"
    )
    row = "<table:table-row>{}</table:table-row>"
    cells = "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in ("Year", "Ducks"))
    numbers = "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in ("2019", "1,200"))
    sheet = (
        '<table:table table:name="Ponds">'
        + row.format("<table:table-cell/><table:table-cell><text:p>Ducks a year</text:p></table:table-cell>")
        + empty
        + row.format("<table:table-cell/>" + cells + '<table:table-cell table:number-columns-repeated="16382"/>')
        + row.format("<table:table-cell/>" + numbers)
        + empty
        + "</table:table>"
    )
    document = read(tmp_path, "spreadsheet", sheet)
    assert pieces(document) == [
        ("title", 1, None, "Ponds"),
        ("caption", None, None, "Ducks a year"),
        ("table", None, None, "Year | Ducks\n2019 | 1,200"),
    ]
    assert (document.elements[2].caption, document.elements[2].n_header_rows) == ("Ducks a year", 1)


def test_repeated_rows_are_bounded(tmp_path: Path):
    row = (
        "<table:table-row table:number-rows-repeated='999999999'><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>"
    )
    began = time.monotonic()
    with pytest.raises(DocumentTooLarge, match="longer than"):
        read(tmp_path, "spreadsheet", f"<table:table>{row}</table:table>", limits=ParsingLimits(max_text_chars=1_000))
    read(tmp_path, "spreadsheet", f"<table:table>{row}</table:table>")
    assert time.monotonic() - began < 20


def test_a_presentation_has_a_page_per_slide_and_notes(tmp_path: Path):
    def frame(kind: str, inner: str) -> str:
        return f"<draw:frame presentation:class='{kind}'><draw:text-box>{inner}</draw:text-box></draw:frame>"

    slide = (
        "<draw:page>"
        + frame("outline", "<text:list><text:list-item><text:p>Trains first</text:p></text:list-item></text:list>")
        + frame("title", "<text:p>Why <text:span>trains</text:span></text:p>")
        + "<draw:g><draw:custom-shape><text:p>In a shape</text:p></draw:custom-shape></draw:g>"
        + f"<draw:frame>{table([['a', 'b'], ['1', '2']])}</draw:frame>"
        + f"<presentation:notes>{frame('notes', '<text:p>Say it slowly.</text:p>')}</presentation:notes></draw:page>"
    )
    document = read(tmp_path, "presentation", slide * 2)
    assert document.n_pages == 2
    assert pieces(document)[:5] == [
        ("title", 1, 1, "Why trains"),
        ("list_item", None, 1, "Trains first"),
        ("text", None, 1, "In a shape"),
        ("table", None, 1, "a | b\n1 | 2"),
        ("text", None, 1, "Say it slowly."),
    ]
    with pytest.raises(DocumentTooLarge, match="2 slides"):
        read(tmp_path, "presentation", slide * 2, limits=ParsingLimits(max_pages=1))


def test_an_encrypted_file_is_named(tmp_path: Path):
    manifest = '<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
    with pytest.raises(UnreadableDocument, match="protected by a password") as caught:
        read(tmp_path, "text", "<text:p>x</text:p>", parts={"META-INF/manifest.xml": manifest})
    assert caught.value.code == "password"


@pytest.mark.parametrize(
    "body",
    ["<text:p>cut off", '<!DOCTYPE x [<!ENTITY a "boo">]>', "<text:section>" * 5_000 + "<text:p>x</text:p>" + "</text:section>" * 5_000],
)
def test_a_damaged_or_hostile_main_part_is_unreadable(tmp_path: Path, body: str):
    with pytest.raises(UnreadableDocument, match="damaged") as caught:
        read(tmp_path, "text", body)
    assert caught.value.code == "damaged"


def test_entities_neither_read_files_nor_grow(tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words")
    path = write_opendocument(tmp_path / "a", "text", "<text:p>x&e;y</text:p>")
    import zipfile

    content = zipfile.ZipFile(path).read("content.xml").decode()
    declared = content.replace("?>", f'?><!DOCTYPE d [<!ENTITY e SYSTEM "file://{secret}">]>', 1)
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", declared)
    assert parse(tmp_path / "b", filename="b", limits=LIMITS).text == "xy"
