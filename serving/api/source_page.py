"""A document as a plain HTML page with one span marked: no scripts, nothing from elsewhere. Pure."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from footnote.core.types import Document, ElementKind
from serving.api.document_parts import parts_of

SHOWN_CHARS = 1_000_000
"""Longer documents are shown around the span only; the page says so."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1a; --paper: #fdfcf9; --rule: #d8d5cc; --mark: #ffe58a; --faint: #6b675e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e3da; --paper: #191917; --rule: #3c3a35; --mark: #6b5600; --faint: #a09b90; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
header { border-bottom: 1px solid var(--rule); padding: 1rem; }
h1 { font-size: 1.1rem; margin: 0 auto; max-width: 46rem; overflow-wrap: anywhere; }
header p { margin: 0 auto; max-width: 46rem; color: var(--faint); }
main { margin: 0 auto; max-width: 46rem; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { background: var(--mark); color: inherit; scroll-margin-top: 30vh; }
b.heading { font-weight: 650; }
i.page { display: block; border-top: 1px solid var(--rule); margin: 1rem 0; color: var(--faint); font-size: .85rem; font-style: normal; }
i.page::before { content: "Page " attr(data-page); }
p.cut { color: var(--faint); }
"""


@dataclass(frozen=True, slots=True)
class Span:
    """``document.text[start:end]``."""

    start: int
    end: int


def content_security_policy() -> str:
    """Return the header that lets the page's own style in, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def render_source(document: Document, *, filename: str, cited: Span | None) -> str:
    """Return the page. The text between its tags, unescaped, is the document's: page numbers are drawn by the style."""
    shown = _shown(document, cited)
    where = f"Characters {cited.start:,} to {cited.end:,} are marked." if cited else f"{len(document.text):,} characters."
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(filename)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(filename)}</h1><p>{where}</p></header>\n"
        f"{_cut_note(document, shown)}<main>{_body(document, shown, cited)}</main>\n</body>\n</html>\n"
    )


def _shown(document: Document, cited: Span | None) -> Span:
    length = len(document.text)
    if length <= SHOWN_CHARS:
        return Span(0, length)
    middle = 0 if cited is None else (cited.start + cited.end) // 2
    start = min(max(0, middle - SHOWN_CHARS // 2), length - SHOWN_CHARS)
    if cited is None:
        return Span(start, start + SHOWN_CHARS)
    return Span(min(start, cited.start), max(start + SHOWN_CHARS, cited.end))


def _cut_note(document: Document, shown: Span) -> str:
    if shown == Span(0, len(document.text)):
        return ""
    return (
        f'<header><p class="cut">The document has {len(document.text):,} characters; '
        f"{shown.start:,} to {shown.end:,} are shown here.</p></header>\n"
    )


def _body(document: Document, shown: Span, cited: Span | None) -> str:
    pages = {part.start: part.page for part in parts_of(document) if part.page is not None}
    headings = [Span(element.start, element.end) for element in document.elements if element.kind is ElementKind.TITLE]
    if cited is None:
        return _pieces(document.text, shown, pages, headings)
    before, marked, after = (
        _pieces(document.text, span, pages, headings) for span in (Span(shown.start, cited.start), cited, Span(cited.end, shown.end))
    )
    return f'{before}<mark id="cited">{marked}</mark>{after}'


def _pieces(text: str, span: Span, pages: Mapping[int, int], headings: Sequence[Span]) -> str:
    inside = [heading for heading in headings if heading.start < span.end and heading.end > span.start]
    cuts = {span.start, span.end}
    cuts |= {page for page in pages if span.start < page < span.end}
    cuts |= {edge for heading in inside for edge in (heading.start, heading.end) if span.start < edge < span.end}
    edges = sorted(cuts)
    starts_of_headings = frozenset(_starts_inside(inside, edges))
    return "".join(
        _page_mark(pages.get(start)) + _text(text[start:end], is_heading=start in starts_of_headings) for start, end in pairwise(edges)
    )


def _starts_inside(headings: Sequence[Span], edges: Sequence[int]) -> Iterator[int]:
    """Yield the edges that lie in a heading; both are sorted, so one walk does."""
    ordered = iter(sorted(headings, key=lambda heading: heading.start))
    heading = next(ordered, None)
    for edge in edges:
        while heading is not None and heading.end <= edge:
            heading = next(ordered, None)
        if heading is not None and heading.start <= edge:
            yield edge


def _page_mark(page: int | None) -> str:
    return "" if page is None else f'<i class="page" data-page="{page}"></i>'


def _text(text: str, *, is_heading: bool) -> str:
    return f'<b class="heading">{escape(text)}</b>' if is_heading else escape(text)
