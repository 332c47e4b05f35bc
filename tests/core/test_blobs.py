"""Blobs: whole or not there, one copy of the same bytes, and nothing left of a write that failed."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.core.blobs import PIECE_BYTES, BlobStore, FolderBlobStore, StoredBlob
from footnote.core.blobs.factory import create_blob_store
from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import DocumentTooLarge, InvalidSettings, NotFound, StorageUnavailable
from footnote.core.settings import BlobSettings
from tests.core.catalog.story import upload
from tests.services.buckets import S3_ENDPOINT

MANY_BYTES = 10 * PIECE_BYTES


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def collect(stream: AsyncIterator) -> list:
    return [item async for item in stream]


async def put(store: BlobStore, content: bytes) -> StoredBlob:
    return await store.put(pieces(content), max_bytes=MANY_BYTES)


class BlobStoreContract:
    """What every store does. An implementation inherits it and gives a fixture ``store``, opened and empty."""

    @pytest.mark.parametrize("size_bytes", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
    async def test_what_is_put_is_read_again(self, store: BlobStore, size_bytes: int):
        content = os.urandom(size_bytes)
        blob = await put(store, content)
        assert blob == StoredBlob(sha256=hashlib.sha256(content).hexdigest(), size_bytes=size_bytes)
        read = await collect(store.read(blob.sha256))
        assert b"".join(read) == content
        assert all(len(piece) <= PIECE_BYTES for piece in read)
        async with store.local(blob.sha256) as path:
            assert path.read_bytes() == content

    async def test_whose_it_is_stands_beside_the_blobs_and_is_none(self, store: BlobStore):
        assert await store.installation() is None
        for installation in ("ins_1", "ins_2"):
            await store.mark(installation)
            assert await store.installation() == installation
        assert await collect(store.iterate()) == []

    async def test_the_same_bytes_are_kept_once_however_they_are_cut(self, store: BlobStore):
        first = await put(store, b"abcdef")
        second = await store.put(pieces(b"ab", b"", b"cd", b"ef"), max_bytes=6)
        assert first == second
        assert await collect(store.iterate()) == [first.sha256]

    async def test_a_stream_of_the_greatest_size_is_taken_and_one_byte_more_is_not(self, store: BlobStore):
        await store.put(pieces(b"abc", b"def"), max_bytes=6)
        with pytest.raises(DocumentTooLarge, match="larger than 6 bytes"):
            await store.put(pieces(b"abc", b"def", b"g"), max_bytes=6)
        assert len(await collect(store.iterate())) == 1

    async def test_a_stream_that_is_too_long_is_not_read_to_its_end(self, store: BlobStore):
        n_read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal n_read
            while True:
                n_read += PIECE_BYTES
                yield bytes(PIECE_BYTES)

        with pytest.raises(DocumentTooLarge):
            await store.put(endless(), max_bytes=3 * PIECE_BYTES)
        assert n_read <= 5 * PIECE_BYTES

    async def test_a_stream_that_breaks_leaves_nothing_and_its_error_comes_through(self, store: BlobStore):
        async def broken() -> AsyncIterator[bytes]:
            yield bytes(2 * PIECE_BYTES)
            raise ConnectionResetError("the client went away")

        with pytest.raises(ConnectionResetError):
            await store.put(broken(), max_bytes=MANY_BYTES)
        assert await collect(store.iterate()) == []

    async def test_what_is_not_there_is_not_found(self, store: BlobStore):
        absent = "0" * 64
        assert not await store.exists(absent)
        with pytest.raises(NotFound):
            async with store.local(absent):
                pass
        with pytest.raises(NotFound):
            await collect(store.read(absent))

    async def test_what_is_deleted_is_gone_and_deleting_again_is_no_error(self, store: BlobStore):
        kept, gone = await put(store, b"kept"), await put(store, b"gone")
        await store.delete(gone.sha256)
        await store.delete(gone.sha256)
        assert await collect(store.iterate()) == [kept.sha256]
        assert (await store.exists(kept.sha256), await store.exists(gone.sha256)) == (True, False)
        assert await put(store, b"gone") == gone

    async def test_concurrent_writes_of_the_same_and_of_other_bytes_all_arrive(self, store: BlobStore):
        contents = [os.urandom(100) for _ in range(8)] * 2
        blobs = await asyncio.gather(*(put(store, content) for content in contents))
        assert {blob.sha256 for blob in blobs} == set(await collect(store.iterate()))
        assert len(set(blobs)) == 8

    async def test_what_is_received_is_in_the_store_only_once_it_is_kept(self, store: BlobStore):
        async with store.receive(pieces(b"abc"), max_bytes=MANY_BYTES) as received:
            assert received.blob == StoredBlob(sha256=hashlib.sha256(b"abc").hexdigest(), size_bytes=3)
            assert not await store.exists(received.blob.sha256)
            await received.keep()
            assert await store.exists(received.blob.sha256)
        async with store.receive(pieces(b"not kept"), max_bytes=MANY_BYTES):
            pass
        assert await collect(store.iterate()) == [received.blob.sha256]

    async def test_a_lent_file_outlives_the_blob_until_it_is_given_back(self, store: BlobStore):
        blob = await put(store, b"abc")
        async with store.local(blob.sha256) as path:
            with path.open("rb") as file:
                await store.delete(blob.sha256)
                assert file.read() == b"abc"
        assert not path.exists()

    async def test_blobs_may_be_asked_for_by_their_age(self, store: BlobStore):
        blob = await put(store, b"abc")
        assert await collect(store.iterate(older_than_s=60)) == []
        await asyncio.sleep(1.1)  # S3 counts seconds
        assert await collect(store.iterate(older_than_s=1)) == [blob.sha256]

    async def test_opening_again_keeps_what_is_stored(self, store: BlobStore):
        blob = await put(store, b"abc")
        await store.open()
        assert await collect(store.iterate()) == [blob.sha256]


class TestFolderBlobStore(BlobStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> FolderBlobStore:
        store = FolderBlobStore(tmp_path / "blobs")
        await store.open()
        return store

    async def test_a_blob_lies_under_its_hash(self, store: FolderBlobStore, tmp_path: Path):
        sha256 = (await put(store, b"abc")).sha256
        async with store.local(sha256) as path:
            assert path == tmp_path / "blobs" / sha256[:2] / sha256[2:]

    async def test_what_an_interrupted_write_left_is_removed_at_the_next_start(self, store: FolderBlobStore, tmp_path: Path):
        leftover = tmp_path / "blobs" / ".incoming" / "half"
        leftover.write_bytes(b"half")
        await store.open()
        assert not leftover.exists()

    async def test_another_start_leaves_what_is_being_written(self, store: FolderBlobStore, tmp_path: Path):
        async def starting_another() -> AsyncIterator[bytes]:
            yield bytes(2 * PIECE_BYTES)
            await FolderBlobStore(tmp_path / "blobs").open()
            yield b"abc"

        blob = await store.put(starting_another(), max_bytes=MANY_BYTES)
        assert await store.exists(blob.sha256)

    async def test_a_write_that_is_cancelled_leaves_nothing(self, store: FolderBlobStore, tmp_path: Path):
        began = asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            yield bytes(2 * PIECE_BYTES)
            began.set()
            await asyncio.Event().wait()

        writing = asyncio.create_task(store.put(stalling(), max_bytes=MANY_BYTES))
        await began.wait()
        assert files_below(tmp_path), "something is being written"
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert files_below(tmp_path) == []

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.binary(max_size=50)))
    def test_the_hash_is_that_of_the_joined_pieces(self, tmp_path: Path, content: list[bytes]):
        async def round_trip() -> bytes:
            store = FolderBlobStore(tmp_path / "blobs")
            await store.open()
            blob = await store.put(pieces(*content), max_bytes=MANY_BYTES)
            assert blob.sha256 == hashlib.sha256(b"".join(content)).hexdigest()
            return b"".join(await collect(store.read(blob.sha256)))

        assert asyncio.run(round_trip()) == b"".join(content)


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    async def settings(self, bucket: str) -> BlobSettings:
        return blob_settings(f"s3://{bucket}/some/prefix")

    @pytest.fixture
    async def store(self, settings: BlobSettings, tmp_path: Path) -> AsyncIterator[BlobStore]:
        store = create_blob_store(settings, folder=tmp_path / "blobs")
        await store.open()
        yield store
        await store.close()

    async def test_large_files_go_in_parts_and_come_back_whole(self, store: BlobStore, tmp_path: Path):
        content = os.urandom(37 * PIECE_BYTES + 5)
        blob = await store.put(pieces(content), max_bytes=len(content))
        async with store.local(blob.sha256) as path:
            assert path.read_bytes() == content
        assert files_below(tmp_path) == []

    async def test_two_prefixes_of_a_bucket_are_two_stores(self, store: BlobStore, bucket: str, tmp_path: Path):
        blob = await put(store, b"abc")
        async with (
            opened(blob_settings(f"s3://{bucket}"), tmp_path / "a") as whole,
            opened(blob_settings(f"s3://{bucket}/some/pre"), tmp_path / "b") as other,
        ):
            assert not await whole.exists(blob.sha256)
            assert await collect(whole.iterate()) == await collect(other.iterate()) == []

    async def test_a_listing_of_several_pages_is_complete(self, store: BlobStore, settings: BlobSettings):
        names = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(1100)]
        files = store._files
        for first in range(0, len(names), 50):
            await asyncio.gather(*(files._pipe_file(store._key(name), b"x") for name in names[first : first + 50]))
        assert sorted(await collect(store.iterate())) == sorted(names)

    async def test_an_object_that_was_changed_is_not_lent(self, store: BlobStore, tmp_path: Path):
        blob = await put(store, b"abc")
        await store._files._pipe_file(store._key(blob.sha256), b"abd")
        with pytest.raises(StorageUnavailable, match="other bytes"):
            async with store.local(blob.sha256):
                pass
        assert files_below(tmp_path) == []

    async def test_a_bucket_that_is_not_there_is_named(self, tmp_path: Path, bucket: str):
        with pytest.raises(InvalidSettings, match="There is no bucket not-there"):
            async with opened(blob_settings("s3://not-there"), tmp_path):
                pass

    async def test_a_store_that_cannot_be_reached_is_explained(self, tmp_path: Path):
        settings = BlobSettings(url="s3://bucket", endpoint="http://127.0.0.1:9", key="key", secret="secret")
        with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:9.*blobs\.endpoint"):
            async with opened(settings, tmp_path):
                pass


LISTING = b'<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount></ListBucketResult>'


class Stalling:
    """An S3-compatible store that lists a bucket, and answers nothing else."""

    def __init__(self) -> None:
        self._open: set[asyncio.StreamWriter] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(LISTING), LISTING))
            await writer.drain()

    def hang_up(self) -> None:
        for writer in self._open:
            writer.close()


async def test_a_write_to_the_catalog_waits_for_a_stalled_store_for_moments_only(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    s3 = pytest.importorskip("footnote.core.blobs.s3")
    monkeypatch.setattr(s3, "PROMPT_S", 0.3)
    file = await upload(catalog)
    stalling = Stalling()
    server = await asyncio.start_server(stalling.answer, "127.0.0.1", 0)
    endpoint = "http://{}:{}".format(*server.sockets[0].getsockname())
    settings = BlobSettings(url="s3://bucket", endpoint=endpoint, key="key", secret="secret", region="us-east-1")
    try:
        async with opened(settings, tmp_path) as store, asyncio.timeout(10):
            with pytest.raises(StorageUnavailable, match="does not answer"):
                await store.exists(file.blob_sha256)
            with pytest.raises(StorageUnavailable, match="does not answer"):
                await catalog.files.remove_unreferenced("0" * 64, remove_bytes=store.delete)
            erasure = await catalog.erasures.begin(file.id, owner=file.owner)
            with pytest.raises(StorageUnavailable, match="does not answer"):
                await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=store.delete)
            assert await catalog.files.get(file.id, owner=file.owner) == file, "nothing is half done"
            assert await catalog.files.known_blobs([file.blob_sha256])
            await upload(catalog, filename="other.txt")
    finally:
        stalling.hang_up()
        server.close()
        await server.wait_closed()


def blob_settings(url: str) -> BlobSettings:
    return BlobSettings(url=url, endpoint=S3_ENDPOINT, key="key", secret="secret", region="us-east-1")


@asynccontextmanager
async def opened(settings: BlobSettings, folder: Path) -> AsyncIterator[BlobStore]:
    store = create_blob_store(settings, folder=folder)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


FILLING = """
import asyncio, resource, sys
from pathlib import Path
from footnote.core.blobs import FolderBlobStore
from footnote.core.errors import StorageUnavailable

resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

async def pieces():
    for _ in range(50):
        yield bytes(100_000)

async def main():
    store = FolderBlobStore(Path(sys.argv[1]))
    await store.open()
    try:
        await store.put(pieces(), max_bytes=10_000_000)
    except StorageUnavailable as error:
        print(error)

asyncio.run(main())
"""


def test_a_disk_that_takes_no_more_is_explained_and_nothing_is_left(tmp_path: Path):
    """The kernel refuses to write on, as on a full disk: the error comes out of write(), in the middle of a blob."""
    done = subprocess.run([sys.executable, "-c", FILLING, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot be used: File too large." in done.stdout
    assert files_below(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path):
    (tmp_path / "blobs").write_text("a file in its place")
    with pytest.raises(StorageUnavailable, match="Not a directory"):
        await FolderBlobStore(tmp_path / "blobs").open()
