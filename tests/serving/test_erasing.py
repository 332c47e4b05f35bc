"""Erasing files on a real index and catalog: whatever cuts it off, and whoever else is at work, nothing of them is left in the end."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from footnote.core.blobs import FolderBlobStore, StoredBlob
from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.erasures import ErasureCounts
from footnote.core.catalog.jobs import JobLease
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import AttachmentRecord, FileRecord
from footnote.core.errors import Conflict, IndexUnavailable, NotFound, StorageUnavailable
from retrieval.index.edge import EdgeIndex
from retrieval.spaces import forget_versions
from serving import erasing
from serving.erasing import Eraser
from serving.expiry import Housekeeping, expire
from tests.core.catalog.story import ANN, attach, build, claim, collection, ingest
from tests.retrieval.index.points import RECIPE, point

N_POINTS = 3


class FragileIndex(EdgeIndex):
    """An index that fails once where it is told to."""

    fails_at: str | None = None
    n_purges = 0

    def _perhaps_fail(self, step: str) -> None:
        if self.fails_at == step:
            self.fails_at = None
            raise IndexUnavailable("The index is away.")

    async def count(self, access=None, *, version_id=None):
        self._perhaps_fail("count")
        return await super().count(access, version_id=version_id)

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        self._perhaps_fail("delete_versions")
        await super().delete_versions(version_ids)

    async def purge(self, *, needed: Collection[str] | None = None) -> bool:
        self._perhaps_fail("purge")
        self.n_purges += 1
        return await super().purge()


@dataclass
class Place:
    catalog: Catalog
    blobs: FolderBlobStore
    index: FragileIndex
    folder: Path

    def eraser(self) -> Eraser:
        return Eraser(catalog=self.catalog, blobs=self.blobs, points=self.index)

    async def store(self, text: str, **more: object) -> FileRecord:
        async def content() -> AsyncIterator[bytes]:
            yield text.encode()

        async with self.blobs.receive(content(), max_bytes=10**6) as received:
            await received.keep()
            sha256 = received.blob.sha256
        return await self.catalog.files.create(
            owner="ann", filename="a.txt", purpose="assistants", blob_sha256=sha256, size_bytes=len(text), media_type=None, **more
        )

    async def ingested(self, text: str, **more: object) -> tuple[FileRecord, AttachmentRecord]:
        file = await self.store(text, **more)
        attachment = await attach(self.catalog, await collection(self.catalog), file)
        await self.write_points(await ingest(self.catalog, text=text))
        return file, attachment

    async def write_points(self, version_id: str) -> None:
        await self.index.upsert([point(f"{version_id}-{n}", version=version_id) for n in range(N_POINTS)])

    async def is_gone(self, file: FileRecord) -> bool:
        with pytest.raises(NotFound):
            await self.catalog.files.get(file.id, owner="ann")
        return not await self.blobs.exists(file.blob_sha256)


@pytest.fixture
async def place(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Place]:
    blobs = FolderBlobStore(tmp_path / "blobs")
    await blobs.open()
    index = FragileIndex(tmp_path / "index", recipe=RECIPE)
    await index.open()
    yield Place(catalog, blobs, index, tmp_path)
    await index.close()


async def test_points_are_counted_before_and_after_and_those_of_others_stay(place: Place):
    file, _ = await place.ingested("The kestrel nests here.")
    other, _ = await place.ingested("Tides follow the moon.")
    receipt = await place.eraser().erase(file.id, caller=ANN)
    assert (receipt.before.points, receipt.after, receipt.purged) == (N_POINTS, ErasureCounts(), True)
    assert await place.is_gone(file)
    assert await place.index.count() == N_POINTS
    assert await place.blobs.exists(other.blob_sha256)


@pytest.mark.parametrize("step", ["count", "delete_versions", "purge", "erase_text", "remove_bytes", "scrub", "finish"])
async def test_what_was_cut_off_is_finished_by_the_next_process(place: Place, monkeypatch: pytest.MonkeyPatch, step: str):
    file, attachment = await place.ingested("The kestrel nests here.")

    async def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("Cut off.")

    places = {
        "erase_text": (place.catalog.erasures, "erase_text"),
        "remove_bytes": (place.blobs, "delete"),
        "scrub": (place.catalog.database, "scrub"),
        "finish": (place.catalog.erasures, "finish"),
    }
    with monkeypatch.context() as broken:
        if step in places:
            broken.setattr(*places[step], fails)
        else:
            place.index.fails_at = step
        with pytest.raises((StorageUnavailable, IndexUnavailable)):
            await place.eraser().erase(file.id, caller=ANN)
    with pytest.raises(NotFound):
        await place.catalog.attachments.get(attachment.collection_id, file.id, caller=ANN)
    assert [receipt.file_id for receipt in await place.catalog.erasures.unfinished()] == [file.id]

    assert await place.eraser().finish_begun() == 1
    receipt = await place.catalog.erasures.receipt(file.id, owner="ann")
    assert (receipt.state, receipt.before.points, receipt.before.chunks, receipt.after) == ("done", N_POINTS, 1, ErasureCounts())
    assert await place.is_gone(file)
    assert await place.index.count() == 0
    assert await place.eraser().finish_begun() == 0


async def test_the_text_goes_although_the_index_cannot_be_rewritten_now(place: Place):
    file, _ = await place.ingested("The kestrel nests here.")
    place.index.fails_at = "purge"
    with pytest.raises(IndexUnavailable):
        await place.eraser().erase(file.id, caller=ANN)
    assert await place.is_gone(file)
    assert (await place.catalog.erasures.receipt(file.id, owner="ann")).state == "erased"


async def test_points_that_a_worker_still_writes_are_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erasing, "POLL_S", 0.01)
    file = await place.store("The kestrel nests here.")
    await attach(place.catalog, await collection(place.catalog), file)
    job, lease = await claim(place.catalog)
    version = await build(place.catalog, job, lease, text="The kestrel nests here.")
    erasing_it = asyncio.create_task(place.eraser().erase(file.id, caller=ANN))
    await until(lambda: is_taken_away(place.catalog, lease))
    await place.write_points(version)  # the batch that was under way
    assert not erasing_it.done()
    await forget_versions(await place.catalog.versions.abandoned(), catalog=place.catalog, index=place.index)  # somebody else's tidying
    assert await place.catalog.erasures.has_version([version])
    await place.catalog.versions.end_writing(lease)  # as a worker does that has lost its job
    await place.catalog.versions.forget([version])
    receipt = await erasing_it
    assert (receipt.after, await place.index.count()) == (ErasureCounts(), 0)


async def test_a_worker_that_was_killed_is_waited_for_until_its_lease_ends(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erasing, "POLL_S", 0.01)
    file = await place.store("The kestrel nests here.")
    await attach(place.catalog, await collection(place.catalog), file)
    job, lease = await claim(place.catalog, lease_s=0.3)
    await build(place.catalog, job, lease, text="The kestrel nests here.")
    ends = now() + timedelta(seconds=0.25)
    await place.eraser().erase(file.id, caller=ANN)
    assert now() >= ends


async def test_a_file_that_is_attached_in_the_middle_is_erased_all_the_same(place: Place):
    file, _ = await place.ingested("The kestrel nests here.")
    sea = await collection(place.catalog)
    purge = place.index.purge

    async def attach_and_purge(**_: object) -> bool:
        if place.index.n_purges == 0:
            await attach(place.catalog, sea, file)
        return await purge()

    place.index.purge = attach_and_purge  # type: ignore[method-assign]
    receipt = await place.eraser().erase(file.id, caller=ANN)
    assert receipt.before.attachments == 2
    assert await place.is_gone(file)


async def test_who_goes_on_attaching_it_is_told(place: Place):
    file, _ = await place.ingested("The kestrel nests here.")
    sea = await collection(place.catalog)
    purge = place.index.purge

    async def attach_and_purge(**_: object) -> bool:
        await attach(place.catalog, sea, file)
        return await purge()

    place.index.purge = attach_and_purge  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="again and again"):
        await place.eraser().erase(file.id, caller=ANN)


# ----------------------------------------------------------------------------------------------------------------------------- expiry


async def test_files_whose_time_has_come_are_erased_and_the_index_is_rewritten_once(place: Place):
    past, future = now() - timedelta(seconds=1), now() + timedelta(days=1)
    due = [(await place.ingested(f"Number {n}.", expires_at=past))[0] for n in range(3)]
    later, _ = await place.ingested("Later.", expires_at=future)
    never, _ = await place.ingested("Never.")
    assert await expire(place.catalog, eraser=place.eraser(), points=place.index) == (3, 0)
    assert [await place.is_gone(file) for file in due] == [True] * 3
    assert [(await place.catalog.erasures.receipt(file.id, owner="ann")).state for file in due] == ["done"] * 3
    assert (place.index.n_purges, await place.index.count()) == (1, 2 * N_POINTS)
    for file in (later, never):
        assert await place.catalog.files.get(file.id, owner="ann") == file
    assert await expire(place.catalog, eraser=place.eraser(), points=place.index) == (0, 0)


async def test_a_collection_that_nobody_uses_is_emptied_and_its_files_stay(place: Place):
    file, attachment = await place.ingested("The kestrel nests here.")
    await let_expire(place.catalog, attachment.collection_id)
    other, _ = await place.ingested("Tides follow the moon.")
    assert await expire(place.catalog, eraser=place.eraser(), points=place.index) == (0, 1)
    assert await place.index.count() == N_POINTS
    assert await place.catalog.expiring.collections() == ()
    record = await place.catalog.collections.get(attachment.collection_id, caller=ANN)
    assert record.expires_at is not None
    assert record.expires_at < now()
    for kept in (file, other):
        assert await place.catalog.files.get(kept.id, owner="ann") == kept


async def test_housekeeping_finishes_and_lets_expire_when_a_process_starts(place: Place):
    begun, _ = await place.ingested("The kestrel nests here.")
    due, _ = await place.ingested("Tides follow the moon.", expires_at=now())
    await place.catalog.erasures.begin(begun.id, owner="ann")
    housekeeping = Housekeeping(place.catalog, eraser=place.eraser(), points=place.index, blobs=place.blobs)
    housekeeping.start()
    try:
        await until(lambda: both_done(place.catalog, begun, due))
    finally:
        await housekeeping.stop()
    assert await place.index.count() == 0


async def test_housekeeping_removes_the_parts_of_uploads_that_were_never_finished(place: Place):
    file = await place.store("Half a protocol.")
    late, going_on = [
        await place.catalog.uploads.create(
            owner="ann", filename="a.txt", purpose="assistants", size_bytes=100, lives_s=3_600, file_expires_after_s=None
        )
        for _ in range(2)
    ]
    part = StoredBlob(sha256=file.blob_sha256, size_bytes=file.size_bytes)
    await place.catalog.uploads.add_part(late.id, part, owner="ann")
    await place.eraser().erase(file.id, caller=ANN)
    assert await place.blobs.exists(file.blob_sha256), "the upload still refers to them"
    async with place.catalog.database.write() as session:
        (await session.get_one(schema.Upload, late.id)).expires_at = now()
    housekeeping = Housekeeping(place.catalog, eraser=place.eraser(), points=place.index, blobs=place.blobs)
    housekeeping.start()
    try:
        await until(lambda: is_removed(place, file.blob_sha256))
    finally:
        await housekeeping.stop()
    assert (await place.catalog.uploads.require_pending(going_on.id, owner="ann")).id == going_on.id


async def is_removed(place: Place, sha256: str) -> bool:
    return not await place.blobs.exists(sha256)


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def is_taken_away(catalog: Catalog, lease: JobLease) -> bool:
    try:
        await catalog.jobs.get(lease.job_id)
    except NotFound:
        return True
    return False


async def both_done(catalog: Catalog, *files: FileRecord) -> bool:
    try:
        return all([(await catalog.erasures.receipt(file.id, owner="ann")).state == "done" for file in files])
    except NotFound:
        return False


async def let_expire(catalog: Catalog, collection_id: str) -> None:
    async with catalog.database.write() as session:
        row = await session.get_one(schema.Collection, collection_id)
        row.expires_after_days, row.last_active_at = 3, now() - timedelta(days=3, seconds=1)
