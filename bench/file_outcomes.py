"""Read every file of a folder of awkward ones, and say what became of it, by format.

    python -m bench.file_outcomes --data DIR [--only PART_OF_A_PATH] [--details FILE] [--page docs/file-outcomes.md]

Each file goes through the real parser pool, as at ingestion: one caged process reads and cleans it. Time is from the request to the answer;
memory is the most that the process (and what it starts) was seen to use meanwhile, looked at fifty times a second.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

from bench.public_data import add_data_option
from bench.text_similarity import Found, compare
from footnote.core.errors import FootnoteError
from footnote.core.settings import IngestionSettings
from ingestion.failure import failure_of
from ingestion.parser_pool import ParserPool

_EXPECTED_FOLDERS = ("groundtruth", "expected_outputs")
_LOOK_EVERY_S = 0.02
_MIN_LEGIBLE_CHARS = 1
_BASELINE_SUFFIXES = (".docx", ".pptx", ".xlsx", ".html", ".md", ".csv", ".eml", ".txt")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file."""

    path: str
    state: str
    code: str = ""
    message: str = ""
    seconds: float = 0.0
    memory_mib: float = 0.0
    n_chars: int = 0
    media_type: str = ""
    notes: tuple[str, ...] = ()
    similarity: Found | None = None
    baseline: Found | None = None

    @property
    def format(self) -> str:
        return Path(self.path).suffix.lower() or "(none)"


class MemoryWatch:
    """Watches how much memory the processes below this one use together."""

    def __init__(self) -> None:
        self._peak = 0
        self._ended = Event()
        self._process = psutil.Process()

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def taken_mib(self) -> float:
        """Return the most that was used since the last call."""
        peak, self._peak = max(self._peak, self._used()), 0
        return peak / 2**20

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            self._peak = max(self._peak, self._used())

    def _used(self) -> int:
        total = 0
        for child in self._process.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:
                continue
        return total


# ---------------------------------------------------------------------------------------------------------------------------- reading


def files_of(folder: Path, *, only: str) -> list[Path]:
    """Return the files to read: all but the texts that are expected of others."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not set(path.parts) & set(_EXPECTED_FOLDERS))
    return [path for path in found if only in str(path)]


def expected_of(path: Path) -> Path | None:
    """Return the Markdown that is expected of a file, where there is one."""
    beside = path.parent.parent / "groundtruth"
    places = [beside / f"{path.name}.md", beside / f"{path.stem}.md"]
    if path.suffix.lower() == ".pdf":
        places.append(path.parent / "expected_outputs" / f"{path.stem}.md")
    return next((place for place in places if place.exists()), None)


async def read_all(paths: Sequence[Path], *, folder: Path, with_baseline: bool) -> list[Outcome]:
    """Read the files one after the other."""
    watch, pool = MemoryWatch(), ParserPool(IngestionSettings())
    outcomes: list[Outcome] = []
    try:
        with watch.watching():
            for path in paths:
                outcome = await _read(pool, path, name=str(path.relative_to(folder)), watch=watch, with_baseline=with_baseline)
                outcomes.append(outcome)
                print(
                    f"{outcome.state:12} {outcome.code:16} {outcome.seconds:7.2f} s {outcome.memory_mib:6.0f} MiB  {outcome.path}",
                    flush=True,
                )
    finally:
        await pool.close()
    return outcomes


async def _read(pool: ParserPool, path: Path, *, name: str, watch: MemoryWatch, with_baseline: bool) -> Outcome:
    watch.taken_mib()
    began = time.monotonic()
    try:
        document = await pool.clean(await pool.parse(path, filename=path.name))
    except FootnoteError as error:
        failure = failure_of(error)
        state = "unsupported" if failure.code == "unsupported_file" else "failed"
        return Outcome(name, state, failure.code, failure.message, time.monotonic() - began, watch.taken_mib())
    seconds, memory = time.monotonic() - began, watch.taken_mib()
    expected = expected_of(path)
    known = expected.read_text(encoding="utf-8") if expected else ""
    n_legible = sum(character.isalnum() for character in document.text)
    return Outcome(
        name,
        "completed" if n_legible >= _MIN_LEGIBLE_CHARS else "EMPTY",
        seconds=seconds,
        memory_mib=memory,
        n_chars=len(document.text),
        media_type=document.media_type,
        notes=document.notes,
        similarity=compare(document.text, known) if known else None,
        baseline=_baseline(path, known) if known and with_baseline else None,
    )


def _baseline(path: Path, known: str) -> Found | None:
    """Compare the text of unstructured's own elements, with its defaults, where it reads the format without other programs."""
    if path.suffix.lower() not in _BASELINE_SUFFIXES:
        return None
    from unstructured.partition.auto import partition  # noqa: PLC0415 - seconds to load

    from ingestion.parsing.language_pipeline import prepare  # noqa: PLC0415

    prepare()
    try:
        return compare("\n\n".join(element.text for element in partition(str(path))), known)
    except Exception as error:  # noqa: BLE001 - whatever it raises, it has not read the file
        print(f"unstructured alone: {type(error).__name__} on {path.name}")
        return Found(0.0, 0.0, 0.0, None)


