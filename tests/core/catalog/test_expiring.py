"""Expired collections are seen, and neither searched nor added to; a new expiry brings one back."""

from datetime import timedelta

import pytest

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.errors import Conflict
from tests.core.catalog.story import ANN, attach, collection, upload


async def let_expire(catalog: Catalog, collection_id: str) -> None:
    async with catalog.database.write() as session:
        row = await session.get_one(schema.Collection, collection_id)
        row.expires_after_days, row.last_active_at = 3, now() - timedelta(days=3, seconds=1)


async def test_an_expired_collection_is_shown_and_not_searched(catalog: Catalog):
    old, young = await collection(catalog, name="old"), await collection(catalog, name="young")
    await let_expire(catalog, old)
    assert (await catalog.collections.get(old, caller=ANN)).name == "old"
    assert old not in {each.id for each in await catalog.collections.readable(None, caller=ANN)}
    assert [each.id for each in await catalog.collections.readable([young], caller=ANN)] == [young]
    with pytest.raises(Conflict, match="expired on"):
        await catalog.collections.readable([young, old], caller=ANN)


async def test_nothing_is_attached_to_an_expired_collection_until_it_gets_another_expiry(catalog: Catalog):
    old = await collection(catalog)
    file = await upload(catalog)
    await let_expire(catalog, old)
    with pytest.raises(Conflict, match="another expires_after"):
        await attach(catalog, old, file)
    await catalog.collections.update(old, caller=ANN, name="still old")
    with pytest.raises(Conflict):
        await attach(catalog, old, file)
    revived = await catalog.collections.update(old, caller=ANN, expires_after_days=5)
    assert revived.expires_at is not None
    assert revived.expires_at > now() + timedelta(days=4)
    await attach(catalog, old, file)


async def test_a_collection_that_is_used_in_the_last_moment_keeps_its_files(catalog: Catalog):
    sea = await collection(catalog)
    await attach(catalog, sea, await upload(catalog))
    await let_expire(catalog, sea)
    assert await catalog.expiring.collections() == (sea,)
    await catalog.collections.touch([sea])
    assert await catalog.expiring.empty(sea) == ()
    assert await catalog.expiring.collections() == ()


async def test_use_is_not_noted_at_each_question(catalog: Catalog):
    sea = await collection(catalog)
    before = (await catalog.collections.get(sea, caller=ANN)).last_active_at
    await catalog.collections.touch([sea], older_than_s=60)
    assert (await catalog.collections.get(sea, caller=ANN)).last_active_at == before
    await catalog.collections.touch([sea], older_than_s=0.000001)
    assert (await catalog.collections.get(sea, caller=ANN)).last_active_at > before
