"""Another embedder in the settings, and a server that is killed while it re-indexes."""

import signal
from pathlib import Path
from typing import Any

import httpx

from footnote.cli.reindex_documents import ReindexDocument
from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import attach_all, attachments, n_points, wait_until, write_documents

SMALL = {"FOOTNOTE_EMBEDDER__MAX_TOKENS": "48", "FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS": "4", "FOOTNOTE_INGESTION__JOBS_AT_ONCE": "1"}
"""The bundled model with a smaller window: other chunks and another space."""


def get(url: str, path: str) -> Any:
    return httpx.get(f"{url}{path}", trust_env=False, timeout=60).json()


def found(url: str) -> set[str]:
    body = {"query": "millimetres of rain at station 0-7", "max_num_results": 50}
    answer = httpx.post(f"{url}/v1/vector_stores/vs_default/search", json=body, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    return {hit["chunk_id"] for hit in answer.json()["data"]}


def same(some: set[str], others: set[str]) -> bool:
    """Whether two searches found the same chunks, but for those at the end of the list, where many are equally good."""
    return len(some & others) >= 0.8 * len(others)


def test_a_killed_server_goes_on_re_indexing_and_nothing_is_built_twice(tmp_path: Path):
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        attach_all(server.url, write_documents(tmp_path / "reports"))
        wait_until(lambda: all(each["status"] == "completed" for each in attachments(server.url)))
        before, n_old = found(server.url), n_points(server.url)
        server.end(signal.SIGTERM)
    index_folders = {path.name for path in (data / "index").iterdir()}

    with ServerProcess(data, **SMALL) as server:
        assert same(found(server.url), before), "the settings changed, the collection did not"
        assert get(server.url, "/v1/vector_stores/vs_default")["footnote"]["recipe_differs"]
        assert n_points(server.url) == 0, "nothing was put into the new model's index"
        httpx.post(f"{server.url}/v1/vector_stores/vs_default/reindex", json={}, trust_env=False, timeout=60).raise_for_status()
        wait_until(lambda: 0 < progress(server.url)["built"] < progress(server.url)["total"])
        server.end(signal.SIGKILL)

    with ServerProcess(data, **SMALL) as server:
        wait_until(lambda: progress(server.url)["is_built"])
        assert same(found(server.url), before)
        done = footnote(data, "reindex", "--json", **SMALL)
        assert done.returncode == 0, done.stderr
        (collection,) = ReindexDocument.model_validate_json(done.stdout).collections
        assert (collection.status, collection.failed) == ("flipped", 0)
        after = found(server.url)
        assert after.isdisjoint(before)
        assert n_points(server.url) == collection.chunks, "a point for each chunk that was built, and no other"
        assert not get(server.url, "/v1/vector_stores/vs_default")["footnote"]["recipe_differs"]
        assert {path.name for path in (data / "index").iterdir()} > index_folders
        server.end(signal.SIGTERM)

    with ServerProcess(data) as server:
        assert same(found(server.url), after), "also with the settings as they were before"
        back = footnote(data, "reindex", "back", "default", "--json")
        assert back.returncode == 0, back.stderr
        assert same(found(server.url), before)
        assert n_points(server.url) == n_old


def progress(url: str) -> Any:
    return get(url, "/v1/vector_stores/vs_default/reindex")["progress"]
