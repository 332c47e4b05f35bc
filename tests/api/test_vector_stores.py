"""Vector stores and their files, driven by the stock client over real ingestion."""

import hashlib
import io
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import openai
import pytest
from sqlalchemy import func, select

from footnote.core.catalog import schema
from footnote.core.types import Access
from tests.api.library import Library, Served

HANDBOOK = """# Cheese club

The cheese club meets on the first Tuesday of each month in the canteen.

## Cellar

The cellar is kept at eleven degrees. Wheels of Gouda are turned twice a week.

## Fees

Members pay 14 euros a quarter; guests pay nothing on their first evening.
"""


@pytest.fixture
def store(client: openai.OpenAI) -> Iterator[str]:
    store_id = client.vector_stores.create(name="cheese").id
    yield store_id
    client.vector_stores.delete(store_id)


def upload(client: openai.OpenAI, text: str, *, name: str = "club.md") -> str:
    return client.files.create(file=(name, io.BytesIO(text.encode())), purpose="assistants").id


def test_a_file_is_uploaded_read_searched_and_shown(client: openai.OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("club.md", HANDBOOK.encode()))

    assert file.status == "completed", file.last_error
    assert file.model_extra is not None
    assert file.model_extra["footnote"]["state"] == "completed"
    assert file.model_extra["footnote"]["counts"]["chunks"] >= 1
    assert file.chunking_strategy is not None
    assert file.chunking_strategy.type == "other"

    found = client.vector_stores.search(store, query="How cold is the cellar?", max_num_results=2).data
    assert found[0].file_id == file.id
    assert "eleven degrees" in found[0].content[0].text
    assert 0 <= found[0].score <= 1

    text = "".join(part.text for part in client.vector_stores.files.content(file.id, vector_store_id=store).data)
    for hit in found:
        assert hit.model_extra is not None
        assert text[hit.model_extra["start"] : hit.model_extra["end"]] == hit.content[0].text

    shown = client.vector_stores.retrieve(store)
    assert (shown.status, shown.file_counts.completed, shown.file_counts.total) == ("completed", 1, 1)
    assert shown.usage_bytes == len(HANDBOOK.encode())


def test_the_id_of_an_attachment_is_the_files(client: openai.OpenAI, store: str) -> None:
    file_id = upload(client, HANDBOOK)
    attached = client.vector_stores.files.create(store, file_id=file_id)
    assert attached.id == file_id
    assert client.vector_stores.files.retrieve(file_id, vector_store_id=store).id == file_id


def test_attaching_answers_at_once_and_says_when_to_ask_again(client: openai.OpenAI, store: str) -> None:
    file_id = upload(client, HANDBOOK)
    attached = client.vector_stores.files.with_raw_response.create(store, file_id=file_id)
    assert attached.parse().status == "in_progress"
    assert int(attached.headers["openai-poll-after-ms"]) > 0
    client.vector_stores.files.poll(file_id, vector_store_id=store)
    done = client.vector_stores.files.with_raw_response.retrieve(file_id, vector_store_id=store)
    assert done.parse().status == "completed"
    assert "openai-poll-after-ms" not in done.headers


def test_a_file_that_cannot_be_read_says_why(client: openai.OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("table.pdf", bytes(4_000)))
    assert file.status == "failed"
    assert file.last_error is not None
    assert file.last_error.code == "unsupported_file"
    assert file.last_error.message
    with pytest.raises(openai.NotFoundError, match=r"no text of table\.pdf"):
        client.vector_stores.files.content(file.id, vector_store_id=store)
    assert [each.id for each in client.vector_stores.files.list(store, filter="failed")] == [file.id]
    assert list(client.vector_stores.files.list(store, filter="completed")) == []


def test_filters_choose_by_attributes(client: openai.OpenAI, store: str) -> None:
    for name, year in (("old.md", 2021), ("new.md", 2024)):
        file_id = upload(client, HANDBOOK.replace("14 euros", f"{year - 2010} euros"), name=name)
        client.vector_stores.files.create_and_poll(
            file_id, vector_store_id=store, attributes={"year": year, "final": True, "team": "cheese"}
        )

    def names(filters: object) -> set[str]:
        found = client.vector_stores.search(store, query="What do members pay?", filters=filters)  # type: ignore[arg-type]
        return {hit.filename for hit in found.data}

    assert names({"type": "gte", "key": "year", "value": 2022}) == {"new.md"}
    assert names({"type": "in", "key": "year", "value": [2021, 1999]}) == {"old.md"}
    both = {"type": "and", "filters": [{"type": "eq", "key": "final", "value": True}, {"type": "ne", "key": "year", "value": 2021}]}
    assert names(both) == {"new.md"}
    assert names({"type": "eq", "key": "team", "value": "wine"}) == set()


