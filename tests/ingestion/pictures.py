"""Pictures of text, and a stand-in for tesseract that says what it is told to."""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.ingestion.files import Draw

TSV_HEADER = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


def picture_of(texts: list[str], *, size: int = 40, width: int = 1600, pitch: float = 1.35) -> Image.Image:
    """Draw lines under each other, black on white."""
    image = Image.new("RGB", (width, int(size * pitch * (len(texts) + 2))), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for index, text in enumerate(texts):
        draw.text((80, size * pitch * (index + 1)), text, font=font, fill="black")
    return image


def scanned_page(image: Image.Image, *, left: float = 36, top: float = 72, width: float = 520) -> Draw:
    """Return what draws a page with a picture on it (points from the upper left corner of A4)."""

    def draw(canvas: Canvas) -> None:
        data = io.BytesIO()
        image.save(data, "PNG")
        data.seek(0)
        height = width * image.height / image.width
        canvas.drawImage(ImageReader(data), left, 842 - top - height, width, height)

    return draw


def word(text: str, *, left: int, top: int, width: int = 200, height: int = 40, confidence: float = 90.0) -> list[str]:
    """Return the rows that tesseract writes for a line of one word."""
    place = f"{left}\t{top}\t{width}\t{height}"
    return [f"4\t1\t1\t1\t1\t0\t{place}\t-1\t", f"5\t1\t1\t1\t1\t1\t{place}\t{confidence}\t{text}"]


def fake_tesseract(folder: Path, *, rows: list[str] | None = None, languages: str = "eng", then: str = "exit 0") -> Path:
    """Write a command ``tesseract`` that keeps its arguments and input, and answers with rows of a table."""
    folder.mkdir(exist_ok=True)
    (folder / "table").write_text("\n".join([TSV_HEADER, *(rows or [])]) + "\n", encoding="utf-8")
    listed = "\n".join(["List of available languages:", *languages.split()])
    command = folder / "tesseract"
    command.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --list-langs ]; then printf \'%s\\n\' "{listed}"; exit 0; fi\n'
        f'echo "$@" >> "{folder}/arguments"\n'
        f'cat > "{folder}/input"\n'
        f'cat "{folder}/table"\n'
        f"{then}\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return folder
