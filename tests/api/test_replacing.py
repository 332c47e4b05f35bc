"""A file takes another's place over HTTP, while somebody searches all the time."""

import itertools
import threading
from collections.abc import Iterator

import openai
import pytest

from tests.api.library import Served

NOTICE = "The notice period for warehouse staff is {weeks} weeks. It begins at the end of a month."


@pytest.fixture
def store(client: openai.OpenAI) -> Iterator[str]:
    store_id = client.vector_stores.create(name="contracts").id
    yield store_id
    client.vector_stores.delete(store_id)


def upload(client: openai.OpenAI, weeks: int, *, name: str = "notice.txt") -> str:
    return client.files.create(file=(name, NOTICE.format(weeks=weeks).encode()), purpose="assistants").id


def attach(client: openai.OpenAI, store: str, file_id: str, **extra: str) -> object:
    client.vector_stores.files.create(store, file_id=file_id, extra_body=extra)
    return client.vector_stores.files.poll(file_id, vector_store_id=store)


def here(client: openai.OpenAI, store: str) -> list[str]:
    return [file.id for file in client.vector_stores.files.list(store, order="asc")]


class Reader:
    """Searches until it is told to stop, and notes which files each result came from."""

    def __init__(self, served: Served, store: str) -> None:
        self.results: list[tuple[str, ...]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._search, args=(served, store))

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _search(self, served: Served, store: str) -> None:
        with served.client() as client:
            while not self._stop.is_set():
                found = client.vector_stores.search(store, query="notice period for warehouse staff")
                self.results.append(tuple(hit.file_id for hit in found.data))


def test_a_reader_always_finds_one_version_and_never_two(served: Served, client: openai.OpenAI, store: str) -> None:
    files = [upload(client, weeks) for weeks in range(4, 10)]
    attach(client, store, files[0])
    with Reader(served, store) as reader:
        for before, after in itertools.pairwise(files):
            attach(client, store, after, replaces=before)
    assert {len(result) for result in reader.results} == {1}
    in_turn = [result[0] for result in reader.results]
    assert in_turn == sorted(in_turn), "a result never goes back to a version that was replaced"
    assert here(client, store) == [files[-1]]
    assert client.files.retrieve(files[0]).id == files[0], "the replaced file itself stays"
    for file_id in files:
        client.files.delete(file_id)


def test_what_replaces_what_is_shown_while_it_is_read(client: openai.OpenAI, store: str) -> None:
    old, new = upload(client, 4), upload(client, 6)
    attach(client, store, old)
    attached = client.vector_stores.files.create(store, file_id=new, extra_body={"replaces": old, "source": "hr/notice"})
    assert attached.model_extra is not None
    assert (attached.model_extra["footnote"]["replaces"], attached.model_extra["footnote"]["source"]) == ([old], "hr/notice")
    done = client.vector_stores.files.poll(new, vector_store_id=store)
    assert done.model_extra is not None
    assert (done.model_extra["footnote"]["searchable"], "replaces" in done.model_extra["footnote"]) == (True, False)
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.files.retrieve(old, vector_store_id=store)


def test_the_same_bytes_are_completed_at_once(client: openai.OpenAI, store: str) -> None:
    old, new = upload(client, 4), upload(client, 4, name="renamed.txt")
    attach(client, store, old)
    attached = client.vector_stores.files.create(store, file_id=new, extra_body={"replaces": old})
    assert (attached.status, here(client, store)) == ("completed", [new])
    assert [hit.filename for hit in client.vector_stores.search(store, query="notice period").data] == ["renamed.txt"]
    client.vector_stores.files.update(new, vector_store_id=store, attributes={"kind": "contract"})
    only = {"type": "eq", "key": "kind", "value": "contract"}
    assert len(client.vector_stores.search(store, query="notice period", filters=only).data) == 1  # type: ignore[arg-type]


def test_a_new_file_that_cannot_be_read_leaves_the_old_one(client: openai.OpenAI, store: str) -> None:
    old = upload(client, 4)
    attach(client, store, old)
    broken = client.files.create(file=("notice.pdf", b"%PDF-1.7\nno"), purpose="assistants").id
    done = client.vector_stores.files.create_and_poll(broken, vector_store_id=store, extra_body={"replaces": old})
    assert done.status == "failed"
    assert [hit.file_id for hit in client.vector_stores.search(store, query="notice period").data] == [old]


def test_a_store_that_says_so_keeps_one_file_of_a_name(client: openai.OpenAI) -> None:
    created = client.vector_stores.create(name="by name", extra_body={"replaces_by_name": True})
    assert created.model_extra is not None
    assert created.model_extra["replaces_by_name"] is True
    old, new, other = upload(client, 4), upload(client, 6), upload(client, 8, name="other.txt")
    for file_id in (old, other, new):
        attach(client, created.id, file_id)
    assert here(client, created.id) == [new, other]
    changed = client.vector_stores.update(created.id, extra_body={"replaces_by_name": False})
    assert changed.model_extra is not None
    assert changed.model_extra["replaces_by_name"] is False
    attach(client, created.id, upload(client, 9))
    assert len(here(client, created.id)) == 3
    client.vector_stores.delete(created.id)


def test_what_is_not_there_cannot_be_replaced(client: openai.OpenAI, store: str) -> None:
    with pytest.raises(openai.NotFoundError, match="to replace") as caught:
        client.vector_stores.files.create(store, file_id=upload(client, 4), extra_body={"replaces": "file-nowhere"})
    assert caught.value.param == "replaces"


# ------------------------------------------------------------------------------------------------------- cancel, retry and process


def act(served: Served, store: str, file_id: str, action: str) -> tuple[int, dict[str, object], str | None]:
    with served.http() as raw:
        answer = raw.post(f"/v1/vector_stores/{store}/files/{file_id}/{action}")
    return answer.status_code, answer.json(), answer.headers.get("x-should-retry")


def test_a_failed_file_is_tried_again_and_a_completed_one_processed(served: Served, client: openai.OpenAI, store: str) -> None:
    broken = client.files.create(file=("notice.pdf", b"%PDF-1.7\nno"), purpose="assistants").id
    first = client.vector_stores.files.create_and_poll(broken, vector_store_id=store)
    status, again, _ = act(served, store, broken, "retry")
    assert (status, again["status"]) == (200, "in_progress")
    assert client.vector_stores.files.poll(broken, vector_store_id=store).status == "failed"
    assert first.model_extra is not None
    assert again["footnote"]["job_id"] != first.model_extra["footnote"]["job_id"]  # type: ignore[index]

    good = upload(client, 4)
    attach(client, store, good)
    status, under_way, _ = act(served, store, good, "process")
    assert (status, under_way["status"], under_way["footnote"]["searchable"]) == (200, "in_progress", True)  # type: ignore[index]
    assert [hit.file_id for hit in client.vector_stores.search(store, query="notice period").data] == [good]
    assert client.vector_stores.files.poll(good, vector_store_id=store).status == "completed"


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_what_does_not_fit_the_state_is_a_conflict_that_is_not_retried(
    served: Served, client: openai.OpenAI, store: str, action: str
) -> None:
    file_id = upload(client, 4)
    attach(client, store, file_id)
    status, body, should_retry = act(served, store, file_id, action)
    assert (status, body["error"]["code"], should_retry) == (409, "conflict", "false")  # type: ignore[index]
    assert "completed" in body["error"]["message"]  # type: ignore[index]
