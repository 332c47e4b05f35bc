"""``footnote serve --ingest`` beside keys: for whom it brings files in, and what is refused before anything starts."""

import json
from pathlib import Path

import pytest

from footnote.cli import serve as command
from footnote.cli.failure import WRONG_USAGE
from footnote.cli.main import main
from footnote.core.settings import Settings

ANNA, LOCAL = "anna-0123456789abcdef", "local-0123456789abcdef"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The keys of the servers that would have been started."""
    keys: list[str | None] = []

    def start(settings: Settings, *, key: str | None, **_: object) -> None:
        keys.append(key)

    monkeypatch.setattr(command, "_serve", start)
    return keys


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    return ended.value.code


def give_keys(monkeypatch: pytest.MonkeyPatch, **keys: str) -> None:
    monkeypatch.setenv("FOOTNOTE_SERVER__KEYS", json.dumps([{"owner": owner, "key": key} for owner, key in keys.items()]))


def test_ingesting_for_nobody_who_has_a_key_is_refused(
    started: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.md").write_text("A lamp.")
    give_keys(monkeypatch, anna=ANNA)
    assert run("--ingest", str(tmp_path), "--data-dir", str(tmp_path / "data")) == WRONG_USAGE
    told = capsys.readouterr().err
    assert "for whom" in told
    assert "footnote ingest --key" in " ".join(told.split())
    assert run("--ingest", str(tmp_path), "--key", "bert-0123456789abcdef") == WRONG_USAGE
    told = capsys.readouterr().err
    assert "none of server.keys" in told
    assert "bert-0123456789abcdef" not in told
    assert started == []


def test_ingesting_goes_on_where_somebody_can_read_it(started: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.md").write_text("A lamp.")
    ingesting = ("--ingest", str(tmp_path), "--data-dir", str(tmp_path / "data"))
    assert run(*ingesting) == 0  # without keys everybody is the owner local
    give_keys(monkeypatch, anna=ANNA)
    assert run(*ingesting, "--key", ANNA) == 0
    monkeypatch.setenv("FOOTNOTE_KEY", ANNA)
    assert run(*ingesting) == 0
    monkeypatch.delenv("FOOTNOTE_KEY")
    assert run("--data-dir", str(tmp_path / "data")) == 0  # nothing is brought in
    give_keys(monkeypatch, anna=ANNA, local=LOCAL)
    assert run(*ingesting) == 0
    assert started == [None, ANNA, ANNA, None, None]
