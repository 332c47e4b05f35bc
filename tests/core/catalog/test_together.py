"""Several writes in one transaction: each whole or not at all, and none committed when the database fails."""

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.errors import CatalogUnavailable
from footnote.core.types import JobState
from tests.core.catalog.story import attach, build, claim, collection, upload


async def test_one_write_that_is_refused_leaves_the_others_whole(catalog: Catalog):
    sea = await collection(catalog)
    for text in ("Tides", "Waves"):
        await attach(catalog, sea, await upload(catalog, text=text))
    (kept, one), (lost, other) = await claim(catalog), await claim(catalog)
    versions = [await build(catalog, kept, one, text="Tides"), await build(catalog, lost, other, text="Waves")]
    await catalog.jobs.cancel(lost.id)
    outcomes = await catalog.database.together(
        [
            lambda: catalog.versions.publish(versions[1], n_points=1, lease=other),
            lambda: catalog.versions.publish(versions[0], n_points=1, lease=one),
        ]
    )
    assert isinstance(outcomes[0], LeaseLost)
    assert outcomes[1] == ()
    assert (await catalog.jobs.get(kept.id)).state is JobState.COMPLETED
    assert (await catalog.jobs.get(lost.id)).state is JobState.CANCELLED


async def test_a_write_that_breaks_off_halfway_leaves_nothing_of_itself(catalog: Catalog):
    async def half() -> None:
        async with catalog.database.write():
            await catalog.leases.take("half", holder="a", ttl_s=60)
            raise ValueError("in the middle")

    outcomes = await catalog.database.together([half, lambda: catalog.leases.take("whole", holder="a", ttl_s=60)])
    assert isinstance(outcomes[0], ValueError)
    assert outcomes[1] is True
    assert await catalog.leases.take("half", holder="b", ttl_s=60), "what was begun is undone"
    assert not await catalog.leases.take("whole", holder="b", ttl_s=60)


async def test_nothing_is_committed_where_the_database_fails(catalog: Catalog):
    async def fail() -> None:
        raise CatalogUnavailable("The disk is gone.")

    with pytest.raises(CatalogUnavailable):
        await catalog.database.together([lambda: catalog.leases.take("first", holder="a", ttl_s=60), fail])
    assert await catalog.leases.take("first", holder="b", ttl_s=60)
