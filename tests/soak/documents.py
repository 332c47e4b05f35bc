"""Sixty documents of all kinds: short and long, the same bytes twice, and some that nobody can read."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

N_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class MixedDocument:
    """Bytes under a name, and whether they can be read."""

    name: str
    content: bytes
    readable: bool = True


def mixed_documents() -> list[MixedDocument]:
    """Return five rounds of twelve documents; every call returns the same ones."""
    return [document for number in range(N_ROUNDS) for document in _round(number)]


def _round(number: int) -> Iterator[MixedDocument]:
    name = f"round-{number}"
    yield MixedDocument(f"{name}.md", _markdown(number, n_sections=30))
    yield MixedDocument(f"{name}.html", _html(number))
    yield MixedDocument(f"{name}.txt", _text(number).encode())
    yield MixedDocument(f"{name}.csv", _csv(number))
    yield MixedDocument(f"{name}.docx", _word(number))
    yield MixedDocument(f"{name}.xlsx", _sheet(number))
    yield MixedDocument(f"{name}.pptx", _slides(number))
    yield MixedDocument(f"{name}.eml", _mail(number))
    yield MixedDocument(f"{name}.pdf", _pdf(number, n_pages=2 + number))
    yield MixedDocument("copied.md", _markdown(99, n_sections=8))  # the same name and bytes in each round
    yield MixedDocument(f"{name}-locked.pdf", _pdf(number, n_pages=1, password="unknown"), readable=False)
    yield MixedDocument(f"{name}-junk.bin", bytes((7 * n + number) % 251 for n in range(4_000)), readable=False)


def _sentences(number: int, n: int) -> str:
    return (
        f"Station {number}-{n} measured {100 * number + n} millimetres of rain in the wet month of its record. "
        f"Its keeper wrote down wind from direction {n} and counted {number} gusts before noon."
    )


def _text(number: int, *, n_paragraphs: int = 12) -> str:
    return "\n\n".join(_sentences(number, n) for n in range(n_paragraphs))


def _markdown(number: int, *, n_sections: int) -> bytes:
    sections = (f"## Station {number}-{n}\n\n{_sentences(number, n)}\n" for n in range(n_sections))
    return (f"# Report {number}\n\n" + "\n".join(sections)).encode()


def _html(number: int) -> bytes:
    rows = "".join(f"<tr><td>Station {number}-{n}</td><td>{100 * number + n}</td></tr>" for n in range(10))
    body = "".join(f"<p>{_sentences(number, n)}</p>" for n in range(6))
    table = f"<table><tr><th>Station</th><th>Rain</th></tr>{rows}</table>"
    return f"<html><head><title>Rain {number}</title></head><body><h1>Rain {number}</h1>{body}{table}</body></html>".encode()


def _csv(number: int) -> bytes:
    return ("station,rain\n" + "\n".join(f"{number}-{n},{100 * number + n}" for n in range(40))).encode()


def _word(number: int) -> bytes:
    document = WordDocument()
    document.add_heading(f"Letters of keeper {number}", level=1)
    for n in range(8):
        document.add_paragraph(_sentences(number, n))
    return _saved(document)


def _sheet(number: int) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = f"Rain {number}"
    sheet.append(["Station", "Rain", "Gusts"])
    for n in range(25):
        sheet.append([f"{number}-{n}", 100 * number + n, number])
    return _saved(workbook)


def _slides(number: int) -> bytes:
    presentation = Presentation()
    for n in range(4):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Station {number}-{n}"
        slide.placeholders[1].text = _sentences(number, n)
    return _saved(presentation)


def _mail(number: int) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "keeper@example.com", "office@example.com"
    message["Subject"] = f"Rain of station {number}"
    message.set_content(_text(number, n_paragraphs=5))
    return message.as_bytes()


def _pdf(number: int, *, n_pages: int, password: str | None = None) -> bytes:
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=A4, encrypt=StandardEncryption(password) if password else None, invariant=True)
    for page in range(n_pages):
        for n in range(12):
            canvas.drawString(72, 720 - 40 * n, _sentences(number, 20 * page + n)[:90])
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def _saved(document: object) -> bytes:
    data = io.BytesIO()
    document.save(data)  # type: ignore[attr-defined]
    return data.getvalue()
