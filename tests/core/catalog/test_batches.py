"""Batches: many files by one write, all or none."""

import pytest
from sqlalchemy import event

from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.records import BatchRecord, FileCounts, FileRecord
from footnote.core.errors import AccessDenied, Conflict, InvalidInput, NotFound
from footnote.core.types import JobState
from tests.core.catalog.story import ANN, BEN, attach, caller, claim, collection, ingest, upload


async def batch_of(catalog: Catalog, sea: str, *files: FileRecord) -> BatchRecord:
    record, _ = await catalog.batches.create(sea, [NewAttachment(file.id) for file in files], caller=ANN)
    return record


async def counts(catalog: Catalog, batch: BatchRecord) -> FileCounts:
    return (await catalog.batches.get(batch.collection_id, batch.id, caller=ANN))[1].counts


async def test_the_files_of_a_batch_are_counted_listed_and_filtered(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog, text=str(number)) for number in range(4)]
    await attach(catalog, sea, await upload(catalog, text="not of the batch"))
    await ingest(catalog)
    batch = await batch_of(catalog, sea, *files)
    await ingest(catalog, text="0")
    _, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="x", message="x")
    assert await counts(catalog, batch) == FileCounts(in_progress=2, completed=1, failed=1)
    paging = Paging(limit=3, order="asc")
    first = await catalog.batches.list(sea, batch.id, caller=ANN, paging=paging)
    rest = await catalog.batches.list(sea, batch.id, caller=ANN, paging=Paging(order="asc", after=first.items[-1].file.id))
    assert [item.file.id for item in (*first.items, *rest.items)] == [file.id for file in files]
    assert (first.has_more, rest.has_more) == (True, False)
    failed = await catalog.batches.list(sea, batch.id, caller=ANN, paging=paging, state="failed")
    assert [item.file.id for item in failed.items] == [files[1].id]


async def test_a_batch_with_a_file_that_is_not_there_attaches_none(catalog: Catalog):
    sea, file, theirs = await collection(catalog), await upload(catalog), await upload(catalog, BEN)
    with pytest.raises(NotFound, match=theirs.id):
        await batch_of(catalog, sea, file, theirs)
    assert (await catalog.attachments.list(sea, caller=ANN, paging=Paging())).items == ()
    assert await catalog.jobs.n_open() == 0


async def test_two_thousand_files_take_a_handful_of_statements_and_equal_ones_are_read_once(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog, text=str(number % 1_000)) for number in range(2_000)]
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = catalog.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        batch = await batch_of(catalog, sea, *files)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert (await counts(catalog, batch)).in_progress == 2_000
    assert await catalog.jobs.n_open() == 1_000
    assert len(statements) < 60


async def test_a_file_named_twice_is_attached_once_unless_it_is_wanted_in_two_ways(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    assert await counts(catalog, await batch_of(catalog, sea, file, file)) == FileCounts(in_progress=1)
    with pytest.raises(InvalidInput, match="named twice"):
        await catalog.batches.create(sea, [NewAttachment(file.id), NewAttachment(file.id, attributes={"a": 1.0})], caller=ANN)


async def test_cancelling_ends_what_is_open_and_no_file_beside_it(catalog: Catalog):
    sea = await collection(catalog)
    done, under_way, waiting = [await upload(catalog, text=text) for text in ("done", "under way", "waiting")]
    batch = await batch_of(catalog, sea, done, under_way, await upload(catalog, text="waiting"), waiting)
    twin = await attach(catalog, sea, await upload(catalog, text="under way"))
    await ingest(catalog, text="done")
    _, lease = await claim(catalog)
    record, usage = await catalog.batches.cancel(sea, batch.id, caller=ANN)
    assert record.cancelled_at is not None
    assert usage.counts == FileCounts(completed=1, cancelled=3)
    assert await catalog.jobs.lost([lease]) == [lease]
    assert (await catalog.attachments.by_id(twin.id)).job.state == JobState.QUEUED
    assert (await catalog.batches.cancel(sea, batch.id, caller=ANN))[0] == record, "once more changes nothing"


async def test_a_batch_that_is_done_cannot_be_cancelled(catalog: Catalog):
    sea = await collection(catalog)
    batch = await batch_of(catalog, sea, await upload(catalog))
    await ingest(catalog)
    with pytest.raises(Conflict):
        await catalog.batches.cancel(sea, batch.id, caller=ANN)


async def test_a_batch_is_seen_by_readers_of_its_collection_and_cancelled_by_its_owner(catalog: Catalog):
    sea, lake = await collection(catalog, ANN, "divers"), await collection(catalog)
    hidden, open_file = await upload(catalog, text="hidden"), await upload(catalog, text="open")
    wanted = [NewAttachment(hidden.id, principals=frozenset({"pilots"})), NewAttachment(open_file.id)]
    batch, _ = await catalog.batches.create(sea, wanted, caller=ANN)
    diver = caller("ben", "divers")
    assert (await catalog.batches.get(sea, batch.id, caller=diver))[1].counts == FileCounts(in_progress=1)
    assert len((await catalog.batches.list(sea, batch.id, caller=diver, paging=Paging())).items) == 1
    with pytest.raises(AccessDenied):
        await catalog.batches.cancel(sea, batch.id, caller=diver)
    for stranger, place in ((BEN, sea), (ANN, lake)):
        with pytest.raises(NotFound):
            await catalog.batches.get(place, batch.id, caller=stranger)


async def test_a_collection_goes_with_its_batches(catalog: Catalog):
    sea = await collection(catalog)
    batch = await batch_of(catalog, sea, await upload(catalog))
    await catalog.collections.delete(sea, caller=ANN)
    with pytest.raises(NotFound):
        await catalog.batches.get(sea, batch.id, caller=ANN)
