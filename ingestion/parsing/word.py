"""DOCX, read from its XML.

unstructured goes through a document's paragraphs and tables alone: text boxes, content controls within the text, formulas and footnotes
are lost without a word, and short lines of plain text become headings. docs/file-outcomes.md has the comparison.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.archives import check_expansion
from ingestion.parsing.captions import is_table_caption
from ingestion.parsing.grids import add_table
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.word_numbering import Numbering
from ingestion.parsing.word_xml import child, is_on, value
from ingestion.parsing.xml_trees import Node, local_name, member_tree, tree_of

_MAIN_PART = re.compile(r"^word/document\d*\.xml$")
_HEADING = re.compile(r"^(?:heading|überschrift|titre|título|titolo|kop|rubrik|заголовок)\s*([1-9])\b", re.IGNORECASE)
_TITLE_STYLES = {"title": 1, "subtitle": 2}
_CONTENTS_STYLE = re.compile(r"^(?:toc|table of figures)\b", re.IGNORECASE)
_LEFT_OUT = frozenset(
    {"del", "moveFrom", "delText", "instrText", "Fallback", "txbxContent"}
    | {"pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr"}
)
"""Deleted text, fields' instructions, properties, a second version for older programs; text boxes stand apart from their line."""

_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "‑"}
_MAX_LEVEL = 6
_BODY_LEVEL = 9
_MAX_SPAN = 100
_MAX_HEADING_WORDS = 12
_ENDS_LIKE_TEXT = re.compile(r"[.,;:!?]$")


