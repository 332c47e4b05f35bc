"""Commands that talk to a server by its URL: they start none of their own, and say what is wrong with an address."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from footnote.cli.documents import DocumentsDocument
from footnote.cli.failure import FAILED, WRONG_USAGE
from footnote.cli.json_documents import IngestDocument, SearchDocument
from footnote.cli.main import main
from footnote.cli.reindex_documents import ReindexDocument
from tests.api.conftest import library, threaded  # noqa: F401 - fixtures
from tests.api.library import Library, settings_in
from tests.cli.test_key import LOGGED

ANNA = "anna-0123456789abcdef"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(library: Library, tmp_path: Path) -> Iterator[str]:  # noqa: F811 - the fixture
    """A server with a key, whose data directory nobody here knows."""
    with library.serve(settings_in(tmp_path / "theirs", server={"keys": [{"key": ANNA, "owner": "anna"}]})) as served:
        yield served.url


@pytest.fixture
def footnote(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def refuse(*_: object) -> None:
        raise AssertionError("no server is started here")

    monkeypatch.setattr("footnote.cli.connection._start", refuse)
    monkeypatch.setattr("footnote.cli.connection.find_running_server", refuse)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        assert ANNA not in captured.out + captured.err
        assert list(Path().iterdir()) == [], "no data directory is made"
        # The server runs in this process, and logs.
        return ended.value.code, "".join(line for line in captured.out.splitlines(keepends=True) if not LOGGED.match(line)), captured.err

    return run


def test_every_command_of_a_client_talks_to_the_server_at_the_url(footnote: Command, url: str, tmp_path: Path):
    path = tmp_path / "lamp.md"
    path.write_text("# Lamps\n\nThe lamp in the cellar takes forty watts.\n")
    there = ("--url", url, "--key", ANNA, "--json")
    status, out, _ = footnote("ingest", str(path), "--collection", "lamps", *there)
    assert (status, len(IngestDocument.model_validate_json(out).added)) == (0, 1)
    status, out, _ = footnote("search", "How many watts?", "--collection", "lamps", *there)
    assert [hit.filename for hit in SearchDocument.model_validate_json(out).hits] == ["lamp.md"]
    status, out, _ = footnote("documents", "list", "--collection", "lamps", *there)
    assert [each.filename for each in DocumentsDocument.model_validate_json(out).documents] == ["lamp.md"]
    status, out, _ = footnote("reindex", "status", *there)
    assert (status, ReindexDocument.model_validate_json(out).refused) == (0, [])
    status, out, _ = footnote("documents", *there, "erase", "lamp.md", "--yes")
    assert (status, len(json.loads(out)["erased"])) == (0, 1)


def test_the_environment_names_the_server_and_an_option_counts_for_more(footnote: Command, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_KEY", ANNA)
    monkeypatch.setenv("FOOTNOTE_URL", f"{url}/v1/")  # as clients of the OpenAI API are given it
    assert footnote("documents", "list")[0] == 0
    monkeypatch.setenv("FOOTNOTE_URL", "http://127.0.0.1:9")
    assert footnote("documents", "list", "--url", url)[0] == 0
    assert footnote("documents", "--url", url, "list")[0] == 0
    status, _, err = footnote("documents", "list")
    assert (status, "http://127.0.0.1:9 does not answer" in err, "--url" in err) == (FAILED, True, True)


def test_without_a_key_it_is_said_how_to_give_one(footnote: Command, url: str):
    status, _, err = footnote("search", "lamp", "--url", url)
    assert (status, "--key" in err) == (FAILED, True)


def test_a_url_beside_a_data_directory_is_refused(footnote: Command, url: str, monkeypatch: pytest.MonkeyPatch):
    for arguments in (("--url", url), ()):
        status, _, err = footnote("documents", "list", "--data-dir", "data", *arguments, "--key", ANNA)
        assert (status, "which one" in err) == (WRONG_USAGE, True)
        monkeypatch.setenv("FOOTNOTE_URL", url)


@pytest.mark.parametrize(
    "wrong",
    ["footnote.example", "ftp://footnote.example", "http://", "http://user:secret-word@footnote.example", "http://h:port", "http://h/?a"],
)
def test_what_is_no_address_of_a_server_is_not_called_and_not_quoted(footnote: Command, wrong: str):
    status, _, err = footnote("documents", "list", "--url", wrong)
    assert (status, "--url" in err, "secret-word" in err) == (WRONG_USAGE, True, False)


@pytest.mark.parametrize("body", [b"<html>Hello.</html>", b"[1]"])
def test_something_else_that_answers_there_is_told(footnote: Command, body: bytes):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        answering = Thread(target=server.serve_forever)
        answering.start()
        try:
            status, _, err = footnote("documents", "list", "--url", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            answering.join()
    assert (status, "no footnote" in err) == (FAILED, True)
