"""Word documents beyond plain paragraphs: what stands in boxes, controls, formulas and notes, and the numbers that Word counts."""

import zipfile
from pathlib import Path

import pytest

from footnote.core.types import Document
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.word_numbering import Numbering
from ingestion.parsing.xml_trees import tree_of

_NAMESPACES = 'xmlns:w="w" xmlns:m="m" xmlns:mc="mc" xmlns:wps="wps"'
NUMBERING = (
    "<w:abstractNum w:abstractNumId='7'>"
    "<w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.'/></w:lvl>"
    "<w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.%2'/></w:lvl>"
    "<w:lvl w:ilvl='2'><w:start w:val='3'/><w:numFmt w:val='lowerRoman'/><w:lvlText w:val='(%3)'/></w:lvl>"
    "<w:lvl w:ilvl='3'><w:numFmt w:val='bullet'/><w:lvlText w:val='•'/></w:lvl></w:abstractNum>"
    "<w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num>"
)
STYLES = (
    "<w:style w:styleId='h1'><w:name w:val='heading 1'/><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style>"
    "<w:style w:styleId='mine'><w:name w:val='My heading'/><w:basedOn w:val='h1'/></w:style>"
    "<w:style w:styleId='toc1'><w:name w:val='toc 1'/></w:style>"
)


def paragraph(inner: str, *, style: str = "", number: int | None = None, level: int = 0) -> str:
    properties = f"<w:pStyle w:val='{style}'/>" if style else ""
    properties += f"<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='{number}'/></w:numPr>" if number is not None else ""
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def run(text: str, *, bold: bool = False) -> str:
    return f"<w:r><w:rPr>{'<w:b/>' if bold else ''}</w:rPr><w:t>{text}</w:t></w:r>"


def read(tmp_path: Path, body: str, **parts: str) -> Document:
    path = tmp_path / "a"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", f"<w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>")
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", f"<w:{name} {_NAMESPACES}>{content}</w:{name}>")
    return parse(path, filename="a", limits=ParsingLimits())


def pieces(document: Document) -> list[tuple[str, int | None, str]]:
    return [(e.kind.value, e.level, document.text[e.start : e.end]) for e in document.elements]


def test_nothing_that_is_shown_is_lost(tmp_path: Path):
    box = "<wps:txbx><w:txbxContent>{}</w:txbxContent></wps:txbx>"
    body = (
        paragraph(run("Before") + "<w:r><mc:AlternateContent><mc:Choice>" + box.format(paragraph(run("In a box")))
                  + "</mc:Choice><mc:Fallback>" + box.format(paragraph(run("In a box"))) + "</mc:Fallback></mc:AlternateContent></w:r>"
                  + run(" and after"))
        + "<w:sdt><w:sdtPr/><w:sdtContent>" + paragraph(run("In a control")) + "</w:sdtContent></w:sdt>"
        + paragraph(run("Said") + "<w:r><w:footnoteReference w:id='2'/></w:r>" + run(" so.")
                    + "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins>" + run(" Added.") + "</w:ins>")
        + paragraph("<m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath><w:r><w:tab/><w:t>x</w:t><w:br/><w:noBreakHyphen/></w:r>"
                    "<w:hyperlink>" + run("a link") + "</w:hyperlink><w:fldSimple>" + run("3") + "</w:fldSimple>")
    )  # fmt: skip
    footnotes = f"<w:footnote w:type='separator' w:id='0'>{paragraph(run('x'))}</w:footnote>"
    footnotes += f"<w:footnote w:id='2'>{paragraph(run('By Ada.'))}</w:footnote>"
    assert pieces(read(tmp_path, body, footnotes=footnotes)) == [
        ("text", None, "Before and after"),
        ("text", None, "In a box"),
        ("text", None, "In a control"),
        ("text", None, "Said so. Added."),
        ("text", None, "By Ada."),
        ("text", None, "E=mc x ‑a link3"),
    ]


