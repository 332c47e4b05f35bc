"""The sample handbook: its binaries are what the generator writes, its questions rest on what it says."""

import importlib.util
import json
import re
import sys
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import docx
import openpyxl
import pptx
import pypdfium2
import pytest
from bs4 import BeautifulSoup
from docx.table import Table as DocxTable

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HANDBOOK = EXAMPLES / "handbook"
FIELDS = ["id", "part", "kind", "history", "question", "answerable", "reference_answer", "answers", "gold", "document"]
KINDS = {"fact", "table", "follow_up", "contradiction", "unanswerable"}
PAGED = {".pdf", ".pptx"}
# Each pair contradicts itself, and so has to lie in one part.
VERSIONS = [
    ("travel-policy-2023.pdf", "travel-policy-2025.docx"),
    ("leave-entitlements-2022.md", "employee-handbook.pdf"),
    ("remote-work-2021.txt", "remote-work-2024.html"),
    ("warranty-terms-2022.txt", "quality-and-complaints.md"),
]

Question = dict[str, Any]


def load_questions() -> list[Question]:
    lines = (EXAMPLES / "handbook-questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_handbook", EXAMPLES / "make_handbook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


QUESTIONS = load_questions()
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]


def normalised(text: str) -> str:
    """Fold case, whitespace and separators of thousands."""
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", " ".join(text.split())).casefold()


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text as whole words, after normalisation."""
    return re.search(rf"(?<![\w.]){re.escape(normalised(phrase))}(?!\w|\.\d)", normalised(text)) is not None


@cache
def pages(name: str) -> list[str]:
    """The text of each page or slide; one entry for formats without pages. Cells of a row are joined by a space."""
    path = HANDBOOK / name
    match path.suffix:
        case ".pdf":
            return pdf_pages(path)
        case ".docx":
            return [docx_text(path)]
        case ".pptx":
            return pptx_slides(path)
        case ".xlsx":
            return [xlsx_text(path)]
        case ".html":
            return [BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").get_text(" ")]
        case ".md":
            return [re.sub(r"[*`]|\|", lambda mark: " " if mark[0] == "|" else "", path.read_text(encoding="utf-8"))]
        case _:
            return [path.read_text(encoding="utf-8")]


def pdf_pages(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as document:
        texts = []
        for page in document:
            text_page = page.get_textpage()
            texts.append(text_page.get_text_bounded())
            text_page.close()
            page.close()
        return texts


def docx_text(path: Path) -> str:
    parts = []
    for item in docx.Document(str(path)).iter_inner_content():
        if isinstance(item, DocxTable):
            parts += [" ".join(cell.text for cell in row.cells) for row in item.rows]
        else:
            parts.append(item.text)
    return "\n".join(parts)


def pptx_slides(path: Path) -> list[str]:
    texts = []
    for slide in pptx.Presentation(str(path)).slides:
        parts = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        for table in (shape.table for shape in slide.shapes if shape.has_table):
            parts += [" ".join(cell.text for cell in row.cells) for row in table.rows]
        if slide.has_notes_slide:
            parts.append(slide.notes_slide.notes_text_frame.text)
        texts.append("\n".join(parts))
    return texts


def xlsx_text(path: Path) -> str:
    rows = (row for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows(values_only=True))
    return "\n".join(" ".join(str(value) for value in row if value is not None) for row in rows)


def content(path: Path) -> bytes | dict[str, bytes]:
    """What must be the same everywhere: all bytes of a PDF; the members of an archive, since builds of zlib differ."""
    if path.suffix == ".pdf":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class TestDocuments:
    def test_committed_binaries_are_what_the_generator_writes(self, tmp_path: Path) -> None:
        written = load_generator().make_handbook(tmp_path)
        assert [path.name for path in written] == sorted(
            path.name for path in HANDBOOK.iterdir() if path.suffix in {".pdf", ".docx", ".pptx", ".xlsx"}
        )
        for path in written:
            assert content(HANDBOOK / path.name) == content(path), f"{path.name}: run examples/make_handbook.py"

    def test_two_runs_write_identical_bytes(self, tmp_path: Path) -> None:
        generator = load_generator()
        first, second = generator.make_handbook(tmp_path / "first"), generator.make_handbook(tmp_path / "second")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]

    def test_formats_and_sizes(self) -> None:
        files = list(HANDBOOK.iterdir())
        formats = Counter(path.suffix for path in files)
        assert formats == {".pdf": 5, ".docx": 4, ".pptx": 2, ".xlsx": 3, ".html": 2, ".md": 4, ".txt": 2}
        assert max(path.stat().st_size for path in files) < 200_000
        assert sum(len(pages(path.name)) >= 3 for path in files if path.suffix == ".pdf") >= 3


class TestQuestions:
    def test_fields_and_ids(self) -> None:
        assert all(list(question) == FIELDS for question in QUESTIONS)
        assert [question["id"] for question in QUESTIONS] == [f"hb-{i:03}" for i in range(1, len(QUESTIONS) + 1)]
        assert len({(str(q["history"]), q["question"]) for q in QUESTIONS}) == len(QUESTIONS)

    def test_counts(self) -> None:
        kinds = Counter(question["kind"] for question in QUESTIONS)
        assert set(kinds) == KINDS
        assert len(ANSWERABLE) >= 125
        assert kinds["unanswerable"] >= 42
        assert min(kinds["follow_up"], kinds["table"]) >= 22

    def test_every_document_lies_in_one_part(self) -> None:
        parts: dict[str, set[str]] = {}
        for question in QUESTIONS:
            for name in {question["document"], *(gold["document"] for gold in question["gold"])}:
                parts.setdefault(name, set()).add(question["part"])
        assert set(parts) == {path.name for path in HANDBOOK.iterdir()}
        assert all(part in ({"tune"}, {"test"}) for part in parts.values())
        assert all(parts[older] == parts[newer] for older, newer in VERSIONS)

    def test_parts_are_halves_with_every_kind(self) -> None:
        sizes = Counter(question["part"] for question in QUESTIONS)
        assert abs(sizes["tune"] - sizes["test"]) <= 0.1 * len(QUESTIONS)
        for part in ("tune", "test"):
            assert {question["kind"] for question in QUESTIONS if question["part"] == part} == KINDS

    @pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
    def test_kind_fits_fields(self, question: Question) -> None:
        assert question["answerable"] == (question["kind"] != "unanswerable")
        assert (question["kind"] == "follow_up") == bool(question["history"])
        roles = [message["role"] for message in question["history"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert question["question"].endswith("?")
        if not question["answerable"]:
            assert (question["answers"], question["gold"], question["reference_answer"]) == ([], [], "")

    @pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
    def test_gold_quote_occurs_where_it_is_said_to(self, question: Question) -> None:
        assert question["gold"]
        for gold in question["gold"]:
            texts = pages(gold["document"])
            paged = Path(gold["document"]).suffix in PAGED
            assert (gold["page"] is not None) == paged
            text = texts[gold["page"] - 1] if paged else texts[0]
            assert " ".join(gold["quote"].split()) in " ".join(text.split())

    @pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
    def test_an_accepted_answer_occurs(self, question: Question) -> None:
        assert question["answers"]
        assert all(answer.strip() for answer in question["answers"])
        assert any(contains(question["reference_answer"], answer) for answer in question["answers"])