# ---------------------------------------------------------------------------------------------------------------------------- telling


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "| format | files | completed | failed, why | unsupported | seconds: median | max | memory, MiB: median | max |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    by_format = _grouped(outcomes)
    for suffix, group in [*sorted(by_format.items(), key=lambda item: (-len(item[1]), item[0])), ("all", list(outcomes))]:
        codes = Counter(outcome.code for outcome in group if outcome.state == "failed")
        why = ", ".join(f"{count} {code}" for code, count in codes.most_common()) or "–"
        states = Counter(outcome.state for outcome in group)
        seconds, memory = [outcome.seconds for outcome in group], [outcome.memory_mib for outcome in group]
        lines.append(
            f"| {suffix} | {len(group)} | {states['completed']} | {why} | {states['unsupported'] or '–'} "
            f"| {statistics.median(seconds):.2f} | {max(seconds):.1f} | {statistics.median(memory):.0f} | {max(memory):.0f} |"
        )
    return "\n".join(lines)


def similarity_table(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "| format | files | words found | words right | 5 words in order | table rows whole | unstructured alone: the first three |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for suffix, group in sorted(_grouped(outcome for outcome in outcomes if outcome.similarity is not None).items()):
        ours = _means([outcome.similarity for outcome in group if outcome.similarity is not None])
        theirs = _means([outcome.baseline for outcome in group if outcome.baseline is not None])
        lines.append(f"| {suffix} | {len(group)} | {' | '.join(ours)} | {'–' if theirs[0] == '–' else ' / '.join(theirs[:3])} |")
    return "\n".join(lines)


def _means(found: Sequence[Found]) -> list[str]:
    def mean(values: Iterable[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{statistics.fmean(known):.3f}" if known else "–"

    return [mean(getattr(each, name) for each in found) for name in ("recall", "precision", "order", "rows")]


def refusals(outcomes: Sequence[Outcome]) -> str:
    """List each message with the files that it was said of."""
    by_message: dict[tuple[str, str], list[str]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.state != "completed":
            by_message[outcome.code, outcome.message.split(" Supported are ")[0]].append(Path(outcome.path).name)
    lines = ["| code | what is said | files |", "| --- | --- | --- |"]
    for (code, message), names in sorted(by_message.items()):
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        lines.append(f"| {code} | {message.replace('|', '/')} | {shown} |")
    return "\n".join(lines)


def _grouped(outcomes: Iterable[Outcome]) -> Mapping[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.format].append(outcome)
    return groups


PAGE = """# What becomes of awkward files

Test files of docling, markitdown, pdf.js and py-pdf: encrypted, scanned, damaged, empty, under wrong names, in formats that are not read.
None of them crashes or hangs anything, and none without text is called completed. Made by

    python -m bench.file_outcomes --data DIR --page docs/file-outcomes.md

Every file goes through the parser pool with the default settings: a caged process reads and cleans one document after the other. Times
are from the request to the answer, on two cores of a small shared machine. Memory is the resident memory of the process and of what it
starts (tesseract), its libraries included: 130 MiB, 260 MiB more or less once it has read a format that needs unstructured. A file's
format here is the end of its name, which is often wrong; the parser goes by the content.

{table}

## Against the texts that are expected

Of {n_known} files, the Markdown that docling or markitdown expect is known. *Words found* is the share of expected words (each as often as
expected) that were read, *words right* the share of read words that were expected, *5 words in order* the share of expected runs of five
words, *table rows whole* the share of rows of expected tables all of whose cells stand in one line, in order. Signs of Markdown, and the
addresses of links and pictures, are taken out first. Shares are means over files; a file that is refused is not among them. Beside it
stands the text of unstructured's own elements with its defaults, for the formats that it reads without other programs.

{similarity}

{remarks}

## What is said of files that are not read

{refusals}
"""

REMARKS = """What is missing or too much, by the files that score lowest:

- **Merged cells.** The expected texts repeat a cell in each column that it covers; footnote repeats it in each row, so that a row can be
  understood alone, and leaves the other columns empty. That is most of what is missing of tables.
- **Charts.** The numbers behind a chart in a presentation, workbook or document are not read, and neither are comments.
- **Formulas** are expected as LaTeX; footnote has their characters in a row.
- **Dates in workbooks** are expected with a time of midnight; footnote writes the date alone.
- **Recognised text** (OCR) of pictures with ornaments, and Arabic in PDFs.
- JSON, AsciiDoc, LaTeX and the like are read as plain text, markup included; JATS that calls itself HTML is read as a web page."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--only", default="", help="read only files with this in their path")
    parser.add_argument("--details", type=Path, help="write a JSON line for each file here")
    parser.add_argument("--page", type=Path, help="write the page of the documentation here")
    parser.add_argument("--no-baseline", action="store_true", help="leave out unstructured alone")
    options = parser.parse_args()
    folder: Path = options.data / "files"
    paths = files_of(folder, only=options.only)
    outcomes = asyncio.run(read_all(paths, folder=folder, with_baseline=not options.no_baseline))
    tables = outcome_table(outcomes), similarity_table(outcomes)
    print("", *tables, sep="\n\n")
    if options.details:
        options.details.write_text("".join(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes), encoding="utf-8")
    if options.page:
        n_known = sum(1 for outcome in outcomes if outcome.similarity is not None)
        page = PAGE.format(table=tables[0], n_known=n_known, similarity=tables[1], remarks=REMARKS, refusals=refusals(outcomes))
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
