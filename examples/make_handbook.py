"""Write the binary documents of the sample handbook (PDF, DOCX, PPTX, XLSX) from their readable sources.

Owns the way from `handbook-sources/*.md` (TOML front matter, then Markdown with tables) to `handbook/`. The HTML,
Markdown and plain-text documents of the handbook are written by hand and are not touched. The output depends on the
sources and on the libraries alone: dates inside documents and archives are fixed, so two runs give identical bytes.
"""

import argparse
import io
import re
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import docx
import openpyxl
import pptx
from docx.document import Document as DocxDocument
from docx.opc.coreprops import CoreProperties
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from pptx.parts.coreprops import CorePropertiesPart
from pptx.slide import Slide
from pptx.util import Emu, Pt
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, ListFlowable, PageTemplate
from reportlab.platypus import PageBreak as PdfPageBreak
from reportlab.platypus import Paragraph as PdfParagraph
from reportlab.platypus import Table as PdfTable

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "handbook-sources"
HANDBOOK = HERE / "handbook"

AUTHOR = "Orrelwick Dosing Ltd"
FIXED_DATE = datetime(2025, 5, 15, 9, 0, 0, tzinfo=UTC)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
CORE_DATE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


# ---- the source model ----


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    bold: bool = False
    italic: bool = False


Runs = tuple[Run, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title, and in slides and sheets level 2 begins a new one."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, its lines already joined."""

    runs: Runs


@dataclass(frozen=True)
class ItemList:
    """A flat list, numbered or with bullets."""

    items: tuple[Runs, ...]
    ordered: bool


@dataclass(frozen=True)
class Table:
    """Rows of plain text; the first row is the header."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Note:
    """A block quotation: the speaker's note of a slide."""

    text: str


@dataclass(frozen=True)
class PageBreak:
    """A thematic break in the source."""


Block = Heading | Paragraph | ItemList | Table | Note | PageBreak


@dataclass(frozen=True)
class Source:
    """One document before it gets its format. `header` and `footer` run on every page, `columns` concerns PDF alone."""

    file: str
    title: str
    blocks: tuple[Block, ...]
    header: str = ""
    footer: str = ""
    columns: int = 1


def read_source(path: Path) -> Source:
    """Read one file of `handbook-sources`.

    Raises:
        ValueError: the file does not begin with TOML between two lines `+++`, or holds Markdown we have no use for.
    """
    _, front_matter, body = path.read_text(encoding="utf-8").split("+++\n", 2)
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(body))
    return Source(blocks=tuple(_block(node) for node in tree.children), **tomllib.loads(front_matter))


def _block(node: SyntaxTreeNode) -> Block:
    match node.type:
        case "heading":
            return Heading(int(node.tag[1]), _plain(node))
        case "paragraph":
            return Paragraph(tuple(_runs(node)))
        case "bullet_list" | "ordered_list":
            return ItemList(tuple(tuple(_runs(item)) for item in node.children), node.type == "ordered_list")
        case "table":
            rows = [row for section in node.children for row in section.children]
            return Table(tuple(tuple(_plain(cell) for cell in row.children) for row in rows))
        case "blockquote":
            return Note(_plain(node))
        case "hr":
            return PageBreak()
        case other:
            raise ValueError(f"no rule for Markdown of type {other}")


def _runs(node: SyntaxTreeNode, *, bold: bool = False, italic: bool = False) -> Iterator[Run]:
    if node.type in ("text", "code_inline"):
        yield Run(node.content, bold, italic)
    elif node.type in ("softbreak", "hardbreak"):
        yield Run(" ", bold, italic)
    for child in node.children:
        yield from _runs(child, bold=bold or node.type == "strong", italic=italic or node.type == "em")


def _plain(node: SyntaxTreeNode) -> str:
    return "".join(run.text for run in _runs(node))


# ---- PDF ----

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=10.5, leading=14.5, spaceAfter=7)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=9, leading=11.5, spaceAfter=0)
CELL_HEAD = ParagraphStyle("cell_head", parent=CELL, fontName="Helvetica-Bold")
HEADING = ParagraphStyle("heading", parent=BODY, fontName="Helvetica-Bold", keepWithNext=1)
HEADINGS = {
    1: ParagraphStyle("h1", parent=HEADING, fontSize=19, leading=24, spaceAfter=12),
    2: ParagraphStyle("h2", parent=HEADING, fontSize=13.5, leading=18, spaceBefore=9),
    3: ParagraphStyle("h3", parent=HEADING, fontSize=11, leading=15, spaceBefore=5),
}
MARGIN = 62.0
GUTTER = 20.0


