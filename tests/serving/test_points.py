"""Points follow the catalog, also when two changes reach the index in another order than the catalog."""

import asyncio

from footnote.core.catalog.catalog import Catalog
from footnote.core.types import Attributes
from serving.points import follow_attributes
from tests.core.catalog.story import ANN, attach, collection, ingest, upload


class Payloads:
    """The index's door: what was written last, and writes that wait until they are let go."""

    def __init__(self) -> None:
        self.held: dict[str, Attributes] = {}
        self.gates: list[asyncio.Event] = []
        self.waiting = asyncio.Event()

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        if self.gates:
            gate = self.gates.pop(0)
            self.waiting.set()
            await gate.wait()
        self.held[attachment_id] = attributes

    async def delete_versions(self, version_ids: object) -> None:
        raise AssertionError(version_ids)


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
