"""EPUB: chapters in the order of the spine."""

from pathlib import Path

import pytest

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.open_formats import write_epub

CHAPTERS = {
    "two": "<h1>Second</h1><p>Then came&nbsp;the pumps, and all was well again in the house.</p>",
    "one": "<h1>First</h1><p>Once there was a house with no water in it at all.</p>"
    "<table><tr><th>Year</th><th>Pumps</th></tr><tr><td>1901</td><td>2</td></tr></table>",
}


def pieces(document: Document) -> list[tuple[str, int | None, str]]:
    return [(e.kind.value, e.level, document.text[e.start : e.end]) for e in document.elements]


def read(path: Path) -> Document:
    return parse(path, filename="a.zip", limits=ParsingLimits())


def test_chapters_in_the_order_of_reading_without_the_contents_page(tmp_path: Path):
    document = read(write_epub(tmp_path / "a", CHAPTERS, spine=["one", "two"]))
    assert (document.media_type, document.title, document.language) == (MediaType.EPUB, "A Book", "en")
    assert pieces(document) == [
        ("title", 1, "First"),
        ("text", None, "Once there was a house with no water in it at all."),
        ("table", None, "Year | Pumps\n1901 | 2"),
        ("title", 1, "Second"),
        ("text", None, "Then came the pumps, and all was well again in the house."),
    ]


def test_a_missing_chapter_is_noted(tmp_path: Path):
    document = read(write_epub(tmp_path / "a", CHAPTERS, left_out=("one",)))
    assert document.notes == ("The chapter one.xhtml is missing or damaged and was left out.",)
    assert "pumps" in document.text


def encryption(algorithm: str) -> dict[str, str]:
    inner = f'<EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData>'
    return {"META-INF/encryption.xml": f"<encryption>{inner}</encryption>"}


def test_a_protected_book_is_named_but_not_one_with_obfuscated_fonts(tmp_path: Path):
    drm = write_epub(tmp_path / "a", CHAPTERS, parts=encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc"))
    with pytest.raises(UnreadableDocument, match="DRM") as caught:
        read(drm)
    assert caught.value.code == "password"
    assert read(write_epub(tmp_path / "b", CHAPTERS, parts=encryption("http://www.idpf.org/2008/embedding"))).text


def test_a_book_without_a_list_of_its_parts_is_damaged(tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
    with pytest.raises(UnreadableDocument, match="does not list its parts"):
        read(tmp_path / "a")
