"""Versions that are given up while a worker builds them: nobody forgets them before their last points can have been written."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import AttachmentRecord
from tests.core.catalog.story import ANN, attach, build, claim, collection, upload, view


async def detached(catalog: Catalog, attachment: AttachmentRecord) -> None:
    await catalog.attachments.detach(attachment.collection_id, attachment.file.id, caller=ANN)


async def deleted(catalog: Catalog, attachment: AttachmentRecord) -> None:
    await catalog.collections.delete(attachment.collection_id, caller=ANN)


async def cancelled(catalog: Catalog, attachment: AttachmentRecord) -> None:
    await catalog.jobs.cancel(attachment.job.id)


async def erased(catalog: Catalog, attachment: AttachmentRecord) -> None:
    erasure = await catalog.erasures.begin(attachment.file.id, owner="ann")
    assert set(erasure.at_work) == set(erasure.versions)


async def cancelled_and_detached(catalog: Catalog, attachment: AttachmentRecord) -> None:
    await cancelled(catalog, attachment)
    await detached(catalog, attachment)


GIVING_UP = [detached, deleted, cancelled, erased, cancelled_and_detached]


async def being_built(catalog: Catalog) -> tuple[AttachmentRecord, JobLease, str]:
    attachment = await attach(catalog, await collection(catalog), await upload(catalog))
    job, lease = await claim(catalog)
    return attachment, lease, await build(catalog, job, lease, text="Tides follow the moon.")


async def is_known(catalog: Catalog, version: str) -> bool:
    """Whether it is in the catalog, and hidden."""
    return version in (await view(catalog)).hidden


@pytest.mark.parametrize("give_up", GIVING_UP)
async def test_nobody_forgets_what_may_still_be_written_until_its_worker_says_that_it_has_ended(
    catalog: Catalog, give_up: Callable[[Catalog, AttachmentRecord], Awaitable[None]]
):
    attachment, lease, version = await being_built(catalog)
    await give_up(catalog, attachment)
    await catalog.versions.forget([version])
    assert (await catalog.versions.abandoned(), await is_known(catalog, version)) == ((), True)
    another = JobLease(job_id=lease.job_id, worker_id="worker-0", fencing_token=lease.fencing_token - 1)
    await catalog.versions.end_writing(another)
    assert await catalog.versions.abandoned() == (), "an earlier holder of the job cannot speak for this one"
    await catalog.versions.end_writing(lease)
    assert await catalog.versions.abandoned() == (version,)
    await catalog.versions.forget([version])
    assert not await is_known(catalog, version)


async def test_what_a_killed_worker_may_have_written_is_forgotten_when_its_lease_has_ended(catalog: Catalog):
    attachment, _, version = await being_built(catalog)
    await detached(catalog, attachment)
    assert await catalog.versions.abandoned() == ()
    async with catalog.database.write() as session:  # the time passes
        await session.execute(update(schema.Version).values(written_until=now() - timedelta(seconds=1)))
    assert await catalog.versions.abandoned() == (version,)


async def test_a_start_that_finds_no_worker_alive_waits_for_none(catalog: Catalog):
    attachment, _, version = await being_built(catalog)
    await detached(catalog, attachment)
    await catalog.jobs.release_all()
    assert await catalog.versions.abandoned() == (version,)


async def test_what_nobody_works_on_is_forgotten_at_once(catalog: Catalog):
    attachment, lease, version = await being_built(catalog)
    await catalog.jobs.retry_later(lease, delay_s=0, code="x", message="x")
    await detached(catalog, attachment)
    assert await catalog.versions.abandoned() == (version,)