def render_pdf(source: Source) -> bytes:
    """Lay the document out on A4, in one or two columns, with a running header and footer."""
    width = (A4[0] - 2 * MARGIN - GUTTER * (source.columns - 1)) / source.columns
    frames = [Frame(MARGIN + i * (width + GUTTER), MARGIN, width, A4[1] - 2 * MARGIN, 0, 0, 0, 0) for i in range(source.columns)]

    def draw_margins(canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(MARGIN, A4[1] - MARGIN + 18, source.header)
        canvas.drawString(MARGIN, MARGIN - 26, source.footer)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN - 26, f"Page {canvas.getPageNumber()}")

    buffer = io.BytesIO()
    template = BaseDocTemplate(buffer, pagesize=A4, title=source.title, author=AUTHOR, invariant=1, pageCompression=0, lang="en-GB")
    template.addPageTemplates(PageTemplate(frames=frames, onPage=draw_margins))
    template.build([_flowable(block, width) for block in source.blocks])
    return buffer.getvalue()


def _flowable(block: Block, width: float) -> Flowable:
    match block:
        case Heading(level, text):
            return PdfParagraph(escape(text), HEADINGS[level])
        case Paragraph(runs):
            return PdfParagraph(_pdf_markup(runs), BODY)
        case ItemList(items, ordered):
            paragraphs = [PdfParagraph(_pdf_markup(item), BODY) for item in items]
            return ListFlowable(paragraphs, bulletType="1" if ordered else "bullet", bulletFontSize=10, leftIndent=16)
        case Table(rows):
            return _pdf_table(rows, width)
        case PageBreak():
            return PdfPageBreak()
        case Note():
            raise ValueError("a PDF has no speaker's notes")


def _pdf_markup(runs: Runs) -> str:
    def tag(run: Run) -> str:
        text = escape(run.text)
        text = f"<b>{text}</b>" if run.bold else text
        return f"<i>{text}</i>" if run.italic else text

    return "".join(tag(run) for run in runs)


def _pdf_table(rows: Sequence[Sequence[str]], width: float) -> PdfTable:
    shares = _column_shares(rows)
    cells = [[PdfParagraph(escape(cell), CELL if i else CELL_HEAD) for cell in row] for i, row in enumerate(rows)]
    table = PdfTable(cells, colWidths=[width * share for share in shares], repeatRows=1, spaceBefore=4, spaceAfter=10)
    table.setStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
            ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    return table


def _column_shares(rows: Sequence[Sequence[str]]) -> list[float]:
    """Share of the width that each column gets, by its longest cell; the shares sum to one."""
    longest = [min(max(len(cell) for cell in column), 40) + 6 for column in zip(*rows, strict=True)]
    return [length / sum(longest) for length in longest]


# ---- DOCX ----


def render_docx(source: Source) -> bytes:
    """Write a Word document with real headings, lists and tables, and a running header and footer."""
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = source.header
    document.sections[0].footer.paragraphs[0].text = source.footer
    _set_core(document.core_properties, source.title)
    for block in source.blocks:
        _add_to_docx(document, block)
    buffer = io.BytesIO()
    document.save(buffer)
    return with_fixed_dates(buffer.getvalue())


