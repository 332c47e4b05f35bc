"""Files over HTTP: what goes in comes out, what is wrong leaves nothing behind."""

import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from footnote.cli.api_client import ApiClient
from footnote.cli.erase import erase, meant
from tests.api.library import Library, Served, settings_in


def upload(served: Served, content: bytes, *, name: str = "a.txt", **fields: str) -> httpx.Response:
    with served.http() as client:
        return client.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants", **fields})


def test_a_file_comes_back_as_it_was_sent(client: openai.OpenAI) -> None:
    content = bytes(range(256)) * 10_000
    file = client.files.create(file=("data.bin", io.BytesIO(content)), purpose="user_data")
    assert (file.object, file.bytes, file.filename, file.purpose, file.status) == (
        "file",
        len(content),
        "data.bin",
        "user_data",
        "processed",
    )
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == content
    deleted = client.files.delete(file.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (file.id, "file", True)
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(file.id)
    assert (caught.value.param, caught.value.code) == ("file_id", "not_found")


def test_files_are_listed_page_by_page_and_by_purpose(client: openai.OpenAI) -> None:
    ids = [client.files.create(file=(f"{n}.txt", b"x"), purpose="evals" if n % 2 else "vision").id for n in range(5)]
    assert [file.id for file in client.files.list(limit=2, order="asc", purpose="vision")] == ids[::2]
    page = client.files.list(limit=1, order="desc", purpose="evals")
    assert ([file.id for file in page.data], page.has_more) == ([ids[3]], True)
    assert [file.id for file in client.files.list(limit=2, after=ids[2], order="asc")][:2] == ids[3:]
    for file_id in ids:
        client.files.delete(file_id)


def test_a_download_cannot_become_a_page(served: Served, client: openai.OpenAI) -> None:
    file_id = upload(served, b"<script>alert(1)</script>", name='ä "quoted".html').json()["id"]
    with served.http() as raw:
        answer = raw.get(f"/v1/files/{file_id}/content")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%C3%A4%20")
    client.files.delete(file_id)


def test_an_expiry_is_noted(client: openai.OpenAI) -> None:
    file = client.files.create(file=("a.txt", b"x"), purpose="assistants", expires_after={"anchor": "created_at", "seconds": 7_200})
    assert file.expires_at is not None
    assert abs(file.expires_at - file.created_at - 7_200) <= 2
    client.files.delete(file.id)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\x00b\x1b[31m.txt", None),
        ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
        ("..", "unnamed"),
    ],
)
def test_names_lose_their_folders_and_control_characters(served: Served, name: str, stored: str | None) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name.replace("\\", "\\\\").encode() + b'"\r\n\r\nx\r\n--b--\r\n'
    )
    with served.http() as client:
        answer = client.post("/v1/files", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
        if stored is None and answer.status_code == 400:  # the parser may already refuse control characters in a header
            return
        assert answer.status_code == 200, answer.text
        filename = answer.json()["filename"]
        client.delete(f"/v1/files/{answer.json()['id']}")
    assert "/" not in filename
    assert filename.isprintable()
    assert stored is None or filename == stored


PURPOSE = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsome text\r\n'


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (PURPOSE + FILE.replace(b"some text", b"") + b"--b--\r\n", "file"),
        (PURPOSE + b"--b--\r\n", "file"),
        (FILE + b"--b--\r\n", "purpose"),
        (PURPOSE.replace(b"assistants", b"fun") + FILE + b"--b--\r\n", "purpose"),
        (FILE + PURPOSE.replace(b"assistants", b"fun") + b"--b--\r\n", "purpose"),
        (PURPOSE + FILE, "file"),
        (PURPOSE + FILE[:-4], "file"),
        (PURPOSE + FILE + FILE + b"--b--\r\n", "file"),
        (PURPOSE + FILE.replace(b'; filename="a.txt"', b"") + b"--b--\r\n", "file"),
        (PURPOSE.replace(b"assistants", b"a" * 2_000) + FILE + b"--b--\r\n", "purpose"),
        (PURPOSE.replace(b"purpose", b"expires_after[anchor]") + PURPOSE + FILE + b"--b--\r\n", "expires_after[anchor]"),
        (b"no form at all", "file"),
        (b"", "file"),
    ],
)
def test_a_bad_form_is_refused_and_leaves_nothing(served: Served, library: Library, body: bytes, param: str) -> None:
    blobs = library.n_blobs()
    with served.http() as client:
        files = client.get("/v1/files").json()["data"]
        answer = client.post("/v1/files", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == param
        assert client.get("/v1/files").json()["data"] == files
    assert library.n_blobs() == blobs


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", f"multipart/form-data; boundary={'b' * 300}", ""])
def test_what_is_no_form_is_refused(served: Served, content_type: str) -> None:
    with served.http() as client:
        answer = client.post("/v1/files", content=PURPOSE + FILE + b"--b--\r\n", headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("seconds", ["3599", "2592001", "1e9", "-1", "٣٦٠٠٠"])
def test_an_expiry_out_of_range_is_refused(served: Served, seconds: str) -> None:
    answer = upload(served, b"x", **{"expires_after[anchor]": "created_at", "expires_after[seconds]": seconds})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == "expires_after[seconds]"


def test_a_file_over_the_limit_is_refused_announced_or_not(library: Library) -> None:
    settings = settings_in(library.services.settings.data_dir, server={"max_upload_bytes": 1_000_000})
    blobs = library.n_blobs()
    with library.serve(settings) as served, served.http() as client:
        assert upload(served, b"x" * 1_000_000).status_code == 200
        for size in (1_000_001, 40_000_000):
            announced = upload(served, b"x" * size)
            assert announced.status_code == 413, announced.text
            assert announced.json()["error"]["code"] in ("file_too_large", "request_too_large")
            body = PURPOSE + FILE.replace(b"some text", b"y" * size) + b"--b--\r\n"
            pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
            unannounced = client.post("/v1/files", content=pieces, headers={"content-type": "multipart/form-data; boundary=b"})
            assert unannounced.status_code == 413, unannounced.text
        for file in client.get("/v1/files").json()["data"]:
            if file["bytes"] == 1_000_000:
                client.delete(f"/v1/files/{file['id']}")
        assert client.get("/healthz").status_code == 200
    assert library.n_blobs() == blobs


def test_an_upload_that_breaks_off_leaves_nothing(served: Served, library: Library) -> None:
    blobs = library.n_blobs()

    def broken():
        yield PURPOSE + FILE
        raise ConnectionResetError

    with served.http() as client, pytest.raises(ConnectionResetError):
        client.post("/v1/files", content=broken(), headers={"content-type": "multipart/form-data; boundary=b"})
    with served.http() as client:
        assert client.get("/healthz").status_code == 200
    assert library.n_blobs() == blobs


def test_an_upload_that_breaks_off_is_no_fault_of_the_server(served: Served) -> None:
    def answered(status: int) -> float:
        with served.http() as client:
            lines = client.get("/metrics").text.splitlines()
        counted = [line for line in lines if line.startswith("footnote_http_requests_total{") and 'route="/v1/files"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in counted if f'status="{status}"' in line)

    refused, failed = answered(400), answered(500)
    address = httpx.URL(served.url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        head = "POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 9999\r\n\r\n"
        connection.sendall(head.encode() + PURPOSE + FILE)
    deadline = time.monotonic() + 10
    while answered(400) == refused and answered(500) == failed:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (answered(400), answered(500)) == (refused + 1, failed)


def test_equal_files_share_their_bytes_until_the_last_is_gone(served: Served, library: Library) -> None:
    blobs = library.n_blobs()
    first, second = (upload(served, b"shared bytes").json()["id"] for _ in range(2))
    assert first != second
    assert library.n_blobs() == blobs + 1
    with served.http() as client:
        client.delete(f"/v1/files/{first}")
        assert client.get(f"/v1/files/{second}/content").content == b"shared bytes"
        client.delete(f"/v1/files/{second}")
    assert library.n_blobs() == blobs


def test_uploads_and_deletions_of_the_same_bytes_at_once_lose_nothing(served: Served, library: Library) -> None:
    content, blobs = b"contended " * 20_000, library.n_blobs()
    barrier = threading.Barrier(4)

    def work(worker: int) -> None:
        barrier.wait()
        with served.http() as client:
            for _ in range(12):
                file_id = upload(served, content).json()["id"]
                assert client.get(f"/v1/files/{file_id}/content").content == content
                assert client.delete(f"/v1/files/{file_id}").status_code == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert library.n_blobs() == blobs


def test_a_file_that_is_deleted_twice_is_not_found(served: Served) -> None:
    file_id = upload(served, b"once").json()["id"]
    with served.http() as client:
        assert client.delete(f"/v1/files/{file_id}").status_code == 200
        assert client.delete(f"/v1/files/{file_id}").status_code == 404
        assert client.get(f"/v1/files/{file_id}/content").status_code == 404


def test_an_erased_file_leaves_a_receipt_for_its_owner(served: Served, library: Library, client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="receipts")
    file = client.files.create(file=("note.txt", b"The kestrel nests above the boiler house."), purpose="assistants")
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)
    deleted = client.files.delete(file.id)
    receipt = deleted.model_extra["footnote"]["receipt"]
    assert (receipt["status"], receipt["file_id"], receipt["purged"]) == ("done", file.id, True)
    assert [receipt["before"][name] for name in ("attachments", "versions", "points", "chunks", "documents", "bytes")] == [
        1,
        1,
        1,
        1,
        1,
        file.bytes,
    ]
    assert set(receipt["after"].values()) == {0}
    with served.http() as raw:
        assert raw.get(f"/v1/files/{file.id}/receipt").json() == receipt
        assert raw.get("/v1/files/file-none/receipt").status_code == 404
    client.vector_stores.delete(store.id)


def test_a_receipt_is_its_owners_alone(library: Library) -> None:
    keys = [{"key": f"key-of-{owner}-0123456789", "owner": owner} for owner in ("anna", "bert")]
    with library.serve(settings_in(library.services.settings.data_dir, server={"keys": keys})) as served:
        with served.client(key="key-of-anna-0123456789") as anna:
            file = anna.files.create(file=("a.txt", b"x"), purpose="assistants")
            anna.files.delete(file.id)
        with served.http() as raw:
            statuses = [
                raw.get(f"/v1/files/{file.id}/receipt", headers={"authorization": f"Bearer {key['key']}"}).status_code for key in keys
            ]
    assert statuses == [200, 404]


def test_the_command_line_erases_by_name_and_shows_the_receipt(served: Served, client: openai.OpenAI) -> None:
    file = client.files.create(file=("redshank.txt", b"The redshank nests in the salt marsh."), purpose="assistants")
    with ApiClient(served.url, token="none") as command_line:
        document = erase(command_line, meant(command_line.files(), ["redshank.txt"]))
    assert [(each.file_id, each.receipt.status, each.receipt.before.bytes) for each in document.erased] == [(file.id, "done", file.bytes)]
    assert document.failed == []
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
