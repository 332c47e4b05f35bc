"""``footnote sets`` against a real server: files go in, and come out as they were."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evaluation.cases import read_set
from footnote.cli.api_client import ApiClient
from footnote.cli.deleting import set_question
from footnote.cli.failure import WRONG_USAGE, CommandFailed
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


def test_a_set_is_generated_from_documents(served: Served) -> None:
    rows = ("Boat | Due | Deadline", "--- | --- | ---", "Barge | 14 pounds | 3 days", "Ferry | 23 pounds | 9 days")
    rules = "\n".join(("# Dues of the lock", "", *(f"| {row} |" for row in rows), "")).encode()
    with served.client() as client:
        store = client.vector_stores.create(name="cli-lock")
        client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("cli-lock-dues.md", rules), poll_interval_ms=50)
    chosen = ("generate", "--name", "cli-drawn", "--collection", "cli-lock", "--cases", "5")
    made = as_json(served, *chosen)
    assert (made["set"]["name"], made["set"]["kind"], made["is_new"], made["files"]) == ("cli-drawn", "generated", True, 1)
    assert made["kinds"] == {"table": made["set"]["cases"]}
    assert made["cases_of_files"] == {"cli-lock-dues.md": made["set"]["cases"]}
    again = run(served, *chosen)
    assert "as it was already" in again.stdout
    assert "cli-lock-dues.md" in again.stdout


def test_where_no_case_can_be_made_the_command_fails_and_says_why(served: Served) -> None:
    with served.client() as client:
        store = client.vector_stores.create(name="cli-empty")
    result = run(served, "generate", "--name", "cli-none", "--collection", store.id)
    assert (result.exit_code, result.stdout) == (1, "No case could be made of 0 files.\n")
    for arguments, message in (
        (("--name", "x", "--by", "magic"), "rule or model"),
        (("--name", "x", "--collection", "cli-absent"), "no collection cli-absent"),
        (("--name", "a@2"), "name cannot be used"),
        (("--name", "x", "--by", "model"), "language model"),
    ):
        with pytest.raises(CommandFailed, match=message):
            run(served, "generate", *arguments)


def test_a_set_is_deleted_when_somebody_says_so(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    for question in ("How cold?", "How warm?", "How wet?"):
        path.write_text(json.dumps({"id": "a", "question": question}), encoding="utf-8")
        assert run(served, "import", path, "--name", "cli doomed/1").exit_code == 0
    with pytest.raises(CommandFailed, match="cannot be undone") as caught:
        run(served, "delete", "cli doomed/1")
    assert caught.value.exit_status == WRONG_USAGE
    told = run(served, "delete", "cli doomed/1@2", "--yes")
    assert "cli doomed/1@2 is deleted: 1 version, 1 case, 0 runs" in told.stdout
    assert {each["number"] for each in as_json(served, "list", "--name", "cli doomed/1")["sets"]} == {1, 3}
    gone = as_json(served, "delete", "cli doomed/1", "--yes")
    assert (gone["id"], gone["sets"], gone["cases"], gone["turns"]) == ("cli doomed/1", 2, 2, 0)
    assert as_json(served, "list", "--name", "cli doomed/1")["sets"] == []
    with pytest.raises(CommandFailed, match="no evaluation set"):
        run(served, "delete", "cli doomed/1", "--yes")


def test_what_is_to_be_deleted_is_asked_for_by_its_name(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": "How cold?"}', encoding="utf-8")
    made = as_json(served, "import", path, "--name", "cli-asked/1")["set"]
    with ApiClient(served.url, token=None) as client:
        asked = {wanted: set_question(client, wanted) for wanted in (made["id"], "cli-asked/1@1", "cli-asked/1")}
    ending = "with all runs over it, whoever began them?"
    assert asked[made["id"]] == f"Delete cli-asked/1@1 ({made['id']}) {ending}"
    assert asked["cli-asked/1@1"] == f"Delete cli-asked/1@1 {ending}"
    assert asked["cli-asked/1"] == f"Delete cli-asked/1, all versions, {ending}"
