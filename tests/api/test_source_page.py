"""Parts of a document, and its page: nothing is lost, nothing gets in."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import InvalidInput
from footnote.core.types import Document, Element, ElementKind
from serving.api import source_page
from serving.api.document_parts import parts_of
from serving.api.source_page import Span, content_security_policy, render_source
from serving.api.sources import cited_span


class PageText(HTMLParser):
    """Reads what a browser would show in <main>, what is marked in it, and the tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.marked, self.headings, self.tags, self.pages = "", "", "", set[str](), list[str]()
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self._open.append(tag)
        if tag == "i":
            self.pages.append(str(dict(attrs)["data-page"]))
        if tag == "mark":
            assert dict(attrs) == {"id": "cited"}

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "main" in self._open:
            self.text += data
            self.marked += data if "mark" in self._open else ""
            self.headings += data if "b" in self._open else ""


@st.composite
def documents(draw: st.DrawFn) -> Document:
    alphabet = st.sampled_from("ab<>&\"' \n😀ä")
    pieces = draw(st.lists(st.tuples(st.text(alphabet, max_size=6), st.sampled_from(list(ElementKind)), st.booleans()), max_size=8))
    text, elements, page = "", [], 1
    for piece, kind, turns in pieces:
        page += turns
        elements.append(Element(kind=kind, start=len(text), end=len(text) + len(piece), page=page))
        text += piece + draw(st.sampled_from(["", "\n\n"]))
    with_pages = draw(st.booleans())
    kept = elements if with_pages else [Element(kind=each.kind, start=each.start, end=each.end) for each in elements]
    return Document(text=text, elements=tuple(kept), media_type="text/plain")


@given(documents())
def test_the_parts_joined_are_the_text(document: Document) -> None:
    parts = parts_of(document)
    assert "".join(document.text[part.start : part.end] for part in parts) == document.text
    assert all(part.start < part.end for part in parts)


@given(documents())
def test_each_element_stands_in_a_part_of_its_page(document: Document) -> None:
    for element in document.elements:
        if element.page is None or element.start == element.end:
            continue
        (part,) = [part for part in parts_of(document) if part.start <= element.start < part.end]
        assert part.page == element.page


def test_a_document_without_pages_comes_in_groups_of_elements() -> None:
    text = "x" * 10_000
    elements = tuple(Element(kind=ElementKind.TEXT, start=start, end=start + 1_000) for start in range(0, 10_000, 1_000))
    parts = parts_of(Document(text=text, elements=elements, media_type="text/plain"))
    assert [(part.start, part.end, part.page) for part in parts] == [(0, 4_000, None), (4_000, 8_000, None), (8_000, 10_000, None)]


@given(documents(), st.integers(0, 60), st.integers(1, 60))
def test_the_page_shows_the_text_and_marks_the_span(document: Document, start: int, length: int) -> None:
    cited = Span(start, min(start + length, len(document.text)))
    page = render_source(document, filename="a.txt", cited=cited if cited.start < cited.end else None)
    shown = PageText(page)
    assert shown.text == document.text
    assert shown.marked == (document.text[cited.start : cited.end] if cited.start < cited.end else "")
    titles = [element for element in document.elements if element.kind is ElementKind.TITLE]
    assert shown.headings == "".join(document.text[title.start : title.end] for title in titles)
    assert shown.tags <= {"html", "head", "meta", "title", "style", "body", "header", "h1", "p", "main", "mark", "b", "i"}


def test_neither_name_nor_text_can_become_markup() -> None:
    evil = '</main><script>alert("1")</script><img src=x onerror=alert(1)>'
    document = Document(text=evil, elements=(), media_type="text/html")
    page = render_source(document, filename=f"{evil}.html", cited=Span(3, 9))
    assert "<script" not in page
    assert "<img" not in page
    assert PageText(page).text == evil


def test_only_the_pages_own_style_is_let_in() -> None:
    page = render_source(Document(text="x", elements=(), media_type="text/plain"), filename="x", cited=None)
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = content_security_policy()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_pages_are_announced_where_they_begin() -> None:
    elements = tuple(Element(kind=ElementKind.TEXT, start=n * 2, end=n * 2 + 2, page=n + 4) for n in range(3))
    page = render_source(Document(text="aabbcc", elements=elements, media_type="application/pdf"), filename="x", cited=Span(1, 5))
    assert PageText(page).pages == ["4", "5", "6"]


def test_a_very_long_document_is_shown_around_the_span_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_page, "SHOWN_CHARS", 100)
    document = Document(text="".join(chr(0x4E00 + n) for n in range(1_000)), elements=(), media_type="text/plain")
    for cited in (Span(0, 5), Span(500, 510), Span(995, 1_000), Span(300, 700)):
        shown = PageText(page := render_source(document, filename="x", cited=cited))
        assert shown.marked == document.text[cited.start : cited.end]
        assert shown.text in document.text
        assert len(shown.text) == max(100, cited.end - cited.start)
        assert "1,000 characters" in page


@pytest.mark.parametrize(
    ("start", "end", "param"), [(None, 3, "start"), (3, None, "end"), (3, 3, "end"), (5, 4, "end"), (0, 11, "end"), (10, 12, "start")]
)
def test_a_span_has_to_lie_in_the_document(start: int | None, end: int | None, param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        cited_span(start, end, length=10)
    assert caught.value.param == param


def test_the_whole_document_may_be_cited_or_nothing() -> None:
    assert cited_span(0, 10, length=10) == Span(0, 10)
    assert cited_span(None, None, length=10) is None
