"""Bytes that files share: never a record without its bytes, whoever stores and erases the same at the same moment."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from footnote.core.blobs import BlobStore, FolderBlobStore, StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.records import FileRecord
from footnote.core.errors import InvalidInput, StorageUnavailable
from footnote.core.shared_bytes import ATTEMPTS, SharedBytes
from tests.core.test_blobs import collect, pieces


@pytest.fixture
async def blobs(tmp_path: Path) -> FolderBlobStore:
    store = FolderBlobStore(tmp_path / "blobs")
    await store.open()
    return store


@pytest.fixture
def shared(catalog: Catalog, blobs: FolderBlobStore) -> SharedBytes:
    return SharedBytes(catalog=catalog, blobs=blobs)


async def store(shared: SharedBytes, catalog: Catalog, content: bytes = b"tides", filename: str = "tides.txt") -> FileRecord:
    async def record(blob: StoredBlob) -> FileRecord:
        return await catalog.files.create(
            owner="ann", filename=filename, purpose="assistants", blob_sha256=blob.sha256, size_bytes=blob.size_bytes, media_type=None
        )

    return await shared.keep(pieces(content), max_bytes=100, record=record)


async def test_bytes_are_kept_with_their_record(shared: SharedBytes, catalog: Catalog, blobs: FolderBlobStore):
    file = await store(shared, catalog)
    assert await blobs.exists(file.blob_sha256)
    await shared.release([file.blob_sha256])
    assert await blobs.exists(file.blob_sha256), "a file refers to them"


async def test_bytes_whose_record_fails_are_not_kept(shared: SharedBytes, blobs: FolderBlobStore):
    async def refuse(blob: StoredBlob) -> None:
        raise InvalidInput("There is no such purpose.")

    with pytest.raises(InvalidInput, match="no such purpose"):
        await shared.keep(pieces(b"tides"), max_bytes=100, record=refuse)
    assert await collect(blobs.iterate()) == []


async def test_a_record_that_fails_leaves_the_bytes_of_others(shared: SharedBytes, catalog: Catalog, blobs: FolderBlobStore):
    file = await store(shared, catalog)

    async def refuse(blob: StoredBlob) -> None:
        raise InvalidInput("There is no such purpose.")

    with pytest.raises(InvalidInput):
        await shared.keep(pieces(b"tides"), max_bytes=100, record=refuse)
    assert await collect(blobs.iterate()) == [file.blob_sha256]


class Snatching:
    """A store in which somebody removes the bytes as soon as they are kept, so many times."""

    def __init__(self, blobs: BlobStore, n_times: int) -> None:
        self._blobs = blobs
        self.n_left = n_times

    def __getattr__(self, name: str):
        return getattr(self._blobs, name)

    async def exists(self, sha256: str) -> bool:
        if self.n_left:
            self.n_left -= 1
            await self._blobs.delete(sha256)
        return await self._blobs.exists(sha256)


async def test_bytes_that_were_removed_before_their_record_are_put_back(catalog: Catalog, blobs: FolderBlobStore):
    file = await store(SharedBytes(catalog=catalog, blobs=Snatching(blobs, ATTEMPTS - 1)), catalog)
    assert await blobs.exists(file.blob_sha256)
    assert await catalog.files.known_blobs([file.blob_sha256]) == {file.blob_sha256}


async def test_bytes_that_are_removed_again_and_again_leave_no_record(catalog: Catalog, blobs: FolderBlobStore):
    with pytest.raises(StorageUnavailable, match="Upload the file again"):
        await store(SharedBytes(catalog=catalog, blobs=Snatching(blobs, ATTEMPTS)), catalog)
    assert (await catalog.files.list(owner="ann", paging=Paging())).items == ()


class Slow(FolderBlobStore):
    """A store that has the bytes in hand, and goes on in its thread when it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reached, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()

    def _store(self, file: Path, path: Path) -> None:
        content = file.read_bytes()
        self.reached.set()
        self.go_on.wait(10)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.ended.set()


@pytest.mark.parametrize("n_cancellations", [1, 2])
async def test_an_upload_that_is_cancelled_while_its_bytes_are_kept_leaves_none(catalog: Catalog, tmp_path: Path, n_cancellations: int):
    blobs = Slow(tmp_path / "blobs")
    await blobs.open()
    shared = SharedBytes(catalog=catalog, blobs=blobs)
    upload = asyncio.create_task(store(shared, catalog))
    await asyncio.to_thread(blobs.reached.wait, 10)
    for _ in range(n_cancellations):
        upload.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
    blobs.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await upload
    await asyncio.to_thread(blobs.ended.wait, 10)
    async with asyncio.timeout(5):
        while await collect(blobs.iterate()):
            await asyncio.sleep(0.01)
    assert (await catalog.files.list(owner="ann", paging=Paging())).items == ()


CONTENDER = """
import asyncio, sys
from pathlib import Path
from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.shared_bytes import SharedBytes
from serving.erasing import Eraser
from footnote.core.errors import CatalogUnavailable
from footnote.core.types import Caller

class NoPoints:
    async def count(self, *, version_id=None): return 0
    async def delete_versions(self, version_ids): pass
    async def purge(self, *, needed=None): return True

async def main(url, folder, owner):
    catalog, blobs = Catalog(url), FolderBlobStore(Path(folder))
    await blobs.open()
    shared = SharedBytes(catalog=catalog, blobs=blobs)
    eraser = Eraser(catalog=catalog, blobs=blobs, points=NoPoints())
    async def pieces():
        yield b"the same bytes"
    async def record(blob):
        return await catalog.files.create(
            owner=owner, filename="same.txt", purpose="assistants", blob_sha256=blob.sha256, size_bytes=blob.size_bytes, media_type=None
        )
    sys.stdin.readline()
    for _ in range(25):
        file = await shared.keep(pieces(), max_bytes=100, record=record)
        assert await blobs.exists(file.blob_sha256), "a file whose bytes are gone"
        while True:
            try:
                await eraser.erase(file.id, caller=Caller(owner=owner, principals=frozenset({owner})))
                break
            except CatalogUnavailable:  # two empty SQLite's write-ahead log at once
                continue
    await shared.keep(pieces(), max_bytes=100, record=record)
    await catalog.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_store_and_erase_the_same_bytes_never_lose_them(catalog: Catalog, catalog_url: str, tmp_path: Path):
    """Each stores and erases in turn, and looks after each upload whether its bytes are there; in the end each has stored them."""
    pipe = asyncio.subprocess.PIPE
    arguments = ["-c", CONTENDER, catalog_url, str(tmp_path / "blobs")]
    contenders = [
        await asyncio.create_subprocess_exec(sys.executable, *arguments, owner, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
        for owner in ("ann", "ben")
    ]
    outputs = await asyncio.gather(*(process.communicate(b"now\n") for process in contenders))
    assert [process.returncode for process in contenders] == [0, 0], b"\n".join(output for output, _ in outputs).decode()
    blobs = FolderBlobStore(tmp_path / "blobs")
    (sha256,) = await collect(blobs.iterate())
    assert b"".join(await collect(blobs.read(sha256))) == b"the same bytes"
    assert await catalog.files.known_blobs([sha256]) == {sha256}
