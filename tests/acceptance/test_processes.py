"""How processes end, and what is left when they are killed."""

import signal
import time
from pathlib import Path

import httpx

from footnote.cli.json_documents import AskDocument, IngestDocument
from tests.acceptance.server_process import ServerProcess, footnote

N_DOCUMENTS = 20  # enough that a process is killed while some are read
N_SECTIONS = 40


def write_documents(folder: Path) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"report-{n}.md" for n in range(N_DOCUMENTS)]
    for n, path in enumerate(paths):
        sections = (
            f"## Station {n}-{m}\n\nStation {n}-{m} measured {100 * n + m} millimetres of rain. "
            f"Its keeper wrote down wind from direction {m} and {n} gusts. The gauge was emptied at noon and read again in the evening.\n"
            for m in range(N_SECTIONS)
        )
        path.write_text(f"# Report {n}\n\n" + "\n".join(sections))
    return paths


def attach_all(url: str, paths: list[Path]) -> None:
    """Upload all, and only then attach them: the first is not ready before the last has come."""
    with httpx.Client(base_url=f"{url}/v1", trust_env=False, timeout=60) as client:
        sent = [client.post("/files", files={"file": (path.name, path.read_bytes())}, data={"purpose": "assistants"}) for path in paths]
        for each in sent:
            client.post("/vector_stores/vs_default/files", json={"file_id": each.json()["id"]}).raise_for_status()


def attachments(url: str) -> list[dict]:
    return httpx.get(f"{url}/v1/vector_stores/vs_default/files?limit=100", trust_env=False, timeout=60).json()["data"]


def n_points(url: str) -> int:
    parts = httpx.get(f"{url}/readyz", trust_env=False, timeout=60).json()["parts"]
    return next(part["facts"]["points"] for part in parts if part["name"] == "index")


def wait_until(condition, *, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)


def under_way(url: str) -> bool:
    """Some are done, and one is between its first and its last chunk."""
    found = attachments(url)
    return any(each["status"] == "completed" for each in found) and any(each["status"] == "in_progress" for each in found)


def test_killed_in_the_middle_of_an_ingestion_a_server_finishes_exactly_once(tmp_path: Path):
    paths = write_documents(tmp_path / "reports")
    with ServerProcess(tmp_path / "data", FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS="8") as server:
        attach_all(server.url, paths)
        wait_until(lambda: under_way(server.url))
        server.end(signal.SIGKILL)

    with ServerProcess(tmp_path / "data") as server:
        wait_until(lambda: all(each["status"] == "completed" for each in attachments(server.url)))
        ended = attachments(server.url)
        assert len(ended) == N_DOCUMENTS
        assert [each["last_error"] for each in ended] == [None] * N_DOCUMENTS
        # A job that was interrupted was begun again, and left no point twice.
        assert max(each["footnote"]["attempt"] for each in ended) == 2
        assert n_points(server.url) == sum(each["footnote"]["counts"]["chunks"] for each in ended)
        assert n_points(server.url) >= N_DOCUMENTS * N_SECTIONS / 4

        assert server.end(signal.SIGINT) == 0
        assert "Traceback" not in server.log()
        assert server.log().rstrip().endswith("footnote has stopped.")
        assert not (tmp_path / "data" / "server.json").exists()


def test_without_a_server_the_commands_start_one_and_leave_none(tmp_path: Path):
    (tmp_path / "note.md").write_text("# Lighthouse\n\nThe lighthouse of Skerry Holm was lit for the first time on 4 May 1871.\n")
    ingested = footnote(tmp_path / "data", "ingest", str(tmp_path / "note.md"), "--json")
    assert len(IngestDocument.model_validate_json(ingested.stdout).added) == 1
    assert (ingested.returncode, ingested.stderr) == (0, "")
    asked = footnote(tmp_path / "data", "ask", "When was the lighthouse of Skerry Holm lit for the first time?", "--json")
    assert "1871" in AskDocument.model_validate_json(asked.stdout).text
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_server_ends_on_sigterm_and_its_keys_are_asked_for(tmp_path: Path):
    keys = '[{"key": "a-secret-of-16-or-more", "owner": "research"}]'
    with ServerProcess(tmp_path / "data", FOOTNOTE_SERVER__KEYS=keys) as server:
        assert '-H "Authorization: Bearer $KEY"' in server.log()
        assert httpx.get(f"{server.url}/v1/models", trust_env=False).status_code == 401
        # This machine's command line reads its own key from the data directory.
        assert footnote(tmp_path / "data", "documents", FOOTNOTE_SERVER__KEYS=keys).returncode == 0
        assert server.end(signal.SIGTERM) == 0
        assert "Traceback" not in server.log()


def test_a_start_that_fails_is_one_message(tmp_path: Path):
    failed = footnote(tmp_path / "data", "serve", "--port", "0", FOOTNOTE_EMBEDDER__MODEL=str(tmp_path / "no-model"))
    assert failed.returncode == 1
    complaint = [line for line in failed.stderr.splitlines() if line.startswith("footnote: ")]
    assert len(complaint) == 1
    assert "no-model" in complaint[0]
    assert "Traceback" not in failed.stderr
