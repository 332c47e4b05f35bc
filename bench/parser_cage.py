"""What the cage costs: time for each document, memory by the number of pages, and recognising text in pages that are pictures.

    python -m bench.parser_cage --data DIR [--pages 100 1000 5000]

Small documents are read directly and in the cage, by turns. Long PDFs are made up. Recognition (where tesseract is installed) reads
pages of PDFs as pictures, and is compared with the text that the same pages carry.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import pypdfium2
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from bench.pdf_parsing import words
from bench.public_data import add_data_option
from footnote.core.settings import IngestionSettings
from ingestion.cage.caged_process import CagedProcess
from ingestion.cage.frames import Request
from ingestion.cage.limits import CageLimits
from ingestion.cleaning import clean
from ingestion.parser_pool import ParserPool
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.ocr.recogniser import Recogniser, find_recogniser
from ingestion.parsing.pdf.drawing import draw_page
from ingestion.parsing.pdf.glyphs import read_page

N_SMALL = 200
RECOGNISED_PAGES = 3
"""The first pages of each PDF: the later ones are like them."""
SENTENCE = "The travel desk books trains first and flights where a train takes longer than six hours"

LIMITS = CageLimits(memory_bytes=1536 * 2**20, cpu_s=1800, wall_s=3600, output_bytes=2**30)


# ------------------------------------------------------------------------------------------------------------------ time per document


def small_files(folder: Path) -> list[Path]:
    """Make one-page PDFs and short Markdown files, by turns."""
    paths: list[Path] = []
    for number in range(N_SMALL):
        path = folder / f"{number}.{'pdf' if number % 2 else 'md'}"
        if number % 2:
            canvas = Canvas(str(path), pagesize=A4)
            for line in range(30):
                canvas.drawString(72, 780 - 14 * line, f"{number}.{line} {SENTENCE[: 40 + line]}")
            canvas.save()
        else:
            path.write_text(f"# Note {number}\n\n" + "\n\n".join(f"{SENTENCE}, part {part}." for part in range(10)), encoding="utf-8")
        paths.append(path)
    return paths


async def run_overhead(folder: Path) -> None:
    paths, limits = small_files(folder), ParsingLimits()
    pool = ParserPool(IngestionSettings())
    started = time.perf_counter()
    await pool.clean(await pool.parse(paths[1], filename="a.pdf"))
    first_s = time.perf_counter() - started
    await pool.clean(await pool.parse(paths[0], filename="a.md"))
    clean(parse(paths[0], filename="a.md", limits=limits))
    direct, caged = list[float](), list[float]()
    for path in paths:
        started = time.perf_counter()
        clean(parse(path, filename=path.name, limits=limits))
        direct.append(time.perf_counter() - started)
        started = time.perf_counter()
        await pool.clean(await pool.parse(path, filename=path.name))
        caged.append(time.perf_counter() - started)
    await pool.close()
    print(
        f"\n{N_SMALL} small documents, parsed and cleaned. The first in a new process took {1000 * first_s:.0f} ms, its start included.\n"
    )
    print("| | median ms a document | total s |\n| --- | --- | --- |")
    for name, times in (("directly", direct), ("in the cage", caged)):
        print(f"| {name} | {1000 * statistics.median(times):.1f} | {sum(times):.2f} |")


# -------------------------------------------------------------------------------------------------------------------- memory by pages


def long_pdf(path: Path, n_pages: int) -> Path:
    canvas = Canvas(str(path), pagesize=A4)
    for page in range(1, n_pages + 1):
        canvas.setFont("Helvetica", 9)
        for line in range(20):
            canvas.drawString(72, 760 - 16 * line, f"{page}.{line} {SENTENCE}")
        canvas.drawString(72, 30, f"Page {page} of {n_pages}")
        canvas.showPage()
    canvas.save()
    return path


def run_memory(folder: Path, lengths: list[int]) -> None:
    print("\n| pages | peak memory of the process, MiB | s |\n| --- | --- | --- |")
    for n_pages in lengths:
        path = long_pdf(folder / "long.pdf", n_pages)
        process = CagedProcess(LIMITS)
        process.start()
        started = time.perf_counter()
        process.call([Request(action="parse", cpu_s=LIMITS.cpu_s, path=str(path), filename="long.pdf", limits=ParsingLimits())])
        took_s = time.perf_counter() - started
        process.close()
        print(f"| {n_pages:,} | {process.peak_bytes / 2**20:.0f} | {took_s:.0f} |", flush=True)


# ------------------------------------------------------------------------------------------------------------------------ recognition


def run_recognition(data: Path) -> None:
    recogniser = find_recogniser(ParsingLimits(ocr=True))
    if not isinstance(recogniser, Recogniser):
        print(f"\nNothing is recognised here: {recogniser.hint}")
        return
    recalls, precisions, seconds = list[float](), list[float](), list[float]()
    for path in sorted((data / "files/docling/pdf/sources").glob("*.pdf")):
        with pypdfium2.PdfDocument(path) as document:
            for index in range(min(RECOGNISED_PAGES, len(document))):
                expected = words(" ".join(word.text for word in read_page(document[index], number=index + 1).words))
                if sum(word.isascii() for word in expected) < 50:
                    continue
                started = time.perf_counter()
                picture = draw_page(document[index], max_pixels=25_000_000)
                page = recogniser.page(picture.image, number=index + 1, dpi=picture.dpi)
                seconds.append(time.perf_counter() - started)
                got = words(" ".join(word.text for word in page.glyphs.words))
                shared = (Counter(expected) & Counter(got)).total()
                recalls.append(shared / len(expected))
                precisions.append(shared / max(1, len(got)))
    print(f"\n{len(seconds)} pages of PDFs, read as pictures at 300 dots an inch.\n")
    print("| words found (mean; median page) | words right | s a page (median; slowest) |\n| --- | --- | --- |")
    found = f"{statistics.fmean(recalls):.3f}; {statistics.median(recalls):.3f}"
    print(f"| {found} | {statistics.fmean(precisions):.3f} | {statistics.median(seconds):.1f}; {max(seconds):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 1000, 5000], help="lengths of the PDFs that are made")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        asyncio.run(run_overhead(folder))
        run_memory(folder, arguments.pages)
        run_recognition(arguments.data)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
