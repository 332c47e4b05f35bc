"""Points follow the catalog, also when two changes reach the index in another order than the catalog."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.errors import IndexUnavailable
from footnote.core.types import Attributes
from serving.erasing import Eraser
from serving.expiry import Housekeeping
from serving.points import IN_FLIGHT_S, follow_attributes, follow_left_changes
from tests.core.catalog.story import ANN, attach, collection, ingest, upload


class Payloads:
    """The index's door: what was written last, and writes that wait until they are let go."""

    def __init__(self) -> None:
        self.held: dict[str, Attributes] = {}
        self.gates: list[asyncio.Event] = []
        self.waiting = asyncio.Event()
        self.written = asyncio.Event()
        self.away: set[str] = set()

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        if self.gates:
            gate = self.gates.pop(0)
            self.waiting.set()
            await gate.wait()
        if attachment_id in self.away:
            raise IndexUnavailable("The index is away.")
        self.held[attachment_id] = attributes
        self.written.set()

    async def count(self, *, version_id: str | None = None) -> int:
        raise AssertionError(version_id)

    async def delete_versions(self, version_ids: object) -> None:
        raise AssertionError(version_ids)

    async def purge(self, *, needed: object = None) -> bool:
        raise AssertionError(needed)


async def test_of_two_changes_the_one_that_the_catalog_has_stays_in_the_index(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    index, gate = Payloads(), asyncio.Event()
    index.gates = [gate]
    first = await catalog.attachments.set_attributes(sea, file.id, {"year": 2023.0}, caller=ANN)
    slow = asyncio.create_task(follow_attributes(first, catalog=catalog, index=index))
    await index.waiting.wait()
    second = await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    await follow_attributes(second, catalog=catalog, index=index)
    gate.set()
    assert (await slow).attributes == {"year": 2024.0}
    assert index.held == {attachment.id: {"year": 2024.0}}


async def test_points_that_were_taken_over_are_changed_too(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog) for _ in range(2)]
    ids = [(await attach(catalog, sea, file)).id for file in files]
    await ingest(catalog)
    await catalog.attachments.detach(sea, files[0].id, caller=ANN)
    index = Payloads()
    changed = await catalog.attachments.set_attributes(sea, files[1].id, {"year": 2024.0}, caller=ANN)
    await follow_attributes(changed, catalog=catalog, index=index)
    assert index.held == {attachment_id: {"year": 2024.0} for attachment_id in ids}


async def test_what_is_detached_meanwhile_is_left(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    changed = await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    await catalog.attachments.detach(sea, file.id, caller=ANN)
    await follow_attributes(changed, catalog=catalog, index=Payloads())
    assert await catalog.attachments.changes() == ()


async def test_a_change_that_the_index_did_not_take_is_noted_until_it_has(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    index = Payloads()
    index.away = {attachment.id}
    changed = await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    with pytest.raises(IndexUnavailable):
        await follow_attributes(changed, catalog=catalog, index=index)
    assert [change.attachment_id for change in await catalog.attachments.changes()] == [attachment.id]
    index.away = set()
    assert await follow_left_changes(catalog, index=index, in_flight_s=0) == 1
    assert index.held == {attachment.id: {"year": 2024.0}}
    assert await catalog.attachments.changes() == ()


async def test_a_change_that_the_index_shows_leaves_no_note(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    changed = await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    await follow_attributes(changed, catalog=catalog, index=Payloads())
    assert await catalog.attachments.changes() == ()


async def test_a_young_change_is_written_and_stays_noted_as_whoever_made_it_may_still_write(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    index = Payloads()
    await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    assert await follow_left_changes(catalog, index=index) == 1
    assert index.held == {attachment.id: {"year": 2024.0}}
    assert len(await catalog.attachments.changes()) == 1
    async with catalog.database.write() as session:
        (change,) = await catalog.attachments.changes()
        (await session.get_one(schema.AttributeChange, change.id)).created_at = now() - timedelta(seconds=IN_FLIGHT_S)
    assert await follow_left_changes(catalog, index=index) == 1
    assert await follow_left_changes(catalog, index=index) == 0


async def test_one_whose_points_cannot_be_written_keeps_no_other_waiting(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog, text=f"Tide {n}.") for n in range(2)]
    ids = [(await attach(catalog, sea, file)).id for file in files]
    for file in files:
        await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)
    index = Payloads()
    index.away = {ids[0]}
    with pytest.raises(IndexUnavailable):
        await follow_left_changes(catalog, index=index, in_flight_s=0)
    assert index.held == {ids[1]: {"year": 2024.0}}
    assert [change.attachment_id for change in await catalog.attachments.changes()] == [ids[0]]


async def test_a_change_goes_with_the_points_to_the_twin_that_takes_them_over(catalog: Catalog):
    sea = await collection(catalog)
    first, second = [await upload(catalog) for _ in range(2)]
    former = await attach(catalog, sea, first)
    await ingest(catalog)
    await catalog.attachments.set_attributes(sea, first.id, {"year": 2024.0}, caller=ANN)
    heir = await attach(catalog, sea, second, attributes={"year": 2024.0})
    await catalog.attachments.detach(sea, first.id, caller=ANN)
    index = Payloads()
    assert await follow_left_changes(catalog, index=index, in_flight_s=0) == 1
    assert index.held == {each: {"year": 2024.0} for each in (former.id, heir.id)}


async def test_housekeeping_lets_the_index_follow_what_a_killed_process_has_left(catalog: Catalog, tmp_path: Path):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    await catalog.attachments.set_attributes(sea, file.id, {"year": 2024.0}, caller=ANN)  # killed here, before the index was written to
    index, blobs = Payloads(), FolderBlobStore(tmp_path / "blobs")
    housekeeping = Housekeeping(catalog, eraser=Eraser(catalog=catalog, blobs=blobs, points=index), points=index, blobs=blobs)
    housekeeping.start()
    try:
        async with asyncio.timeout(20):
            await index.written.wait()
    finally:
        await housekeeping.stop()
    assert index.held == {attachment.id: {"year": 2024.0}}