def test_changed_attributes_hold_at_once(client: openai.OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("club.md", HANDBOOK.encode()), attributes={"year": 2021})
    changed = client.vector_stores.files.update(file.id, vector_store_id=store, attributes={"year": 2030, "open": False})
    assert changed.attributes == {"year": 2030.0, "open": False}
    found = client.vector_stores.search(store, query="cheese", filters={"type": "eq", "key": "year", "value": 2030})
    assert found.data[0].attributes == {"year": 2030.0, "open": False}


def test_a_detached_file_is_found_no_more_and_stays(client: openai.OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("club.md", HANDBOOK.encode()))
    detached = client.vector_stores.files.delete(file.id, vector_store_id=store)
    assert (detached.id, detached.deleted, detached.object) == (file.id, True, "vector_store.file.deleted")
    assert client.vector_stores.search(store, query="cheese").data == []
    assert client.files.retrieve(file.id).filename == "club.md"
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.files.retrieve(file.id, vector_store_id=store)


def test_an_erased_file_is_found_no_more(client: openai.OpenAI, store: str, library: Library) -> None:
    before = library.n_blobs()
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("club.md", f"{HANDBOOK}\nErase me.".encode()))
    assert library.n_blobs() == before + 1
    assert client.files.delete(file.id).deleted
    assert client.vector_stores.search(store, query="cheese").data == []
    assert client.vector_stores.retrieve(store).file_counts.total == 0
    assert library.n_blobs() == before
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    for path in library.services.settings.data_dir.glob("catalog.sqlite*"):
        assert b"Erase me" not in path.read_bytes(), path.name