def test_headings_and_clauses_have_the_numbers_that_word_shows(tmp_path: Path):
    body = (
        "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr><w:sdtContent>"
        + paragraph(run("Terms ..... 1"))
        + "</w:sdtContent></w:sdt>"
        + paragraph(run("Terms ..... 1"), style="toc1")
        + paragraph(run("Terms"), style="h1")
        + paragraph(run("Nobody may."), number=1, level=1)
        + paragraph(run("Unless"), number=1, level=2)
        + paragraph(run("asked"), number=1, level=2)
        + paragraph(run("A bullet"), number=1, level=3)
        + paragraph(run("Somebody must."), number=1, level=1)
        + paragraph(run("Costs"), style="mine")
        + paragraph(run("Both pay."), number=1, level=1)
        + paragraph(run("Not a short bold heading", bold=True))
    )
    assert pieces(read(tmp_path, body, styles=STYLES, numbering=NUMBERING)) == [
        ("title", 1, "1. Terms"),
        ("list_item", None, "1.1 Nobody may."),
        ("list_item", None, "(iii) Unless"),
        ("list_item", None, "(iv) asked"),
        ("list_item", None, "A bullet"),
        ("list_item", None, "1.2 Somebody must."),
        ("title", 1, "2. Costs"),
        ("list_item", None, "2.1 Both pay."),
        ("text", None, "Not a short bold heading"),
    ]


def test_without_heading_styles_short_bold_paragraphs_are_headings(tmp_path: Path):
    body = (
        paragraph(run("Terms", bold=True) + run(" of use", bold=True))
        + paragraph(run("Note:", bold=True) + run(" only in part"))
        + paragraph(run("This whole sentence is bold.", bold=True))
    )
    assert pieces(read(tmp_path, body)) == [
        ("title", 1, "Terms of use"),
        ("text", None, "Note: only in part"),
        ("text", None, "This whole sentence is bold."),
    ]


def test_tables_with_merged_cells_and_several_header_rows(tmp_path: Path):
    restart, goes_on, wide = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'

    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(run(text)) if text else '<w:p/>'}</w:tc>"

    header = "<w:trPr><w:tblHeader/></w:trPr>"
    body = (
        "<w:tbl>"
        f"<w:tr>{header}{cell('Site')}{cell('Seats', wide)}</w:tr>"
        f"<w:tr>{header}{cell('')}{cell('by day')}{cell('by night')}</w:tr>"
        f"<w:tr>{cell('Lenzow', restart)}{cell('34')}{cell('12')}</w:tr>"
        f"<w:sdt><w:sdtContent><w:tr>{cell('', goes_on)}{cell('35')}{cell('13')}</w:tr></w:sdtContent></w:sdt>"
        "</w:tbl>"
        f"<w:tbl><w:tr>{cell('A frame around words')}</w:tr></w:tbl>"
    )
    document = read(tmp_path, body)
    assert pieces(document) == [
        ("table", None, "Site | Seats\n| by day | by night\nLenzow | 34 | 12\nLenzow | 35 | 13"),
        ("text", None, "A frame around words"),
    ]
    assert document.elements[0].n_header_rows == 2


@pytest.mark.parametrize(
    ("numbering", "expected"),
    [
        ("decimal", ["1", "2", "3"]),
        ("upperLetter", ["A", "B", "C"]),
        ("upperRoman", ["I", "II", "III"]),
        ("decimalZero", ["01", "02", "03"]),
        ("chicago", ["1", "2", "3"]),
        ("none", ["", "", ""]),
    ],
)
def test_numberings(numbering: str, expected: list[str]):
    tree = f"<w:numbering {_NAMESPACES}>{NUMBERING}</w:numbering>".replace("lowerRoman", numbering).replace(
        "w:start w:val='3'", "w:start w:val='1'"
    )
    counted = Numbering(tree_of(tree.encode()))
    assert [counted.next("1", 2).strip("()") for _ in range(3)] == expected
    assert counted.next("9", 0) == "", "a list that is not there"
    assert Numbering(None).next("1", 0) == ""


def test_letters_and_roman_numbers_go_on():
    tree = tree_of(f"<w:numbering {_NAMESPACES}>{NUMBERING}</w:numbering>".replace("w:val='3'", "w:val='1'").encode())
    roman = Numbering(tree)
    assert [roman.next("1", 2) for _ in range(14)][3::5] == ["(iv)", "(ix)", "(xiv)"]
    letters = Numbering(tree_of(f"<w:numbering {_NAMESPACES}>{NUMBERING}</w:numbering>".replace("lowerRoman", "lowerLetter").encode()))
    assert [letters.next("1", 2) for _ in range(26)][0::24] == ["(c)", "(aa)"]
