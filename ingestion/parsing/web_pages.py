"""HTML: a page's headings, paragraphs, lists, tables and captions, in the order in which they are shown.

What belongs to the site and not to the page (navigation, footers, forms' controls) is left out, and what is not shown.
docs/file-outcomes.md compares the result with unstructured's, which loses captions, and the places of cells that reach over several rows.
"""

from typing import Any, cast

import lxml.etree
import lxml.html

from footnote.core.errors import UnreadableDocument
from footnote.core.types import ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.parsing.captions import is_table_caption
from ingestion.parsing.grids import add_table
from ingestion.parsing.html_tables import flat_text, is_hidden, is_layout, table_of
from ingestion.parsing.xml_trees import Node

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption"}
    | {"figure", "footer", "form", "header", "hgroup", "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", *_HEADINGS}
)
_OF_THE_SITE = frozenset({"nav", "footer"})
_ROLES_OF_THE_SITE = frozenset({"navigation", "contentinfo", "search"})
_MAX_LEVEL = 6


def add_page(builder: DocumentBuilder, text: str, *, below_level: int = 0) -> None:
    """Append a web page to a document; ``below_level`` is the level of the heading that its own headings stand under.

    Where nothing is left without navigation and footers, they are what the page says, and are read.

    Raises:
        UnreadableDocument: its elements are nested as in no page.
    """
    root = _root(text)
    if root is not None:
        _Reader(builder, below_level=below_level, keeps_site=not _shows_words(root)).read(root)


def _root(text: str) -> Node | None:
    etree = cast("Any", lxml.etree)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    parser = cast("Any", lxml.html).HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = cast("Node", lxml.html.document_fromstring(text.encode("utf-8", errors="replace"), parser=parser))
    except (etree.ParserError, etree.XMLSyntaxError):  # an empty page
        return None
    if any("Excessive depth" in error.message for error in parser.error_log):
        raise UnreadableDocument("The web page is nested as no page is.", hint="Save it as text or PDF.", code="damaged")
    bodies: list[Node] = list(root.iter("body", "frameset"))
    return bodies[0] if bodies else root


def _walk(root: Node) -> Any:
    """Return an iterator over the beginnings and ends of elements, which can be told to pass over what is in one."""
    return cast("Any", lxml.etree).iterwalk(root, events=("start", "end"))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def _shows_words(root: Node) -> bool:
    """Whether there is text that is shown and not of the site."""
    walk = _walk(root)
    for event, node in walk:
        if event == "end":
            if node is not root and node.tail and node.tail.strip():
                return True
        elif is_hidden(node) or _is_of_the_site(node):
            walk.skip_subtree()
        elif node.text and node.text.strip():
            return True
    return False


def _is_of_the_site(node: Node) -> bool:
    if node.tag == "header":
        return not _is_within_content(node)
    return node.tag in _OF_THE_SITE or node.get("role") in _ROLES_OF_THE_SITE


def _is_within_content(node: Node) -> bool:
    """Whether a header introduces an article or a section, not the site; one with the page's first heading does too."""
    return any(True for _ in node.iter("h1")) or any(above.tag in ("article", "main", "section") for above in node.iterancestors())


class _Reader:
    """Walks a page and appends what it shows. Text between two blocks is a paragraph."""

    def __init__(self, builder: DocumentBuilder, *, below_level: int, keeps_site: bool) -> None:
        self._builder = builder
        self._below_level = below_level
        self._keeps_site = keeps_site
        self._inline: list[str] = []
        self._picture = ""
        self._item_begins = False
        self._kind = ElementKind.TEXT
        self._caption: str | None = None

    def read(self, root: Node) -> None:
        walk = _walk(root)
        for event, node in walk:
            if event == "start":
                if self._begin(node):
                    self._inline.append(node.text or "")
                else:
                    walk.skip_subtree()
            else:
                self._end(node)
                if node is not root:
                    self._inline.append(node.tail or "")
        self._end_paragraph()

    def _begin(self, node: Node) -> bool:
        """Take an element, and return whether what is in it is to be read one by one."""
        if is_hidden(node) or (not self._keeps_site and _is_of_the_site(node)):
            return False
        tag: str = node.tag
        if tag in _BLOCKS:
            self._end_paragraph()
        if tag in _HEADINGS:
            self._builder.add(ElementKind.TITLE, flat_text(node), level=min(_HEADINGS[tag] + self._below_level, _MAX_LEVEL))
            return False
        if tag == "pre":
            self._builder.add(ElementKind.CODE, "".join(node.itertext()).strip("\n"))
            return False
        if tag == "table":
            return self._is_table_read(node)
        if tag == "img":
            self._picture = self._picture or node.get("alt", "")
        elif tag == "br":
            self._inline.append("\n")
        elif tag in ("li", "dt"):
            self._item_begins = True
        elif tag == "figcaption":
            self._kind = ElementKind.CAPTION
        return True

    def _end(self, node: Node) -> None:
        if node.tag in _BLOCKS:
            self._end_paragraph()
        if node.tag in ("li", "dt"):
            self._item_begins = False
        elif node.tag == "figcaption":
            self._kind = ElementKind.TEXT

    def _end_paragraph(self) -> None:
        text = " ".join("".join(self._inline).split())
        picture = " ".join(self._picture.split())
        self._inline.clear()
        self._picture = ""
        if not text:
            self._builder.add(ElementKind.IMAGE, picture)
            return
        kind = ElementKind.LIST_ITEM if self._item_begins else self._kind
        self._item_begins = False
        self._caption = text if is_table_caption(text) or kind is ElementKind.CAPTION else None
        self._builder.add(ElementKind.CAPTION if self._caption else kind, text)

    def _is_table_read(self, node: Node) -> bool:
        """Append a table of data; return True for one that only places things, whose cells are then read one by one."""
        caption, self._caption = self._caption, None
        if is_layout(node):
            return True
        table = table_of(node)
        if table is not None:
            add_table(self._builder, table.rows, n_header_rows=table.n_header_rows, caption=table.caption or _above(node) or caption)
        return False


def _above(table: Node) -> str | None:
    """Return the caption of the figure that a table stands in."""
    figure = table.getparent()
    if figure is None or figure.tag != "figure":
        return None
    return next((text for node in figure.iter("figcaption") if (text := flat_text(node))), None)
