"""Small files made for the tests by the libraries that people's programs are like."""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Table, TableStyle

Draw = Callable[[Canvas], None]

BODY = (
    "The travel desk books trains first and flights where a train takes longer than six hours.",
    "Receipts are kept for ten years, and the people office checks one claim in twenty by hand.",
    "A hotel may cost 140 pounds a night in capitals and 95 pounds a night everywhere else.",
)


def write_pdf(path: Path, *pages: Draw, password: str | None = None) -> Path:
    canvas = Canvas(str(path), pagesize=A4, encrypt=StandardEncryption(password) if password else None)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def lines(
    canvas: Canvas, texts: list[str], *, x: float = 72, y: float = 700, size: float = 10, bold: bool = False, pitch: float = 1.25
) -> None:
    """Draw lines under each other, the first baseline at ``y`` points from the bottom."""
    canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
    for index, text in enumerate(texts):
        canvas.drawString(x, y - index * size * pitch, text)


def ruled_table(canvas: Canvas, rows: list[list[str]], *, x: float = 72, y: float = 500, widths: list[float] | None = None) -> None:
    table = Table(rows, colWidths=widths)
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)]))
    table.wrapOn(canvas, 500, 500)
    table.drawOn(canvas, x, y)


def write_docx(path: Path) -> Path:
    document = WordDocument()
    document.sections[0].header.paragraphs[0].text = "Confidential running header"
    document.add_heading("Travel policy", level=1)
    document.add_paragraph(BODY[0])
    document.add_heading("Limits", level=2)
    document.add_paragraph("Book early.", style="List Bullet")
    table = document.add_table(rows=0, cols=3)
    for row in (("City", "Hotel", "Meals"), ("Paris", "140", "60"), ("Lenzow", "95", "45")):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(path))
    return path


def write_pptx(path: Path, *, n_slides: int = 3) -> Path:
    presentation = Presentation()
    for number in range(1, n_slides + 1):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number} about trains"
        slide.placeholders[1].text = f"Fact {number}: trains first\nShort Bullet Line"
        slide.notes_slide.notes_text_frame.text = f"Say slowly what fact {number} means."
    presentation.save(str(path))
    return path


def write_xlsx(path: Path) -> Path:
    workbook = Workbook()
    pumps = workbook.active
    pumps.title = "Pumps"
    for row in (("Article", "Price", "Weight"), ("D15", 296, 2.4), ("D40", 412, 3.1)):
        pumps.append(row)
    parts = workbook.create_sheet("Spare parts")
    for row in (("Part", "Stock", "Place"), ("Valve kit", 12, "Lenzow")):
        parts.append(row)
    workbook.save(path)
    return path


def mail(*, html: str | None = None, attachment: bool = False) -> bytes:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.com>"
    message["To"] = "Ben <ben@example.com>"
    message["Subject"] = "Grüße aus Lenzow"
    message["Date"] = "Mon, 03 Mar 2025 10:00:00 +0000"
    message.set_content("The pump arrived on Monday and it works as it should.\n\nAda\n")
    if html is not None:
        message.add_alternative(html, subtype="html")
    if attachment:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()
