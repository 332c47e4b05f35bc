"""Commands beside a server with keys: for whom they act, and that a key shows nowhere."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from footnote.cli.documents import DocumentsDocument
from footnote.cli.failure import FAILED, WRONG_USAGE
from footnote.cli.json_documents import ChangedDocuments, IngestDocument
from footnote.cli.main import main
from footnote.cli.reindex_documents import ReindexDocument
from footnote.core.data_directory import DataDirectory
from tests.api.conftest import library, threaded  # noqa: F401 - fixtures
from tests.api.library import Library, settings_in

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
LOGGED = re.compile(r"\d{4}-\d\d-\d\d .* \[")
"""Lines of the server's log, which here is in the same process."""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data_dir(library: Library, tmp_path: Path) -> Iterator[Path]:  # noqa: F811 - the fixture
    """The data directory of a server with two keys."""
    directory = DataDirectory(tmp_path / "data")
    settings = settings_in(directory.path, server={"keys": [{"key": ANNA, "owner": "anna"}, {"key": BERT, "owner": "bert"}]})
    with library.serve(settings) as served, directory.owned():
        directory.announce(url=served.url, version="1")
        yield directory.path


@pytest.fixture
def footnote(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(data_dir)])
        captured = capsys.readouterr()
        assert not [key for key in (ANNA, BERT) if key in captured.out + captured.err]
        assert isinstance(ended.value.code, int)
        said = "".join(line for line in captured.out.splitlines(keepends=True) if not LOGGED.match(line))
        return ended.value.code, said, captured.err

    return run


def test_a_command_acts_for_the_owner_of_the_key(footnote: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "tea.md"
    path.write_text("# Tea\n\nThe kettle holds nine litres.\n")
    status, out, _ = footnote("ingest", str(path), "--key", ANNA, "--json")
    assert (status, len(IngestDocument.model_validate_json(out).added)) == (0, 1)

    def processed(*key: str) -> list[str]:
        _, out, _ = footnote("documents", *key, "--json", "process", "tea.md", "--wait")
        document = ChangedDocuments.model_validate_json(out)
        return [each.state for each in document.changed] or [each.message for each in document.refused]

    (refused,) = processed()
    assert "somebody else" in refused
    assert processed("--key", ANNA) == ["completed"]
    monkeypatch.setenv("FOOTNOTE_KEY", ANNA)
    assert processed() == ["completed"]
    (refused,) = processed("--key", BERT)  # before the name of the action, and above the environment
    assert "somebody else" in refused
    status, out, _ = footnote("documents", "process", "tea.md", "--key", BERT, "--json")
    assert (status, len(ChangedDocuments.model_validate_json(out).refused)) == (FAILED, 1)
    assert footnote("documents", "erase", "tea.md", "--yes")[0] == 0


def test_a_key_that_is_unknown_or_none_is_not_quoted(footnote: Command):
    for key, status, complaint in (
        ("nobody-0123456789abc", FAILED, "not known"),
        ("schlüssel-0123456789", WRONG_USAGE, "character"),
        ("two\nlines-0123456789", WRONG_USAGE, "character"),
    ):
        ended, out, err = footnote("documents", "--key", key)
        assert (ended, out, complaint in err, key in err) == (status, "", True, False)


def test_json_before_the_name_of_an_action_counts(footnote: Command):
    status, out, _ = footnote("documents", "--json", "cancel", "--all")
    assert (status, json.loads(out)) == (0, {"action": "cancel", "changed": [], "refused": []})
    status, out, _ = footnote("documents", "--json", "list")
    assert DocumentsDocument.model_validate_json(out)


def test_erasing_is_not_for_one_collection(footnote: Command):
    status, out, err = footnote("documents", "--collection", "contracts", "erase", "report.pdf", "--yes")
    assert (status, out) == (WRONG_USAGE, "")
    assert "everywhere" in err
    assert "--collection" in err


def test_a_collection_that_is_refused_keeps_no_other_from_being_reindexed(footnote: Command, tmp_path: Path):
    path = tmp_path / "mill.md"
    path.write_text("# Coffee\n\nThe mill is loud.\n")
    for collection in ("default", "annas"):
        assert footnote("ingest", str(path), "--collection", collection, "--key", ANNA)[0] == 0
    status, out, _ = footnote("reindex", "--chunking", "200,0", "--key", ANNA, "--json")
    document = ReindexDocument.model_validate_json(out)
    assert status == FAILED
    assert [(each.collection.name, "everybody's" in each.message) for each in document.refused] == [("default", True)]
    assert [(each.collection.name, each.status) for each in document.collections] == [("annas", "flipped")]
    status, out, _ = footnote("reindex", "drop", "default", "annas", "--key", ANNA)
    assert status == FAILED
    assert "everybody's" in out
    assert "done" in out
    status, out, _ = footnote("reindex", "default", "--chunking", "200,0", "--flip", "never", "--key", "", "--json")
    assert (status, ReindexDocument.model_validate_json(out).refused) == (0, [])
    assert footnote("reindex", "cancel", "default")[0] == 0
    assert footnote("documents", "erase", "mill.md", "--yes", "--key", ANNA)[0] == 0
