"""Cases are read as they are written."""

import json
from pathlib import Path

import pytest

from evaluation.cases import read_cases
from footnote.core.errors import InvalidInput

FIELDS = {
    "id": "a",
    "part": "tune",
    "kind": "fact",
    "history": [{"role": "user", "content": "Before?"}],
    "question": "Now?",
    "answerable": True,
    "reference_answer": "Yes.",
    "answers": ["yes"],
    "gold": [{"document": "d.md", "page": None, "quote": "Yes."}],
    "document": "d.md",
}


def test_a_line_becomes_a_case(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(FIELDS) + "\n\n", encoding="utf-8")
    (case,) = read_cases(path)
    assert (case.id, case.history[0].content, case.gold[0].quote, case.answers) == ("a", "Before?", "Yes.", ("yes",))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(FIELDS) + "\n{}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="Line 2"):
        read_cases(path)
