"""Large files in parts, driven by the stock client: what was sent arrives whole or not at all, and parts leave nothing behind."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import openai
import pytest

from serving.api.limits import FORM_OVERHEAD_BYTES, body_limit
from serving.uploads import LIVES_S, MAX_PART_BYTES
from tests.api.library import Library, Served, settings_in

CONTENT = b"".join(b"Line %d of a long protocol.\n" % number for number in range(20_000))


@pytest.fixture
def blobs_stay(library: Library) -> Iterator[None]:
    """What a test stores it removes."""
    before = library.n_blobs()
    yield
    assert library.n_blobs() == before


def begin(client: openai.OpenAI, n_bytes: int = len(CONTENT), **options: object) -> str:
    created = client.uploads.create(bytes=n_bytes, filename="protocol.txt", mime_type="text/plain", purpose="assistants", **options)  # type: ignore[arg-type]
    assert (created.object, created.status, created.bytes) == ("upload", "pending", n_bytes)
    return created.id


def send(client: openai.OpenAI, upload_id: str, *parts: bytes) -> list[str]:
    return [client.uploads.parts.create(upload_id, data=io.BytesIO(part)).id for part in parts]


def halves() -> tuple[bytes, bytes]:
    return CONTENT[:300_000], CONTENT[300_000:]


@pytest.mark.usefixtures("blobs_stay")
def test_the_stock_client_sends_a_large_file_in_parts(client: openai.OpenAI, library: Library, tmp_path: Path) -> None:
    path = tmp_path / "protocol.txt"
    path.write_bytes(CONTENT)
    before = library.n_blobs()
    done = client.uploads.upload_file_chunked(
        file=path, mime_type="text/plain", purpose="assistants", part_size=100_000, md5=hashlib.md5(CONTENT).hexdigest()
    )
    assert (done.status, done.filename) == ("completed", "protocol.txt")
    assert done.file is not None
    assert (done.file.bytes, done.file.filename, client.files.content(done.file.id).read()) == (len(CONTENT), "protocol.txt", CONTENT)
    assert library.n_blobs() == before + 1, "the parts have left nothing"
    assert client.files.delete(done.file.id).deleted


@pytest.mark.usefixtures("blobs_stay")
def test_parts_are_joined_in_the_order_in_which_they_are_named(client: openai.OpenAI) -> None:
    first, second = halves()
    upload_id = begin(client)
    sent = send(client, upload_id, second, first, first)  # one was sent twice, and the second came first
    done = client.uploads.complete(upload_id, part_ids=[sent[2], sent[0]])
    assert done.file is not None
    assert client.files.content(done.file.id).read() == CONTENT
    client.files.delete(done.file.id)


@pytest.mark.usefixtures("blobs_stay")
def test_an_upload_whose_answer_was_lost_is_completed_once(client: openai.OpenAI) -> None:
    upload_id = begin(client)
    sent = send(client, upload_id, *halves())
    first, again = [client.uploads.complete(upload_id, part_ids=sent) for _ in range(2)]
    assert first.file is not None
    assert again == first
    client.files.delete(first.file.id)
    with pytest.raises(openai.NotFoundError):  # erased with its file
        client.uploads.complete(upload_id, part_ids=sent)


@pytest.mark.usefixtures("blobs_stay")
def test_what_is_wrong_at_the_end_can_be_mended(client: openai.OpenAI) -> None:
    upload_id = begin(client)
    sent = send(client, upload_id, *halves())
    for part_ids, md5, param in (
        (sent[:1], None, "part_ids"),
        ([*sent, "part_nowhere"], None, "part_ids"),
        (sent[::-1], hashlib.md5(CONTENT).hexdigest(), "md5"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.complete(upload_id, part_ids=part_ids, **({"md5": md5} if md5 else {}))
        assert caught.value.param == param
    done = client.uploads.complete(upload_id, part_ids=sent, md5=hashlib.md5(CONTENT).hexdigest())
    assert done.file is not None
    with pytest.raises(openai.ConflictError, match="completed"):
        client.uploads.cancel(upload_id)
    client.files.delete(done.file.id)


@pytest.mark.usefixtures("blobs_stay")
def test_a_cancelled_upload_leaves_nothing_and_takes_nothing(client: openai.OpenAI) -> None:
    upload_id = begin(client)
    send(client, upload_id, *halves())
    assert client.uploads.cancel(upload_id).status == "cancelled"
    with pytest.raises(openai.ConflictError, match="cancelled"):
        send(client, upload_id, b"more")


@pytest.mark.usefixtures("blobs_stay")
def test_parts_that_are_files_too_outlive_the_upload(client: openai.OpenAI) -> None:
    part = b"the same bytes " * 1_000
    file = client.files.create(file=("same.txt", part), purpose="assistants")
    upload_id = begin(client)
    send(client, upload_id, part)
    client.uploads.cancel(upload_id)
    assert client.files.content(file.id).read() == part
    upload_id = begin(client)
    (sent,) = send(client, upload_id, part)
    client.files.delete(file.id)
    rest = CONTENT[len(part) :]
    done = client.uploads.complete(upload_id, part_ids=[sent, *send(client, upload_id, rest)])
    assert done.file is not None
    assert client.files.content(done.file.id).read() == part + rest
    client.files.delete(done.file.id)


@pytest.mark.usefixtures("blobs_stay")
def test_an_upload_that_takes_too_long_expires(client: openai.OpenAI, library: Library, served: Served) -> None:
    upload_id = begin(client)
    send(client, upload_id, b"a part")
    later = datetime.now(UTC) + timedelta(seconds=LIVES_S + 1)
    released = library.threaded.call(library.services.catalog.uploads.expire(later))
    assert released == (hashlib.sha256(b"a part").hexdigest(),)
    library.threaded.call(served.app.state.opening.opened.files.release(released))
    with pytest.raises(openai.ConflictError, match="expired"):
        send(client, upload_id, b"another part")


def test_a_file_of_parts_may_expire(client: openai.OpenAI) -> None:
    upload_id = begin(client, 6, expires_after={"anchor": "created_at", "seconds": 7_200})
    done = client.uploads.complete(upload_id, part_ids=send(client, upload_id, b"a part"))
    assert done.file is not None
    assert done.file.expires_at == done.file.created_at + 7_200
    client.files.delete(done.file.id)


@pytest.mark.usefixtures("blobs_stay")
def test_parts_are_limited_each_and_together(library: Library, client: openai.OpenAI) -> None:
    upload_id = begin(client, 10)
    send(client, upload_id, b"x" * 20)
    with pytest.raises(openai.APIStatusError) as together:
        send(client, upload_id, b"y")
    client.uploads.cancel(upload_id)
    assert together.value.status_code == 413
    path = f"/v1/uploads/{upload_id}/parts"
    assert body_limit(path, max_upload_bytes=10 * MAX_PART_BYTES) == MAX_PART_BYTES + FORM_OVERHEAD_BYTES
    assert body_limit(path, max_upload_bytes=1_000) == 1_000 + FORM_OVERHEAD_BYTES
    small = settings_in(library.services.settings.data_dir, server={"max_upload_bytes": 1_000})
    with library.serve(small) as other_server, other_server.client() as other:
        with pytest.raises(openai.APIStatusError) as announced:
            begin(other, 1_001)
        assert announced.value.status_code == 413


@pytest.mark.parametrize("path", ["parts", "complete", "cancel"])
def test_somebody_elses_upload_is_not_found(client: openai.OpenAI, library: Library, path: str) -> None:
    keys = [{"key": "a-secret-of-16-letters", "owner": "ben"}]
    settings = settings_in(library.services.settings.data_dir, server={"keys": keys})
    upload_id = begin(client)
    with library.serve(settings) as served, served.http(headers={"authorization": "Bearer a-secret-of-16-letters"}) as raw:
        body: dict[str, object] = {"files": {"data": b"x"}} if path == "parts" else {"json": {"part_ids": ["part_1"]}}
        answer: httpx.Response = raw.post(f"/v1/uploads/{upload_id}/{path}", **body)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "upload_id")
    client.uploads.cancel(upload_id)


@pytest.mark.usefixtures("blobs_stay")
def test_an_empty_part_and_a_form_without_one_are_refused(client: openai.OpenAI, served: Served) -> None:
    upload_id = begin(client)
    with served.http() as raw:
        for files in ({"data": b""}, {"date": b"x"}):
            answer = raw.post(f"/v1/uploads/{upload_id}/parts", files=files)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "data")
    client.uploads.cancel(upload_id)
