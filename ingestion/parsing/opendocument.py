"""OpenDocument (ODT, ODS, ODP), read from its XML: text documents, spreadsheets and presentations share one vocabulary."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.archives import check_expansion
from ingestion.parsing.captions import is_table_caption
from ingestion.parsing.grids import add_sheet, add_table
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.xml_trees import Node, local_name, member_tree, tree_of

_CONTENT, _STYLES, _MANIFEST, _META = "content.xml", "styles.xml", "META-INF/manifest.xml", "meta.xml"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"

_NOT_SHOWN = frozenset(
    {"annotation", "annotation-end", "tracked-changes", "forms", "table-of-content", "ruby-text", "sequence-decls", "variable-decls"}
    | {"user-field-decls", "named-expressions", "shapes", "scripts", "script", "event-listeners", "desc", "title"}
)
"""Comments, deleted text, declarations, and the contents list, whose lines stand in the document as its headings."""

_MAX_SPACES = 100
_MAX_DIGITS = 9
_MAX_REPEATED_CELLS = 20_000
_TITLE_STYLES = frozenset({"Title", "Subtitle"})
_CAPTION_STYLES = frozenset({"Caption", "Table", "Illustration", "Figure", "Drawing"})
_CODE_STYLES = frozenset({"Preformatted_20_Text", "Source_20_Code"})
_MAX_LEVEL = 6


def parse_odt(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a text document; headings are those with an outline level. Comments and deleted text are left out."""
    package = _Package(path, limits=limits)
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    _Writer(builder, package.styles).blocks(package.body("text"))
    return builder.build(media_type=MediaType.ODT, title=package.title)


