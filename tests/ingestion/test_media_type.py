import zipfile
from pathlib import Path

import pytest

from footnote.core.errors import UnreadableDocument, UnsupportedMediaType
from ingestion.media_type import MediaType
from ingestion.recognition import media_type_of
from tests.ingestion.compound_files import compound_file, outlook_message
from tests.ingestion.files import mail, write_docx, write_pdf, write_pptx, write_xlsx


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_type_comes_from_content_whatever_the_name_says(tmp_path: Path):
    assert media_type_of(write_docx(tmp_path / "a"), filename="report.pdf") is MediaType.DOCX
    assert media_type_of(write_pptx(tmp_path / "b"), filename="report.docx") is MediaType.PPTX
    assert media_type_of(write_xlsx(tmp_path / "c"), filename="report") is MediaType.XLSX
    assert media_type_of(write_pdf(tmp_path / "d", lambda c: c.drawString(72, 700, "x")), filename="notes.txt") is MediaType.PDF
    assert media_type_of(_write(tmp_path / "e", b"plain words\n"), filename="report.pdf") is MediaType.TEXT


@pytest.mark.parametrize(
    ("content", "filename", "expected"),
    [
        (b"a,b\n1,2\n", "a.csv", MediaType.CSV),
        (b"a\tb\n1\t2\n", "a.TSV", MediaType.CSV),
        (b"# Title\n", "README.md", MediaType.MARKDOWN),
        (b"# Title\n", "README.txt", MediaType.TEXT),
        (b"a,b\n1,2\n", "unnamed", MediaType.TEXT),
        (b"<!DOCTYPE html><p>x</p>", "a.txt", MediaType.HTML),
        (b"\xef\xbb\xbf<html><body>x</body></html>", "a", MediaType.HTML),
        (b"<div><p>a</p><p>b</p></div>", "a", MediaType.HTML),
        (b"if a < b: pass </p>", "a.py", MediaType.TEXT),
        ("Größe\n".encode("cp1252"), "a.txt", MediaType.TEXT),
        ("Größe\n".encode("utf-16"), "a.txt", MediaType.TEXT),
        (mail(), "message", MediaType.MAIL),
        (b"{\\rtf1 hello}", "a.doc", MediaType.RTF),
        (outlook_message(subject="Pumps", body="They came."), "a.eml", MediaType.OUTLOOK),
        (b"From here on: nothing.\n\nTo: be", "a.txt", MediaType.TEXT),
        (b"junk before\n%PDF-1.7\n1 0 obj\n%%EOF\n", "a.bin", MediaType.PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.7\n%\xe2\xe3\xcf\xd3\x00\x01\x02", "a.bin", MediaType.PDF),
        (b"\r\n  %PDF-1.7\n", "a.txt", MediaType.PDF),
        (b"A PDF begins with a line like\n%PDF-1.7\nand ends with %%EOF, as we know.\n", "a.pdf", MediaType.TEXT),
        (b"# The header\n\nReaders look for `%PDF-` in the first 1,024 bytes.\n", "a.md", MediaType.MARKDOWN),
        ("<html><body>Größe</body></html>".encode("utf-16"), "a.txt", MediaType.HTML),
        ("Die Größe, ohne Marke\n".encode("utf-16-le"), "a.txt", MediaType.TEXT),
        ("Die Größe, ohne Marke\n".encode("utf-16-be"), "a", MediaType.TEXT),
        ("Name;Größe\na;1\n".encode("utf-16"), "a.csv", MediaType.CSV),
        ("漢字かな交じり文を書く。\n".encode("utf-16"), "a", MediaType.TEXT),
        ("Größe\n".encode("utf-32"), "a", MediaType.TEXT),
        (b"<!-- saved -->\n<html lang='de'><p>x", "report.docx", MediaType.HTML),
    ],
)
def test_kinds_of_text(tmp_path: Path, content: bytes, filename: str, expected: MediaType):
    assert media_type_of(_write(tmp_path / "x", content), filename=filename) is expected


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        (b"\x00" * 4096, "nothing but zeros"),
        (bytes(range(256)) * 8, "binary data"),
        (b"\xff\xfe" + bytes(range(256)) * 8, "binary data"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00", "audio/mpeg"),
        (b"PK\x05\x06" + bytes(18), "ZIP archive without files"),
        (b"<?xml version='1.0'?><rss></rss>", "XML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "SVG"),
    ],
)
def test_what_is_not_read_is_named_with_what_is(tmp_path: Path, content: bytes, looks_like: str):
    with pytest.raises(UnsupportedMediaType, match=looks_like) as caught:
        media_type_of(_write(tmp_path / "x", content), filename="a.pdf")
    assert "DOCX" in str(caught.value)


def test_archives_that_are_no_office_files_are_named(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(UnsupportedMediaType, match=r"ZIP archive \(readme.txt\).*Upload the files"):
        media_type_of(tmp_path / "a.zip", filename="a.docx")
    with zipfile.ZipFile(tmp_path / "b.odg", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.graphics")
    with pytest.raises(UnsupportedMediaType, match=r"opendocument\.graphics"):
        media_type_of(tmp_path / "b.odg", filename="b.odt")
    with zipfile.ZipFile(tmp_path / "c.pages", "w") as archive:
        archive.writestr("Index/Document.iwa", b"x")
    with pytest.raises(UnsupportedMediaType, match=r"Apple iWork.*Export it as PDF"):
        media_type_of(tmp_path / "c.pages", filename="c.docx")


def test_empty_and_truncated_files_are_unreadable(tmp_path: Path):
    with pytest.raises(UnreadableDocument, match="empty") as caught:
        media_type_of(_write(tmp_path / "x", b""), filename="a.pdf")
    assert caught.value.code == "empty"
    whole = write_docx(tmp_path / "a.docx").read_bytes()
    with pytest.raises(UnreadableDocument, match="truncated"):
        media_type_of(_write(tmp_path / "y", whole[: len(whole) // 2]), filename="a.docx")


@pytest.mark.parametrize(
    ("streams", "error", "message"),
    [
        (["EncryptedPackage"], UnreadableDocument, "protected by a password.*without the password"),
        (["WordDocument"], UnsupportedMediaType, "old Word document.*Save it as DOCX or PDF"),
        (["PowerPoint Document"], UnsupportedMediaType, "old PowerPoint presentation.*Save it as PPTX or PDF"),
        (["Something"], UnsupportedMediaType, "old office file"),
    ],
)
def test_compound_files_are_named_with_what_to_do(tmp_path: Path, streams: list[str], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        media_type_of(_write(tmp_path / "x", compound_file(dict.fromkeys(streams, b""))), filename="a.docx")


def test_a_damaged_compound_file(tmp_path: Path):
    with pytest.raises(UnreadableDocument, match="damaged office file"):
        media_type_of(_write(tmp_path / "x", compound_file({"WordDocument": b"x"})[:600]), filename="a.doc")


@pytest.mark.timeout(10)
def test_many_comments_before_nothing_take_no_time(tmp_path: Path):
    assert media_type_of(_write(tmp_path / "x", b"<!-- a --> " * 4000), filename="a.txt") is MediaType.TEXT