def _add_to_docx(document: DocxDocument, block: Block) -> None:
    match block:
        case Heading(level, text):
            document.add_heading(text, level)
        case Paragraph(runs):
            _add_docx_runs(document, runs, "Normal")
        case ItemList(items, ordered):
            for item in items:
                _add_docx_runs(document, item, "List Number" if ordered else "List Bullet")
        case Table(rows):
            table = document.add_table(len(rows), len(rows[0]), "Table Grid")
            for row, cells in zip(table.rows, rows, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
        case PageBreak():
            document.add_page_break()
        case Note():
            raise ValueError("a Word document has no speaker's notes")


def _add_docx_runs(document: DocxDocument, runs: Runs, style: str) -> None:
    paragraph = document.add_paragraph(style=style)
    for run in runs:
        added = paragraph.add_run(run.text)
        added.bold = run.bold or None
        added.italic = run.italic or None


# ---- PPTX ----

TITLE_AND_CONTENT, TITLE_ONLY = 1, 5


def render_pptx(source: Source) -> bytes:
    """Write one slide per heading of level 2, with its list, its table and its speaker's note."""
    presentation = pptx.Presentation()
    _set_core(presentation.core_properties, source.title)
    for heading, blocks in _sections(source):
        has_list = any(isinstance(block, ItemList) for block in blocks)
        layout = presentation.slide_layouts[TITLE_AND_CONTENT if has_list else TITLE_ONLY]
        slide = presentation.slides.add_slide(layout)
        slide.shapes.title.text = heading
        for block in blocks:
            _add_to_slide(slide, block)
    buffer = io.BytesIO()
    presentation.save(buffer)
    return with_fixed_dates(buffer.getvalue())


def _add_to_slide(slide: Slide, block: Block) -> None:
    match block:
        case ItemList(items, _):
            slide.placeholders[1].text_frame.text = "\n".join("".join(run.text for run in item) for item in items)
            for paragraph in slide.placeholders[1].text_frame.paragraphs:
                paragraph.font.size = Pt(20)
        case Table(rows):
            left, top, width = Emu(457200), Emu(1600200), Emu(8229600)
            shape = slide.shapes.add_table(len(rows), len(rows[0]), left, top, width, Emu(400000 * len(rows)))
            for i, row in enumerate(rows):
                for j, text in enumerate(row):
                    shape.table.cell(i, j).text = text
        case Note(text):
            slide.notes_slide.notes_text_frame.text = text.removeprefix("Speaker: ")
        case _:
            raise ValueError(f"no place on a slide for {type(block).__name__}")


def _sections(source: Source) -> list[tuple[str, list[Block]]]:
    sections: list[tuple[str, list[Block]]] = []
    for block in source.blocks:
        if isinstance(block, Heading):
            sections.append((block.text, []))
        else:
            sections[-1][1].append(block)
    return sections


# ---- XLSX ----


def render_xlsx(source: Source) -> bytes:
    """Write one sheet per heading of level 2: its paragraphs as rows of one cell, a blank row, then its table."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    workbook.properties.creator = AUTHOR
    workbook.properties.title = source.title
    for heading, blocks in _sections(source):
        sheet: Worksheet = workbook.create_sheet(heading)
        for block in blocks:
            _add_to_sheet(sheet, block)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return with_fixed_dates(buffer.getvalue())


def _add_to_sheet(sheet: Worksheet, block: Block) -> None:
    match block:
        case Paragraph(runs):
            sheet.append(["".join(run.text for run in runs)])
        case Table(rows):
            sheet.append([])
            sheet.append(list(rows[0]))
            for cell in sheet[sheet.max_row]:
                cell.font = Font(bold=True)
            for row in rows[1:]:
                sheet.append([_number_or_text(cell) for cell in row])
            for i, column in enumerate(zip(*rows, strict=True), start=1):
                sheet.column_dimensions[get_column_letter(i)].width = max(len(cell) for cell in column) + 2
        case _:
            raise ValueError(f"no place on a sheet for {type(block).__name__}")


def _number_or_text(cell: str) -> int | float | str:
    if re.fullmatch(r"\d+", cell):
        return int(cell)
    return float(cell) if re.fullmatch(r"\d+\.\d+", cell) else cell


# ---- sameness ----


def _set_core(properties: CoreProperties | CorePropertiesPart, title: str) -> None:
    properties.title = title
    properties.author = AUTHOR
    properties.last_modified_by = AUTHOR
    properties.created = FIXED_DATE
    properties.modified = FIXED_DATE


def with_fixed_dates(archive: bytes) -> bytes:
    """Return the office file with fixed member times and fixed core dates.

    openpyxl writes the time of saving into the core properties whatever they were set to; hence they are set here.
    """
    date = FIXED_DATE.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = CORE_DATE.sub(rb"\g<1>" + date, content)
            new.writestr(zipfile.ZipInfo(name, ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


RENDERERS: dict[str, Callable[[Source], bytes]] = {
    ".pdf": render_pdf,
    ".docx": render_docx,
    ".pptx": render_pptx,
    ".xlsx": render_xlsx,
}


def make_handbook(folder: Path) -> list[Path]:
    """Write every binary document of the handbook into `folder`; return their paths in the order of the sources."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted(SOURCES.glob("*.md")):
        source = read_source(path)
        target = folder / source.file
        target.write_bytes(RENDERERS[target.suffix](source))
        written.append(target)
    return written


def main() -> None:
    """Regenerate the binary documents in place, or in another folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK)
    for path in make_handbook(parser.parse_args().folder):
        print(f"{path.stat().st_size:>8,} bytes  {path.name}")


if __name__ == "__main__":
    main()