def parse_docx(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a Word document.

    Headings are paragraphs with a heading style or an outline level; in a document without any, short paragraphs all in bold. Comments,
    deleted text, running headers and footers, and the contents list are left out.

    Raises:
        UnreadableDocument: it is damaged.
    """
    check_expansion(path, limits=limits)
    try:
        with zipfile.ZipFile(path) as archive:
            name = min(name for name in archive.namelist() if _MAIN_PART.match(name))
            body = tree_of(archive.read(name))
            styles = _Styles(member_tree(archive, "word/styles.xml"))
            numbering = Numbering(member_tree(archive, "word/numbering.xml"))
            notes = {kind: _notes(member_tree(archive, f"word/{kind}s.xml"), kind) for kind in ("footnote", "endnote")}
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument(
            "The Word document is damaged.",
            hint="Open it in the program that made it, save it again, and upload the new copy.",
            code="damaged",
        ) from error
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    _Writer(builder, styles, numbering, notes, has_headings=_has_headings(body, styles)).blocks(body)
    return builder.build(media_type=MediaType.DOCX)


class _Styles:
    """What paragraphs inherit from their style, and from those that it is based on."""

    def __init__(self, tree: Node | None) -> None:
        styles = [] if tree is None else [node for node in tree if local_name(node) == "style"]
        self._by_id = {value(node, "styleId"): node for node in styles}

    def chain(self, paragraph: Node) -> Iterator[Node]:
        """Yield a paragraph's style and those below it."""
        seen: set[str] = set()
        style = value(child(paragraph, "pPr", "pStyle"))
        while style in self._by_id and style not in seen:
            seen.add(style)
            yield self._by_id[style]
            style = value(child(self._by_id[style], "basedOn"))

    def names(self, paragraph: Node) -> list[str]:
        return [value(child(style, "name")) for style in self.chain(paragraph)]

    def level(self, paragraph: Node) -> int | None:
        """Return the level of a heading, else None."""
        for properties in (paragraph, *self.chain(paragraph)):
            outline = value(child(properties, "pPr", "outlineLvl"))
            if outline.isdecimal():
                return min(int(outline) + 1, _MAX_LEVEL) if int(outline) < _BODY_LEVEL else None
            name = value(child(properties, "name"))
            heading = _HEADING.match(name)
            if heading is not None:
                return min(int(heading[1]), _MAX_LEVEL)
            if name.lower() in _TITLE_STYLES:
                return _TITLE_STYLES[name.lower()]
        return None

    def item(self, paragraph: Node) -> tuple[str, int] | None:
        """Return the list and the level in it that a paragraph is an item of; None for other paragraphs."""
        number = level = None
        for properties in (paragraph, *self.chain(paragraph)):
            number = number if number is not None else child(properties, "pPr", "numPr", "numId")
            level = level if level is not None else child(properties, "pPr", "numPr", "ilvl")
        if number is not None:
            place = value(level)
            return None if value(number) == "0" else (value(number), int(place) if place.isdecimal() and len(place) == 1 else 0)
        is_listed = any(name.lower().startswith("list ") and "continue" not in name.lower() for name in self.names(paragraph))
        return ("", 0) if is_listed else None


def _notes(tree: Node | None, kind: str) -> dict[str, str]:
    """Return the texts of foot- or endnotes by id; separators have a type."""
    notes = [] if tree is None else [node for node in tree if local_name(node) == kind and not value(node, "type")]
    return {value(node, "id"): " ".join(_text_of(node).split()) for node in notes}


def _has_headings(body: Node, styles: _Styles) -> bool:
    return any(styles.level(node) is not None for node in body.iter() if local_name(node) == "p")


class _Writer:
    """Appends paragraphs, tables and text boxes, in order, to a document."""

    def __init__(
        self, builder: DocumentBuilder, styles: _Styles, numbering: Numbering, notes: dict[str, dict[str, str]], *, has_headings: bool
    ) -> None:
        self._builder = builder
        self._styles = styles
        self._numbering = numbering
        self._notes = notes
        self._has_headings = has_headings
        self._caption: str | None = None

    def blocks(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            name = local_name(node)
            if name == "p":
                self._paragraph(node)
            elif name == "tbl":
                self._table(node)
            elif name not in _LEFT_OUT and not _is_contents(node):
                self.blocks(node)

    def _paragraph(self, node: Node) -> None:
        names = [name.lower() for name in self._styles.names(node)]
        if any(_CONTENTS_STYLE.match(name) for name in names[:1]):
            return
        text = " ".join(_text_of(node).split())
        if text:
            level, item = self._styles.level(node), self._styles.item(node)
            if level is None and item is None and not self._has_headings and _reads_as_heading(node, text):
                level = 1
            is_caption = level is None and (is_table_caption(text) or "caption" in names)
            self._caption = text if is_caption else None
            kind = ElementKind.LIST_ITEM if item is not None else ElementKind.TEXT
            kind = ElementKind.CAPTION if is_caption else ElementKind.TITLE if level is not None else kind
            number = self._numbering.next(*item) if item is not None else ""
            self._builder.add(kind, f"{number} {text}" if number else text, level=level)
        self._after(node)

    def _after(self, paragraph: Node) -> None:
        """Append what hangs on a paragraph: its notes and text boxes."""
        for node in _walk(paragraph, keep=("txbxContent",)):
            name = local_name(node)
            if name in ("footnoteReference", "endnoteReference"):
                self._builder.add(ElementKind.TEXT, self._notes[name.removesuffix("Reference")].get(value(node, "id"), ""))
            elif name == "txbxContent":
                self.blocks(node)

    def _table(self, node: Node) -> None:
        rows = [(row, list(_children(row, "tc"))) for row in _children(node, "tr")]
        if len(rows) == 1 and len(rows[0][1]) == 1:  # a frame around text
            self.blocks(rows[0][1][0])
            return
        grid: list[list[str]] = []
        n_header_rows = 0
        for row, cells in rows:
            if n_header_rows == len(grid) and is_on(child(row, "trPr", "tblHeader")):
                n_header_rows += 1
            grid.append(_row(row, cells, above=grid[-1] if grid else []))
        caption, self._caption = self._caption, None
        add_table(self._builder, grid, n_header_rows=n_header_rows, caption=caption)


def _reads_as_heading(node: Node, text: str) -> bool:
    if len(text.split()) > _MAX_HEADING_WORDS or _ENDS_LIKE_TEXT.search(text):
        return False
    runs = [run for run in node.iter() if local_name(run) == "r" and _text_of(run).strip()]
    return bool(runs) and all(is_on(child(run, "rPr", "b")) for run in runs)


def _row(row: Node, cells: list[Node], *, above: list[str]) -> list[str]:
    """Return a row's texts by column; a cell that goes on from above has that one's text, one over several columns stands in the first."""
    texts = [""] * _span(value(child(row, "trPr", "gridBefore")), least=0)
    for cell in cells:
        merge = child(cell, "tcPr", "vMerge")
        goes_on = merge is not None and value(merge) != "restart"
        text = " ".join(" ".join(_text_of(part) for part in cell if local_name(part) not in _LEFT_OUT).split())
        texts.append(above[len(texts)] if goes_on and len(texts) < len(above) else text)
        texts.extend([""] * (_span(value(child(cell, "tcPr", "gridSpan")), least=1) - 1))
    return texts


def _span(value: str, *, least: int) -> int:
    return min(max(int(value), least), _MAX_SPAN) if value.isdecimal() and len(value) < _MAX_SPAN else least


def _children(node: Node, name: str) -> Iterator[Node]:
    """Yield the children of a name, also those that content controls and the like stand around."""
    for part in node:
        if local_name(part) == name:
            yield part
        elif local_name(part) in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
            yield from _children(part, name)


def _is_contents(node: Node) -> bool:
    """Whether a content control holds the contents list, whose lines stand in the document as its headings."""
    return local_name(node) == "sdt" and "table of contents" in value(child(node, "sdtPr", "docPartObj", "docPartGallery")).lower()


def _text_of(node: Node) -> str:
    """Return the text of a paragraph, or of all in a cell, without what hangs on it."""
    parts: list[str] = []
    for part in _walk(node):
        name = local_name(part)
        if name == "t":
            parts.append(part.text or "")
        elif name == "p":
            parts.append(" ")
        else:
            parts.append(_CHARACTERS.get(name, ""))
    return "".join(parts)


def _walk(node: Node, *, keep: tuple[str, ...] = ()) -> Iterator[Node]:
    """Yield what is shown below a node, in order; names in ``keep`` are yielded where they would be left out, but not gone into."""
    for part in node:
        name = local_name(part)
        if name in keep:
            yield part
        elif name not in _LEFT_OUT:
            yield part
            yield from _walk(part, keep=keep)
