from pathlib import Path

from footnote.cli.command_line_reference import command_line_reference

COMMITTED = Path(__file__).parents[2] / "docs" / "command-line.md"


def test_the_committed_reference_is_the_generated_one():
    reference = command_line_reference()
    assert COMMITTED.read_text(encoding="utf-8") == reference, "run: make docs"


def test_each_field_of_each_document_is_explained():
    rows = [line for line in command_line_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |") or "None" in row] == []