def parse_ods(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a spreadsheet: a heading for each sheet, and a table for each block of rows, with the text that the cells show."""
    package = _Package(path, limits=limits)
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    for sheet in package.body("spreadsheet").iterchildren(f"{_TABLE}table"):
        builder.add(ElementKind.TITLE, sheet.get(f"{_TABLE}name", ""), level=1)
        add_sheet(builder, _bounded(_rows(sheet), max_chars=limits.max_text_chars))
    return builder.build(media_type=MediaType.ODS, title=package.title)


def parse_odp(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a presentation; a slide's title is a heading, its notes follow it, and pages are slides."""
    package = _Package(path, limits=limits)
    slides = [node for node in package.body("presentation") if local_name(node) == "page"]
    if len(slides) > limits.max_pages:
        raise DocumentTooLarge(
            f"The presentation has {len(slides):,} slides; at most {limits.max_pages:,} are read.",
            hint="Split it, or raise ingestion.max_pages.",
            code="page_limit",
        )
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    for number, slide in enumerate(slides, start=1):
        shapes = [node for node in slide if local_name(node) != "notes"]
        is_title = [shape.get(f"{_PRESENTATION}class") == "title" for shape in shapes]
        for shape, title in zip(shapes, is_title, strict=True):
            if title:
                builder.add(ElementKind.TITLE, _words_of(shape), level=1, page=number)
        writer = _Writer(builder, package.styles, page=number)
        writer.blocks([shape for shape, title in zip(shapes, is_title, strict=True) if not title])
        for notes in (node for node in slide if local_name(node) == "notes"):
            writer.blocks([shape for shape in notes if shape.get(f"{_PRESENTATION}class") == "notes"])
    return builder.build(media_type=MediaType.ODP, title=package.title, n_pages=len(slides))


class _Package:
    """The parts of an archive that carry text and the names of styles."""

    def __init__(self, path: Path, *, limits: ParsingLimits) -> None:
        check_expansion(path, limits=limits)
        try:
            with zipfile.ZipFile(path) as archive:
                if "encryption-data" in _text_of(archive, _MANIFEST):
                    raise UnreadableDocument(
                        "The file is protected by a password.", hint="Save a copy without the password and upload that.", code="password"
                    )
                self._content = tree_of(archive.read(_CONTENT))
                styles, meta = member_tree(archive, _STYLES), member_tree(archive, _META)
        except MALFORMED_INPUT_ERRORS as error:
            raise UnreadableDocument(
                "The OpenDocument file is damaged.",
                hint="Open it in the program that made it, save it again, and upload the new copy.",
                code="damaged",
            ) from error
        self.styles = _StyleNames([tree for tree in (styles, self._content) if tree is not None])
        titles = [] if meta is None else [node for node in meta.iter() if local_name(node) == "title"]
        self.title = next((text for node in titles if (text := " ".join("".join(node.itertext()).split()))), None)

    def body(self, kind: str) -> Node:
        """Return the element that holds the document's text; an empty one where there is none."""
        node = self._content.find(f".//{_OFFICE}{kind}")
        return node if node is not None else self._content.makeelement("none")


def _text_of(archive: zipfile.ZipFile, name: str) -> str:
    return archive.read(name).decode("utf-8", errors="replace") if name in archive.namelist() else ""


class _StyleNames:
    """Tells of which named style a paragraph is: programs make nameless ones for each change by hand, on top of named ones."""

    def __init__(self, trees: Iterable[Node]) -> None:
        self._parents: dict[str, str] = {}
        for node in (node for tree in trees for node in tree.iter(f"{_STYLE}style")):
            name = node.get(f"{_STYLE}name", "")
            self._parents[name] = node.get(f"{_STYLE}parent-style-name", "")

    def of(self, node: Node) -> list[str]:
        """Return the paragraph's style and those that it is built upon, the nearest first."""
        names: list[str] = []
        name = node.get(f"{_TEXT}style-name", "")
        while name and name not in names:
            names.append(name)
            name = self._parents.get(name, "")
        return names


class _Writer:
    """Appends the blocks of a text, in order, to a document."""

    def __init__(self, builder: DocumentBuilder, styles: _StyleNames, *, page: int | None = None) -> None:
        self._builder = builder
        self._styles = styles
        self._page = page
        self._caption: str | None = None
        self._code: list[str] = []

    def blocks(self, nodes: Iterable[Node]) -> None:
        """Append blocks and what is nested in them."""
        waiting: list[tuple[Node, int]] = [(node, 0) for node in reversed(list(nodes))]
        while waiting:
            node, list_depth = waiting.pop()
            name = local_name(node)
            if name in ("p", "h"):
                self._paragraph(node, is_heading=name == "h", list_depth=list_depth)
            elif name == "table":
                self._table(node)
            elif name in ("list", "list-item", "list-header"):
                waiting.extend((child, list_depth + (name == "list")) for child in reversed(node))
            elif name not in _NOT_SHOWN:
                waiting.extend((child, list_depth) for child in reversed(node))
        self._end_code()

    def _paragraph(self, node: Node, *, is_heading: bool, list_depth: int) -> None:
        text = _flat(node)
        styles = self._styles.of(node)
        if any(style in _CODE_STYLES for style in styles):
            self._code.append(text)
            return
        self._end_code()
        text = " ".join(text.split())
        if text:
            self._add_paragraph(node, text, styles, is_heading=is_heading, list_depth=list_depth)
        self.blocks(_apart(node))

    def _add_paragraph(self, node: Node, text: str, styles: list[str], *, is_heading: bool, list_depth: int) -> None:
        is_caption = any(style in _CAPTION_STYLES for style in styles)
        self._caption = text if is_table_caption(text) or (is_caption and "Table" in styles) else None
        if is_heading:
            level = node.get(f"{_TEXT}outline-level", "1")
            self._builder.add(
                ElementKind.TITLE, text, level=min(int(level), _MAX_LEVEL) if level.isdecimal() and int(level) else 1, page=self._page
            )
        elif any(style in _TITLE_STYLES for style in styles):
            self._builder.add(ElementKind.TITLE, text, level=1, page=self._page)
        else:
            kind = ElementKind.CAPTION if is_caption or self._caption else ElementKind.TEXT
            self._builder.add(ElementKind.LIST_ITEM if list_depth else kind, text, page=self._page)

    def _end_code(self) -> None:
        if self._code:
            self._builder.add(ElementKind.CODE, "\n".join(self._code).strip("\n"), page=self._page)
            self._code.clear()

    def _table(self, node: Node) -> None:
        self._end_code()
        rows, n_header_rows = list(_rows(node)), len(list(_header_rows(node)))
        if len(rows) == 1 and sum(1 for cell in rows[0] if cell) == 1:  # a frame around text, drawn as a table
            self.blocks(cell for row in node.iter(f"{_TABLE}table-row") for cell in row)
            return
        caption, self._caption = self._caption, None
        add_table(self._builder, rows, n_header_rows=n_header_rows, caption=caption, page=self._page)


def _rows(table: Node) -> Iterator[list[str]]:
    """Yield the rows of a table; a cell over several rows is repeated in each, one over several columns stands in the first."""
    pending: dict[int, tuple[int, str]] = {}
    for row in _row_nodes(table):
        cells = list(_cells(row, pending))
        while cells and not cells[-1]:
            cells.pop()
        for _ in range(_repeats(row, "number-rows-repeated") if cells else 1):
            yield cells


def _row_nodes(table: Node) -> Iterator[Node]:
    for node in table:
        if node.tag == f"{_TABLE}table-row":
            yield node
        elif local_name(node) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _row_nodes(node)


def _header_rows(table: Node) -> Iterator[Node]:
    for node in table:
        if local_name(node) == "table-header-rows":
            yield from _row_nodes(node)


def _cells(row: Node, pending: dict[int, tuple[int, str]]) -> Iterator[str]:
    column = 0
    for node in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        name = local_name(node)
        text = _cell_text(node) if name == "table-cell" else ""
        if not text and not pending and node.getnext() is None:
            return  # programs fill each row up to the sheet's last column
        n_rows = _number(node, "number-rows-spanned")
        for _ in range(_repeats(node, "number-columns-repeated") if column < _MAX_REPEATED_CELLS else 1):
            n_left, above = pending.pop(column, (0, ""))
            if name == "covered-table-cell" and n_left:
                text_here = above
                if n_left > 1:
                    pending[column] = (n_left - 1, above)
            else:
                text_here = text
                if n_rows > 1:
                    pending[column] = (n_rows - 1, text)
            yield text_here
            column += 1


def _words_of(shape: Node) -> str:
    return " ".join(" ".join(_flat(node) for node in shape.iter(f"{_TEXT}p", f"{_TEXT}h")).split())


def _cell_text(cell: Node) -> str:
    parts = [" ".join(_flat(node).split()) for node in cell if local_name(node) not in _NOT_SHOWN]
    return " ".join(part for part in parts if part)


def _repeats(node: Node, attribute: str) -> int:
    return min(_number(node, attribute), _MAX_REPEATED_CELLS)


def _number(node: Node, attribute: str) -> int:
    value = node.get(f"{_TABLE}{attribute}", "")
    return max(1, int(value)) if value.isdecimal() and len(value) <= _MAX_DIGITS else 1


def _bounded(rows: Iterable[list[str]], *, max_chars: int) -> Iterator[list[str]]:
    """Yield rows until they hold more text than a document may; the last one makes it too long."""
    n_chars = 0
    for row in rows:
        yield row
        n_chars += sum(map(len, row)) + len(row)
        if n_chars > max_chars + 1:
            return


def _flat(node: Node) -> str:
    """Return the text of a paragraph, or of all in a shape; without footnotes, comments and text boxes, which stand apart."""
    parts: list[str] = []
    waiting: list[Node | str] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        name = local_name(item)
        if item is not node and item.tail:
            waiting.append(item.tail)
        if not name:
            continue  # an entity that is not resolved
        if name == "s":
            parts.append(" " * min(_MAX_SPACES, _count(item)))
        elif name in ("tab", "line-break"):
            parts.append("\t" if name == "tab" else "\n")
        elif item is node or not _stands_apart(item):
            if name in ("p", "h", "list-item", "table-cell") and parts:
                parts.append("\n")
            waiting.extend(reversed(item))
            if item.text:
                waiting.append(item.text)
    return "".join(parts)


def _count(node: Node) -> int:
    value = node.get(f"{_TEXT}c", "1")
    return int(value) if value.isdecimal() and len(value) <= _MAX_DIGITS else 1


def _stands_apart(node: Node) -> bool:
    return local_name(node) in _NOT_SHOWN or local_name(node) in ("note", "text-box", "image", "object", "object-ole")


def _apart(paragraph: Node) -> list[Node]:
    """Return what is anchored in a paragraph and reads on its own: the bodies of its footnotes, and its text boxes."""
    found: list[Node] = []
    waiting = list(reversed(paragraph))
    while waiting:
        node = waiting.pop()
        name = local_name(node)
        if name in ("note-body", "text-box"):
            found.append(node)
        elif name not in _NOT_SHOWN:
            waiting.extend(reversed(node))
    return found
