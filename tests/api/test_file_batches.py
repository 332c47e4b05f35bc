"""File batches, driven by the stock client over real ingestion."""

import io
from collections.abc import Iterator

import openai
import pytest

from tests.api.library import Served


@pytest.fixture
def store(client: openai.OpenAI) -> Iterator[str]:
    store_id = client.vector_stores.create(name="batches").id
    yield store_id
    client.vector_stores.delete(store_id)


def named(n: int, text: str | None = None) -> tuple[str, io.BytesIO]:
    content = text or f"Pump {n} delivers {3 * n} litres an hour."
    return f"pump-{n}.md", io.BytesIO(content.encode())


def uploaded(client: openai.OpenAI, n: int) -> str:
    return client.files.create(file=named(n), purpose="assistants").id


def test_files_are_attached_together_and_waited_for(client: openai.OpenAI, store: str) -> None:
    ids = [uploaded(client, n) for n in range(3)]
    done = client.vector_stores.file_batches.create_and_poll(store, file_ids=ids)
    assert (done.object, done.vector_store_id, done.status) == ("vector_store.files_batch", store, "completed")
    assert done.id.startswith("vsfb_")
    assert (done.file_counts.completed, done.file_counts.total) == (3, 3)
    found = client.vector_stores.search(store, query="What do the pumps deliver?").data
    assert {hit.file_id for hit in found} == set(ids)


def test_files_are_uploaded_and_attached_together(client: openai.OpenAI, store: str) -> None:
    done = client.vector_stores.file_batches.upload_and_poll(store, files=[named(n) for n in range(5, 11)])
    assert (done.status, done.file_counts.completed) == ("completed", 6)
    names = {hit.filename for hit in client.vector_stores.search(store, query="litres an hour", max_num_results=10).data}
    assert names == {f"pump-{n}.md" for n in range(5, 11)}


def test_each_file_may_have_its_own_wishes(client: openai.OpenAI, store: str) -> None:
    ids = [uploaded(client, n) for n in range(20, 22)]
    wanted = [{"file_id": file_id, "attributes": {"number": n}} for n, file_id in enumerate(ids)]
    client.vector_stores.file_batches.create_and_poll(store, files=wanted)  # type: ignore[arg-type]
    assert {file.id: file.attributes for file in client.vector_stores.files.list(store)} == {
        file_id: {"number": float(n)} for n, file_id in enumerate(ids)
    }
    replaced = uploaded(client, 23)
    client.vector_stores.file_batches.create_and_poll(store, files=[{"file_id": replaced, "replaces": ids[0]}])  # type: ignore[list-item]
    assert {file.id: file.attributes for file in client.vector_stores.files.list(store)} == {
        ids[1]: {"number": 1.0},
        replaced: {"number": 0.0},
    }


def test_the_files_of_a_batch_are_listed_page_by_page_and_by_state(client: openai.OpenAI, store: str) -> None:
    client.vector_stores.files.create_and_poll(uploaded(client, 30), vector_store_id=store)
    ids = [uploaded(client, n) for n in range(31, 34)]
    broken = client.files.create(file=("broken.pdf", b"%PDF-1.7\nno"), purpose="assistants").id
    batch = client.vector_stores.file_batches.create_and_poll(store, file_ids=[*ids, broken])
    assert (batch.status, batch.file_counts.failed) == ("completed", 1)
    listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store, limit=2, order="asc")
    assert ([file.id for file in listed.data], listed.has_more) == (ids[:2], True)
    assert [file.id for file in listed] == [*ids, broken]
    failed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store, filter="failed")
    assert [file.id for file in failed] == [broken]
    assert failed.data[0].last_error is not None


def test_a_batch_whose_files_all_fail_has_failed(client: openai.OpenAI, store: str) -> None:
    broken = client.files.create(file=("broken.pdf", b"%PDF-1.7\nno"), purpose="assistants").id
    assert client.vector_stores.file_batches.create_and_poll(store, file_ids=[broken]).status == "failed"


def test_a_batch_is_cancelled(client: openai.OpenAI, store: str) -> None:
    ids = [uploaded(client, n) for n in range(100, 140)]
    batch = client.vector_stores.file_batches.with_raw_response.create(store, file_ids=ids)
    assert int(batch.headers["openai-poll-after-ms"]) > 0
    batch_id = batch.parse().id
    cancelled = client.vector_stores.file_batches.cancel(batch_id, vector_store_id=store)
    assert (cancelled.status, cancelled.file_counts.in_progress, cancelled.file_counts.total) == ("cancelled", 0, 40)
    assert cancelled.file_counts.cancelled > 0
    assert client.vector_stores.file_batches.retrieve(batch_id, vector_store_id=store) == cancelled


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"file_ids": []}, "file_ids"),
        ({"file_ids": ["file-1"], "files": [{"file_id": "file-1"}]}, None),
        ({"file_ids": [f"file-{n}" for n in range(2_001)]}, "file_ids"),
        ({"files": [{"file_id": "file-1"}], "attributes": {"a": 1}}, None),
        ({"files": [{"file_id": "file-1", "atributes": {}}]}, "files[0].atributes"),
    ],
)
def test_a_bad_batch_names_the_field(served: Served, body: dict[str, object], param: str | None) -> None:
    with served.http() as client:
        answer = client.post("/v1/vector_stores/default/file_batches", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_a_batch_that_is_not_there_and_one_with_a_missing_file(client: openai.OpenAI, store: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.vector_stores.file_batches.retrieve("vsfb_nowhere", vector_store_id=store)
    assert caught.value.param == "batch_id"
    with pytest.raises(openai.NotFoundError, match="file-nowhere"):
        client.vector_stores.file_batches.create(store, file_ids=[uploaded(client, 50), "file-nowhere"])
    assert client.vector_stores.retrieve(store).file_counts.total == 0
