"""A server that is killed in the middle of an erasure: the next one finishes it, and its files hold nothing of the text then."""

import contextlib
import json
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.in_process import spellings, traces
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.test_processes import attachments, n_points, wait_until

SECRET = "The Quillfeather ledger says that Marrowgate paid Oswin Tredegar in zirconium."
NEEDLES = spellings(("Quillfeather", "Marrowgate", "Tredegar", "zirconium"))
QUESTION = "What did Marrowgate pay Oswin Tredegar in?"
KEPT = "The lighthouse at Bramblewick is painted every seventh spring by the harbour guild."


def bring(url: str, name: str, text: str) -> str:
    with httpx.Client(base_url=f"{url}/v1", trust_env=False, timeout=60) as client:
        sent = client.post("/files", files={"file": (name, text.encode())}, data={"purpose": "assistants"})
        file_id = sent.raise_for_status().json()["id"]
        client.post("/vector_stores/vs_default/files", json={"file_id": file_id}).raise_for_status()
    wait_until(lambda: all(each["status"] == "completed" for each in attachments(url)))
    return file_id


def ask(url: str, *messages: str) -> str:
    """Return the answer to the last of the messages, which are a user's and an assistant's in turns."""
    dialogue = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(messages)]
    body = {"model": "footnote", "messages": dialogue}
    return httpx.post(f"{url}/v1/chat/completions", json=body, trust_env=False, timeout=120).json()["choices"][0]["message"]["content"]


def receipt_of(url: str, file_id: str) -> dict[str, Any]:
    return httpx.get(f"{url}/v1/files/{file_id}/receipt", trust_env=False, timeout=60).raise_for_status().json()


def noted(connection: sqlite3.Connection) -> str | None:
    """How far the erasure is, as the catalog has it."""
    row = connection.execute("SELECT receipt FROM erasures").fetchone()
    return None if row is None else json.loads(row[0])["state"]


def kill_when(server: ServerProcess, file_id: str, state: str, *, looking: sqlite3.Connection) -> None:
    """Erase a file, and kill the server when that is so far.

    What is erased still has the write-ahead log to empty, which waits for whoever reads what was before: so it is not done too soon.
    """
    with closing(connected(server.data_dir)) as reading:
        if state == "erased":
            reading.execute("BEGIN")
            assert noted(reading) is None
        asking = threading.Thread(target=ask_to_erase, args=(server.url, file_id))
        asking.start()
        until = time.monotonic() + 60
        while noted(looking) != state:
            assert time.monotonic() < until, "it takes too long"
        server.end(signal.SIGKILL)
        asking.join()
        assert noted(looking) == state, "the kill came too late"


def ask_to_erase(url: str, file_id: str) -> None:
    with contextlib.suppress(httpx.HTTPError):  # the server dies
        httpx.delete(f"{url}/v1/files/{file_id}", trust_env=False, timeout=60)


def connected(data_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(data_dir / "catalog.sqlite", isolation_level=None, timeout=30)


@pytest.mark.timeout(500)
@pytest.mark.parametrize("state", ["begun", "erased"])
def test_killed_in_the_middle_of_an_erasure_the_next_server_finishes_it(tmp_path: Path, state: str):
    data_dir = tmp_path / "data"
    with ExitStack() as open_files:
        with ServerProcess(data_dir) as server:
            bring(server.url, "filler.txt", "\n\n".join(f"Paragraph {n} is about tides and ships." for n in range(300)))
            bring(server.url, "kept.txt", KEPT)
            n_kept = n_points(server.url)
            file_id = bring(server.url, "ledger.txt", SECRET)
            n_secret = n_points(server.url) - n_kept
            told = ask(server.url, QUESTION)
            assert "zirconium" in told
            ask(server.url, QUESTION, told, "How often is the lighthouse at Bramblewick painted?")
            # Open until the next server is there: SQLite empties the write-ahead log when the last connection is closed.
            looking = open_files.enter_context(closing(connected(data_dir)))
            kill_when(server, file_id, state, looking=looking)
        assert traces(data_dir, NEEDLES), "else the search for words shows nothing"
        server = open_files.enter_context(ServerProcess(data_dir))
        looking.close()
        wait_until(lambda: receipt_of(server.url, file_id)["status"] == "done")
        receipt = receipt_of(server.url, file_id)
        counted = {"attachments": 1, "versions": 1, "points": n_secret, "chunks": n_secret, "documents": 1, "turns": 2}
        assert receipt["before"] == {**receipt["after"], **counted, "bytes": len(SECRET)}
        assert (set(receipt["after"].values()), receipt["purged"]) == ({0}, True)
        assert httpx.delete(f"{server.url}/v1/files/{file_id}", trust_env=False, timeout=60).status_code == 404
        assert traces(data_dir, NEEDLES) == []
        assert n_points(server.url) == n_kept
        # The client knows nothing of all that, and goes on with its dialogue.
        assert "seventh" in ask(server.url, QUESTION, told, "How often is the lighthouse at Bramblewick painted?")
        assert server.end(signal.SIGTERM) == 0
    assert traces(data_dir, NEEDLES) == []
