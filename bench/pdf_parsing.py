"""Compare ways to read PDFs: what is found of texts that are known, and how long a page takes.

    python -m bench.pdf_parsing --data DIR

Two sets. ``files``: PDFs with their expected Markdown beside them. ``filings``: five quarterly reports, one for each company, and the
answers to questions about them. The readers: footnote, with and without ruled tables; PDFium's plain text; pdfminer.six, which is what
unstructured's strategy "fast" reads with; that strategy itself, where it can be imported; pdfplumber, with and without its tables.
"""

import argparse
import importlib.util
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pdfplumber
import pypdfium2
from pdfminer.high_level import extract_text

from bench.public_data import add_data_option, read_json_lines
from footnote.core.errors import FootnoteError
from ingestion.parsing import ParsingLimits
from ingestion.parsing.pdf import parse_pdf

FILINGS = ("2023 Q3 AAPL", "2023 Q3 MSFT", "2023 Q3 AMZN", "2023 Q3 NVDA", "2023 Q3 INTC")
N_GRAM = 5

_WORD = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(r"\d[\d,]*\d(?:\.\d+)?|\d+\.\d+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MARKUP = re.compile(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)|[#*`>]+|&amp;|&lt;|&gt;", re.DOTALL)
_BROKEN_WORD = re.compile(r"(?<=\w)[-\u00ad\x02\ufffe]\r?\n(?=[a-z])")
"""Some expected texts keep words broken at line ends: they are joined in all texts before they are compared."""

Reader = Callable[[Path], str]


# --------------------------------------------------------------------------------------------------------------------------- readers


def with_footnote(path: Path) -> str:
    return parse_pdf(path, limits=ParsingLimits()).text


def with_footnote_without_ruled_tables(path: Path) -> str:
    return parse_pdf(path, limits=ParsingLimits(), with_ruled_tables=False).text