def test_a_store_is_created_with_files_changed_and_deleted(client: openai.OpenAI) -> None:
    file_id = upload(client, HANDBOOK)
    created = client.vector_stores.create(
        name="one",
        file_ids=[file_id],
        metadata={"team": "cheese"},
        expires_after={"anchor": "last_active_at", "days": 3},
        chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}},
        extra_body={"principals": ["cheese-lovers"]},
    )
    assert created.file_counts.total == 1
    assert created.expires_at == created.last_active_at + 3 * 86_400  # type: ignore[operator]
    assert created.model_extra is not None
    assert created.model_extra["principals"] == ["cheese-lovers", "owner:local"]

    renamed = client.vector_stores.update(created.id, name="two")
    assert (renamed.name, renamed.metadata) == ("two", {"team": "cheese"})

    deleted = client.vector_stores.delete(created.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (created.id, "vector_store.deleted", True)
    assert client.files.retrieve(file_id).id == file_id
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(created.id)


def test_nothing_is_created_when_a_file_is_missing(client: openai.OpenAI) -> None:
    before = [store.id for store in client.vector_stores.list(limit=100)]
    with pytest.raises(openai.NotFoundError) as caught:
        client.vector_stores.create(name="half", file_ids=["file-nowhere"])
    assert caught.value.param == "file_id"
    assert [store.id for store in client.vector_stores.list(limit=100)] == before


def test_the_default_store_is_there_by_name_and_stays(client: openai.OpenAI) -> None:
    default = client.vector_stores.retrieve("default")
    assert default.name == "default"
    for refused in (lambda: client.vector_stores.delete("default"), lambda: client.vector_stores.update("default", name="mine")):
        with pytest.raises(openai.BadRequestError, match="default collection"):
            refused()
    assert list(client.vector_stores.files.list("default")) is not None


def test_lists_go_on_page_by_page(client: openai.OpenAI) -> None:
    ids = [client.vector_stores.create(name=f"page {n}").id for n in range(5)]
    first = client.vector_stores.list(limit=3, order="desc")
    assert [store.id for store in first.data] == ["vs_default", ids[4], ids[3]]  # its id sorts after all others
    assert first.has_more
    assert (first.first_id, first.last_id) == ("vs_default", ids[3])
    everything = [store.id for store in client.vector_stores.list(limit=2, order="asc")]
    assert [each for each in everything if each in ids] == ids
    before = client.vector_stores.list(limit=100, order="desc", before=ids[3])
    assert [store.id for store in before.data][-1] == ids[4]
    for store_id in ids:
        client.vector_stores.delete(store_id)


def test_several_queries_give_one_list(client: openai.OpenAI, store: str) -> None:
    client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("club.md", HANDBOOK.encode()))
    found = client.vector_stores.search(store, query=["cellar temperature", "quarterly fee"], rewrite_query=True)
    assert found.search_query == ["cellar temperature", "quarterly fee"]
    chunks = [hit.model_extra["chunk_id"] for hit in found.data]  # type: ignore[index]
    assert len(chunks) == len(set(chunks)) >= 1
    assert [hit.score for hit in found.data] == sorted((hit.score for hit in found.data), reverse=True)
    assert client.vector_stores.search(store, query="cellar", ranking_options={"score_threshold": 1.0}).data == [
        hit for hit in client.vector_stores.search(store, query="cellar").data if hit.score >= 1
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": []}, "query"),
        ({"query": "  "}, "query"),
        ({"query": "a" * 100_000}, "query"),
        ({"query": "cheese", "max_num_results": 51}, "max_num_results"),
        ({"query": "cheese", "ranking_options": {"score_threshold": 2}}, "ranking_options.score_threshold"),
        ({"query": "cheese", "filters": {"type": "like", "key": "a", "value": "b"}}, "filters.type"),
        ({"query": "cheese", "filters": {"type": "or", "filters": [{"type": "gt", "key": "a", "value": "b"}]}}, "filters.filters[0].value"),
        ({"query": "cheese", "quary": 1}, "quary"),
    ],
)
def test_a_bad_search_names_the_field(served: Served, body: dict[str, object], param: str) -> None:
    with served.http() as client:
        answer = client.post("/v1/vector_stores/default/search", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("attributes", "param"),
    [
        ({f"key {n}": n for n in range(17)}, "attributes"),
        ({"a": "x" * 513}, "attributes.a"),
        ({"a": [1]}, "attributes.a"),
        ({"a": None}, "attributes.a"),
    ],
)
def test_bad_attributes_are_refused(served: Served, client: openai.OpenAI, attributes: dict[str, object], param: str) -> None:
    file_id = upload(client, HANDBOOK)
    with served.http() as raw:
        answer = raw.post("/v1/vector_stores/default/files", json={"file_id": file_id, "attributes": attributes})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "sizes", [{"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0}, {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51}]
)
def test_bad_chunk_sizes_are_refused(client: openai.OpenAI, sizes: dict[str, int]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.vector_stores.create(chunking_strategy={"type": "static", "static": sizes})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("path", ["", "/files", "/files/file-1", "/files/file-1/content"])
def test_an_unknown_store_is_not_found(served: Served, path: str) -> None:
    with served.http() as client:
        answer = client.get(f"/v1/vector_stores/vs_nowhere{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "There is no collection vs_nowhere.",
        "type": "invalid_request_error",
        "param": "vector_store_id",
        "code": "not_found",
    }


def test_a_text_that_is_still_being_read_is_a_conflict_that_is_not_retried(
    library: Library, served: Served, client: openai.OpenAI, store: str
) -> None:
    file_id = upload(client, HANDBOOK * 8)
    client.vector_stores.files.create(store, file_id=file_id)
    with served.http() as raw:
        answer: httpx.Response = raw.get(f"/v1/vector_stores/{store}/files/{file_id}/content")
    if answer.status_code == 200:  # it was read faster than it was asked for
        return
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "already_ingesting"
    assert answer.headers["x-should-retry"] == "false"
    deadline = time.monotonic() + 60
    while client.vector_stores.files.retrieve(file_id, vector_store_id=store).status == "in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_expired_vector_store_is_shown_and_not_searched(client: openai.OpenAI, library: Library) -> None:
    store = client.vector_stores.create(name="gone", expires_after={"anchor": "last_active_at", "days": 1})

    async def wait_two_days() -> None:
        async with library.services.catalog.database.write() as session:
            row = await session.get_one(schema.Collection, store.id)
            row.last_active_at -= timedelta(days=2)

    library.threaded.call(wait_two_days())
    assert client.vector_stores.retrieve(store.id).status == "expired"
    with pytest.raises(openai.ConflictError) as caught:
        client.vector_stores.search(store.id, query="anything")
    assert caught.value.response.headers["x-should-retry"] == "false"
    client.vector_stores.update(store.id, expires_after={"anchor": "last_active_at", "days": 2})
    assert list(client.vector_stores.search(store.id, query="anything")) == []
    client.vector_stores.delete(store.id)


def test_deleting_a_vector_store_leaves_nothing_that_was_made_of_its_files(client: openai.OpenAI, library: Library) -> None:
    store = client.vector_stores.create(name="short-lived")
    file = client.files.create(file=("curlew.txt", b"The curlew winters on the mudflats of the estuary."), purpose="assistants")
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)

    async def made_of_it() -> list[int]:
        services = library.services
        async with services.catalog.database.read() as session:
            versions = (await session.scalars(select(schema.Version.id).where(schema.Version.content_sha256 == sha256))).all()
            n_chunks = await session.scalar(select(func.count()).where(schema.Chunk.version_id.in_(versions)))
            n_documents = await session.scalar(select(func.count()).where(schema.Document.blob_sha256 == sha256))
        n_points = await services.index.count(Access(collection_ids=frozenset({store.id}), principals=frozenset({"everyone"})))
        return [len(versions), n_chunks or 0, n_documents or 0, n_points]

    sha256 = hashlib.sha256(b"The curlew winters on the mudflats of the estuary.").hexdigest()
    assert library.threaded.call(made_of_it()) == [1, 1, 1, 1]
    client.vector_stores.delete(store.id)
    assert library.threaded.call(made_of_it()) == [0, 0, 0, 0]
    assert client.files.retrieve(file.id).bytes == 50
    client.files.delete(file.id)
