"""Cancel, retry, process: what people may do to the reading of a file, and what searches see meanwhile."""

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import AccessDenied, AlreadyIngesting, Conflict
from footnote.core.types import JobState
from tests.core.catalog.story import ANN, BEN, attach, build, claim, collection, ingest, upload


async def test_what_is_cancelled_can_be_tried_again(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    job, lease = await claim(catalog)
    unfinished = await build(catalog, job, lease, text="Tides follow the moon.")
    cancelled = await catalog.attachments.cancel(sea, file.id, caller=ANN)
    assert (cancelled.job.state, await catalog.jobs.lost([lease])) == (JobState.CANCELLED, [lease])
    await catalog.versions.end_writing(lease)
    assert await catalog.versions.abandoned() == (unfinished,)
    again = await catalog.attachments.retry(sea, file.id, caller=ANN)
    assert (again.job.state, again.job.attempt) == (JobState.QUEUED, 0)
    assert again.job.id != job.id
    assert (await catalog.attachments.get(sea, file.id, caller=ANN)).job == again.job


async def test_what_is_processed_again_is_shown_until_the_new_version_is(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    version = await ingest(catalog)
    under_way = await catalog.attachments.process(sea, file.id, caller=ANN)
    assert (under_way.job.state, under_way.live_version_id) == (JobState.QUEUED, version)
    newer = await ingest(catalog)
    assert (await catalog.attachments.get(sea, file.id, caller=ANN)).live_version_id == newer != version


async def test_cancelling_a_second_reading_leaves_what_the_first_has_come_to(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    version = await ingest(catalog)
    before = await catalog.attachments.get(sea, file.id, caller=ANN)
    await catalog.attachments.process(sea, file.id, caller=ANN)
    job, lease = await claim(catalog)
    await build(catalog, job, lease, text="Tides follow the moon.")
    assert await catalog.attachments.cancel(sea, file.id, caller=ANN) == before
    assert (before.live_version_id, await catalog.jobs.n_open()) == (version, 0)


async def test_cancelling_a_twin_or_the_one_that_stands_for_it_leaves_the_other(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog) for _ in range(3)]
    for file in files:
        await attach(catalog, sea, file)
    for cancelled in (files[2], files[0]):
        assert (await catalog.attachments.cancel(sea, cancelled.id, caller=ANN)).job.state == JobState.CANCELLED
    version = await ingest(catalog)
    shown = [await catalog.attachments.get(sea, file.id, caller=ANN) for file in files]
    assert [found.live_version_id for found in shown] == [None, version, None]
    assert await catalog.jobs.n_open() == 0


async def test_what_does_not_fit_the_state_is_a_conflict(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    await attach(catalog, sea, file)
    for wrong in (catalog.attachments.retry, catalog.attachments.process):
        with pytest.raises(AlreadyIngesting, match="queued"):
            await wrong(sea, file.id, caller=ANN)
    await ingest(catalog)
    for wrong in (catalog.attachments.retry, catalog.attachments.cancel):
        with pytest.raises(Conflict, match="completed"):
            await wrong(sea, file.id, caller=ANN)
    assert await catalog.jobs.n_open() == 0


async def test_only_who_may_detach_a_file_may_stop_or_begin_its_reading(catalog: Catalog):
    file = await upload(catalog)
    await attach(catalog, "default", file)
    for refused in (catalog.attachments.cancel, catalog.attachments.retry, catalog.attachments.process):
        with pytest.raises(AccessDenied):
            await refused("default", file.id, caller=BEN)
