"""Rich Text, as programs write it."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import FootnoteError, UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.rtf import parse_rtf

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset128 Mincho;}{\f2\fcharset204 Arial;}}"
    r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 Kapitel;}{\s2 heading 2;}{\s3 Title;}}"
)


def read(tmp_path: Path, body: str, *, head: str = HEAD) -> Document:
    path = tmp_path / "a"
    path.write_bytes((head + body + "}").encode("ascii"))
    return parse(path, filename="a.doc", limits=ParsingLimits())


def pieces(document: Document) -> list[tuple[str, int | None, str]]:
    return [(e.kind.value, e.level, document.text[e.start : e.end]) for e in document.elements]


def test_paragraphs_headings_and_lists(tmp_path: Path):
    document = read(
        tmp_path,
        r"{\info{\title My report}{\author Ada}}{\header Running header\par}{\pict\pngblip 89504e47}"
        r"\pard\s3 Report\par\pard\s1 Chapter\par\pard\s2 Part\par\pard\outlinelevel2 Deeper\par"
        r"{\listtext\pard\plain \'b7\tab}\pard\ls1 First\par\pard Then {\b bold}{\v hidden}{\deleted gone} text"
        r"{\*\unknown junk}.{\footnote \pard The note.\par} On.\par\par Last",
    )
    assert (document.media_type, document.title) == (MediaType.RTF, "My report")
    assert pieces(document) == [
        ("title", 1, "Report"),
        ("title", 1, "Chapter"),
        ("title", 2, "Part"),
        ("title", 3, "Deeper"),
        ("list_item", None, "First"),
        ("text", None, "Then bold text. On."),
        ("text", None, "The note."),
        ("text", None, "Last"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"Caf\'e9 \ldblquote so\rdblquote\~\emdash  x\_y soft\-hyphen", "Café “so” — x‑y softhyphen"),
        (r"\u8364? \u8364\'80 \uc0\u8364 x \uc2\u8364 ??y", "€ € €x €y"),
        (r"\u-10179?\u-8704?", "😀"),
        (r"{\f2 \'cf\'f0\'e8} {\f1 \'93\'fa\'96\'7b} \'e9", "При 日本 é"),
        (r"{\upr{ansi}{\*\ud{real}}} text", "real text"),
        (r"\\ \{ \}", r"\ { }"),
        (r"{\object{\*\objdata 0102}{\result shown}}", "shown"),
        (r"{\field{\*\fldinst HYPERLINK x}{\fldrslt a link}}", "a link"),
        (r"before \bin5 }}}}}after", "before after"),
        ("wrapped\r\nline", "wrappedline"),
    ],
)
def test_characters(tmp_path: Path, body: str, expected: str):
    assert read(tmp_path, rf"\pard {body}\par").text == expected


def test_tables_keep_header_caption_and_merged_cells(tmp_path: Path):
    row = r"\trowd{}\cellx1000{}\cellx2000\pard\intbl {}\cell {}\cell\row"
    document = read(
        tmp_path,
        r"\pard Table 2: Hotels\par"
        + row.format(r"\trhdr", "", "City", "Price")
        + row.format("", r"\clvmgf", "Paris", r"140\par a night")
        + row.format("", r"\clvmrg", "Lyon", "")
        + r"\pard\par"
        + row.format("", "", "x", "y")
        + r"\pard After\par",
    )
    assert pieces(document) == [
        ("caption", None, "Table 2: Hotels"),
        ("table", None, "City | Price\nParis | 140 a night\nLyon | 140 a night"),
        ("table", None, "x | y"),
        ("text", None, "After"),
    ]
    assert (document.elements[1].caption, document.elements[1].n_header_rows) == ("Table 2: Hotels", 1)
    assert (document.elements[2].caption, document.elements[2].n_header_rows) == (None, 0)


def test_without_text(tmp_path: Path):
    with pytest.raises(UnreadableDocument, match="no text"):
        read(tmp_path, r"\pard\par")


def test_nesting_without_end_is_refused_in_no_time(tmp_path: Path):
    began = time.monotonic()
    with pytest.raises(UnreadableDocument, match="nested"):
        read(tmp_path, "{" * 1_000_000)
    assert read(tmp_path, r"\'" * 300_000 + "x").text
    assert time.monotonic() - began < 20


@given(st.binary(max_size=300))
def test_whatever_the_bytes_it_ends_with_a_document_or_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.mktemp("rtf") / "a"
    path.write_bytes(b"{\\rtf1 " + content)
    with contextlib.suppress(FootnoteError):
        assert parse_rtf(path, limits=ParsingLimits()).media_type == MediaType.RTF
