"""``footnote sets`` against a real server: files go in, and come out as they were."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evaluation.cases import read_set
from footnote.cli.failure import CommandFailed
from footnote.cli.main import app
from footnote.core.errors import InvalidInput
from tests.api.library import Served

HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook-questions.jsonl"


def run(served: Served, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["sets", *map(str, arguments), "--url", served.url], catch_exceptions=False)


def as_json(served: Served, *arguments: str | Path) -> Any:
    result = run(served, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_set_comes_out_as_it_went_in(served: Served, tmp_path: Path) -> None:
    first = as_json(served, "import", HANDBOOK, "--name", "cli-handbook")
    assert (first["set"]["number"], first["set"]["kind"], first["is_new"]) == (1, "golden", True)
    assert run(served, "export", "cli-handbook", tmp_path / "out.jsonl").exit_code == 0
    assert read_set(tmp_path / "out.jsonl") == read_set(HANDBOOK)
    again = run(served, "import", tmp_path / "out.jsonl", "--name", "cli-handbook")
    assert "cli-handbook@1" in again.stdout
    assert "as it was already" in again.stdout
    assert "documents that are not there: " in again.stderr


def test_versions_are_listed_and_exported_by_number(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    for question in ("How cold?", "How warm?"):
        path.write_text(json.dumps({"id": "a", "question": question}) + '\n{"id": "b", "tombstone": true}\n', encoding="utf-8")
        assert run(served, "import", path, "--name", "cli-cellar", "--kind", "generated").exit_code == 0
    sets = as_json(served, "list", "--name", "cli-cellar")["sets"]
    found = {(each["number"], each["kind"], each["cases"], each["tombstones"]) for each in sets}
    assert found == {(1, "generated", 2, 1), (2, "generated", 2, 1)}
    assert "cli-cellar@2" in run(served, "list").stdout
    first, newest = (run(served, "export", name).stdout for name in ("cli-cellar@1", "cli-cellar"))
    assert first == '{"id": "a", "question": "How cold?"}\n{"id": "b", "tombstone": true}\n'
    assert "How warm?" in newest


def test_a_mistake_is_named_with_its_line(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": "?!"}\n{"id": "a", "question": "?!"}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"Line 2 .*'a' stands on line 1"):
        run(served, "import", path, "--name", "cli-wrong")
    for arguments, message in (
        (("import", tmp_path / "absent.jsonl", "--name", "x"), "no file"),
        (("import", HANDBOOK, "--name", "x", "--kind", "silver"), "no kind 'silver'"),
        (("import", HANDBOOK, "--name", "a@2"), "name cannot be used"),
        (("export", "cli-cellar@99"), "no evaluation set cli-cellar@99"),
        (("export", "cli-absent"), "no evaluation set"),
    ):
        with pytest.raises(CommandFailed, match=message):
            run(served, *arguments)