def with_pdfium(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        texts: list[str] = []
        for page in document:
            textpage = page.get_textpage()
            texts.append(textpage.get_text_range())
            textpage.close()
            page.close()
    return "\n".join(texts)


def with_pdfminer(path: Path) -> str:
    return extract_text(path)


def with_pdfplumber(path: Path) -> str:
    with pdfplumber.open(path) as document:
        return "\n".join(page.extract_text() for page in document.pages)


def with_pdfplumber_and_tables(path: Path) -> str:
    texts: list[str] = []
    with pdfplumber.open(path) as document:
        for page in document.pages:
            texts.append(page.extract_text())
            texts.extend(" | ".join(" ".join((cell or "").split()) for cell in row) for table in page.extract_tables() for row in table)
    return "\n".join(texts)


def with_unstructured_fast(path: Path) -> str:
    from unstructured.partition.pdf import partition_pdf  # noqa: PLC0415 - seldom installed

    return "\n\n".join(element.text for element in partition_pdf(str(path), strategy="fast"))


def readers() -> dict[str, Reader]:
    found: dict[str, Reader] = {
        "footnote": with_footnote,
        "footnote, no ruled tables": with_footnote_without_ruled_tables,
        "PDFium, plain text": with_pdfium,
        "pdfminer.six": with_pdfminer,
        "pdfplumber, text": with_pdfplumber,
        "pdfplumber, text and tables": with_pdfplumber_and_tables,
    }
    if importlib.util.find_spec("unstructured_inference") is not None:
        found["unstructured, fast"] = with_unstructured_fast
    return found


# ---------------------------------------------------------------------------------------------------------------------------- measures


@dataclass(frozen=True, slots=True)
class Found:
    """Shares of what was expected: words, words in order, whole table rows; and of what was read that was expected."""

    recall: float
    precision: float
    order: float
    rows: float | None


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def expected_rows(markdown: str) -> list[list[str]]:
    """Return the rows of a Markdown text's tables with two cells or more that say something."""
    rows: list[list[str]] = []
    for line in markdown.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            cells = [" ".join(words(cell)) for cell in line.strip("|").split("|")]
            if len([cell for cell in cells if cell]) >= 2:
                rows.append([cell for cell in cells if cell])
    return rows


def row_is_kept(row: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether one line has all cells of a row, in order."""
    return any(_in_order(row, line) for line in lines)


def _in_order(cells: Sequence[str], line: str) -> bool:
    position = 0
    for cell in cells:
        position = line.find(cell, position)
        if position < 0:
            return False
        position += len(cell)
    return True


def n_grams(items: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(items[index : index + N_GRAM]) for index in range(len(items) - N_GRAM + 1))


def compare(text: str, markdown: str) -> Found:
    markdown, text = _BROKEN_WORD.sub("", markdown), _BROKEN_WORD.sub("", text)
    expected, got = words(_MARKUP.sub(" ", markdown)), words(text)
    shared = (Counter(expected) & Counter(got)).total()
    grams = n_grams(expected)
    rows = expected_rows(_MARKUP.sub(" ", markdown))
    lines = [" ".join(words(line)) for line in text.splitlines()]
    return Found(
        recall=shared / max(1, len(expected)),
        precision=shared / max(1, len(got)),
        order=(grams & n_grams(got)).total() / max(1, grams.total()),
        rows=sum(row_is_kept(row, lines) for row in rows) / len(rows) if rows else None,
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of an answer, and the words of its sentence."""

    number: str
    context: frozenset[str]


def facts_of(answer: str) -> Iterator[Fact]:
    for sentence in _SENTENCE.split(answer.split("SOURCE", maxsplit=1)[0]):
        context = frozenset(word for word in words(sentence) if len(word) >= 4 and not word.isdigit())
        for number in _NUMBER.findall(sentence):
            if len(re.sub(r"\D", "", number)) >= 4 and not re.fullmatch(r"(19|20)\d\d", number):
                yield Fact(number, context)


def labelled(fact: Fact, lines: Sequence[str]) -> bool:
    """Whether a line has the number and a word of the sentence that states it: a number without its label answers nothing."""
    return any(fact.number in line and fact.context & frozenset(words(line)) for line in lines)


# -------------------------------------------------------------------------------------------------------------------------------- runs


def n_pages(path: Path) -> int:
    with pypdfium2.PdfDocument(path) as document:
        return len(document)


def timed(reader: Reader, path: Path) -> tuple[str, float]:
    started = time.process_time()
    try:
        text = reader(path)
    except FootnoteError:
        text = ""
    return text, time.process_time() - started


def pairs_of(data: Path) -> list[tuple[Path, Path]]:
    """Return the PDFs that have their expected text beside them."""
    files = data / "files"
    found = [
        (path, files / "docling/pdf/groundtruth" / f"{path.stem}.md") for path in sorted((files / "docling/pdf/sources").glob("*.pdf"))
    ]
    found += [(path, files / "markitdown/expected_outputs" / f"{path.stem}.md") for path in sorted((files / "markitdown").glob("*.pdf"))]
    return [(pdf, expected) for pdf, expected in found if expected.exists()]


def run_files(data: Path) -> None:
    pairs = pairs_of(data)
    total_pages = sum(n_pages(pdf) for pdf, _ in pairs)
    print(f"\n{len(pairs)} PDFs with expected text, {total_pages} pages. Shares are means over files.\n")
    print("| reader | words found | words right | 5 words in order | table rows whole | CPU ms a page |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, reader in readers().items():
        results, seconds = [], 0.0
        for pdf, expected in pairs:
            text, took = timed(reader, pdf)
            seconds += took
            results.append(compare(text, expected.read_text(encoding="utf-8")))
        rows = [result.rows for result in results if result.rows is not None]
        shares = [statistics.fmean(getattr(result, field) for result in results) for field in ("recall", "precision", "order")]
        cells = " | ".join(f"{share:.3f}" for share in [*shares, statistics.fmean(rows)])
        print(f"| {name} | {cells} | {1000 * seconds / total_pages:.1f} |", flush=True)


def run_filings(data: Path) -> None:
    questions = read_json_lines(data / "kgrag_sec10q" / "questions.jsonl")
    paths = {name: data / "kgrag_sec10q" / "docs" / f"{name}.pdf" for name in FILINGS}
    facts = {name: [fact for q in questions if q["source_docs"] == f"*{name}*" for fact in facts_of(q["answer"])] for name in FILINGS}
    n_facts, total_pages = sum(map(len, facts.values())), sum(map(n_pages, paths.values()))
    print(f"\n{len(paths)} filings, {total_pages} pages, {n_facts} numbers in answers about one of them.\n")
    print("| reader | numbers found | numbers found with a label on their line | CPU ms a page |")
    print("| --- | --- | --- | --- |")
    for name, reader in readers().items():
        n_found, n_labelled, seconds = 0, 0, 0.0
        for filing, path in paths.items():
            text, took = timed(reader, path)
            seconds += took
            lines = text.splitlines()
            n_found += sum(fact.number in text for fact in facts[filing])
            n_labelled += sum(labelled(fact, lines) for fact in facts[filing])
        shares = f"{n_found / n_facts:.3f} | {n_labelled / n_facts:.3f}"
        print(f"| {name} | {shares} | {1000 * seconds / total_pages:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    data: Path = parser.parse_args().data
    run_files(data)
    run_filings(data)


if __name__ == "__main__":
    main()
