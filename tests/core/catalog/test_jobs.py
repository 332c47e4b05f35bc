"""Jobs: one worker at a time, and whoever lost a job writes nothing more for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease, LeaseLost
from footnote.core.errors import NotFound
from footnote.core.types import JobState
from tests.core.catalog.story import MAX_ATTEMPTS, attach, build, claim, collection, document, upload, view

EXPIRED_S = -1.0


async def queue(catalog: Catalog, n: int = 1) -> list[str]:
    sea = await collection(catalog)
    return [(await attach(catalog, sea, await upload(catalog, text=str(number)))).job.id for number in range(n)]


async def test_the_oldest_job_is_taken_first_and_each_by_one_worker(catalog: Catalog):
    queued = await queue(catalog, 3)
    taken = [await claim(catalog, worker_id=f"worker-{number}") for number in range(3)]
    assert [job.id for job, _ in taken] == queued
    assert await catalog.jobs.claim(worker_id="late", lease_s=60, max_attempts=MAX_ATTEMPTS) is None
    job, lease = taken[0]
    assert (job.state, job.attempt, job.fencing_token) == (JobState.PARSING, 1, 1)
    assert lease == JobLease(job_id=job.id, worker_id="worker-0", fencing_token=1)
    assert job.started_at >= job.created_at


async def test_workers_that_claim_at_the_same_moment_get_different_jobs(catalog: Catalog):
    queued = await queue(catalog, 8)
    at_once = (catalog.jobs.claim(worker_id=str(number), lease_s=60, max_attempts=MAX_ATTEMPTS) for number in range(12))
    claimed = await asyncio.gather(*at_once)
    assert sorted(job.id for job, _ in filter(None, claimed)) == queued


async def test_a_lease_that_ran_out_goes_to_another_worker(catalog: Catalog):
    await queue(catalog)
    first, _ = await claim(catalog, lease_s=EXPIRED_S)
    second, lease = await claim(catalog, worker_id="worker-2")
    assert second.id == first.id
    assert second.attempt == 2
    assert lease.fencing_token > first.fencing_token
    assert second.started_at == first.started_at


async def test_a_lease_that_is_renewed_stays(catalog: Catalog):
    await queue(catalog)
    _, lease = await claim(catalog, lease_s=EXPIRED_S)
    await catalog.jobs.renew(lease, lease_s=60)
    assert await catalog.jobs.claim(worker_id="worker-2", lease_s=60, max_attempts=MAX_ATTEMPTS) is None


async def test_progress_adds_up(catalog: Catalog):
    await queue(catalog)
    job, lease = await claim(catalog)
    await catalog.jobs.advance(lease, JobState.CLEANING, counts={"pages": 3}, seconds={"parse": 0.5})
    await catalog.jobs.advance(lease, JobState.CHUNKING, counts={"chunks": 9}, seconds={"clean": 0.1})
    found = await catalog.jobs.get(job.id)
    assert (found.state, found.counts) == (JobState.CHUNKING, {"pages": 3, "chunks": 9})
    assert found.step_seconds == {"parse": 0.5, "clean": 0.1}


async def test_a_job_that_failed_says_why_and_is_not_taken_again(catalog: Catalog):
    await queue(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text="Tides")
    await catalog.jobs.fail(lease, code="unreadable", message="It is encrypted.")
    found = await catalog.jobs.get(job.id)
    assert (found.state, found.error_code, found.error_message) == (JobState.FAILED, "unreadable", "It is encrypted.")
    assert found.finished_at is not None
    assert await catalog.jobs.claim(worker_id="worker-2", lease_s=60, max_attempts=MAX_ATTEMPTS) is None
    assert await catalog.versions.abandoned() == (version,)


async def test_a_job_that_is_to_be_tried_later_waits_until_then(catalog: Catalog):
    await queue(catalog)
    job, lease = await claim(catalog)
    await catalog.jobs.retry_later(lease, delay_s=3600, code="model_unavailable", message="It is down.")
    assert (await catalog.jobs.get(job.id)).error_code == "model_unavailable"
    assert await catalog.jobs.claim(worker_id="worker-2", lease_s=60, max_attempts=MAX_ATTEMPTS) is None
    (other,) = await queue(catalog)
    taken, lease = await claim(catalog)
    assert taken.id == other
    await catalog.jobs.retry_later(lease, delay_s=0, code="model_unavailable", message="It is down.")
    assert (await claim(catalog))[0].id == other


async def test_cancelling_ends_a_job_once(catalog: Catalog):
    waiting, running = await queue(catalog, 2)
    await catalog.jobs.cancel(waiting)
    job, lease = await claim(catalog)
    assert job.id == running
    version = await build(catalog, job, lease, text="Tides")
    cancelled = await catalog.jobs.cancel(running)
    assert (cancelled.state, cancelled.finished_at is not None) == (JobState.CANCELLED, True)
    await catalog.versions.end_writing(lease)
    assert await catalog.versions.abandoned() == (version,)
    assert await catalog.jobs.cancel(running) == cancelled
    assert await catalog.jobs.n_open() == 0


async def test_a_job_that_is_done_cannot_be_cancelled(catalog: Catalog):
    await queue(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text="Tides")
    await catalog.versions.publish(version, n_points=1, lease=lease)
    assert (await catalog.jobs.cancel(job.id)).state == JobState.COMPLETED
    assert (await view(catalog)).hidden == frozenset()


async def test_what_is_not_there_is_not_found(catalog: Catalog):
    for attempt in (catalog.jobs.get("job_none"), catalog.jobs.cancel("job_none")):
        with pytest.raises(NotFound):
            await attempt


# --------------------------------------------------------------------------------------------------------------------- late writes


async def lose_to_another(catalog: Catalog, lease: JobLease) -> None:
    await catalog.jobs.renew(lease, lease_s=EXPIRED_S)
    await claim(catalog, worker_id="worker-2")


async def lose_by_cancelling(catalog: Catalog, lease: JobLease) -> None:
    await catalog.jobs.cancel(lease.job_id)


async def lose_by_detaching(catalog: Catalog, lease: JobLease) -> None:
    attachment = await catalog.attachments.by_id((await catalog.jobs.get(lease.job_id)).attachment_id)
    await catalog.attachments.detach_everywhere(attachment.file.id)


async def lose_by_stopping(catalog: Catalog, lease: JobLease) -> None:
    await catalog.jobs.release_all(worker_id=lease.worker_id)


async def lose_by_giving_back(catalog: Catalog, lease: JobLease) -> None:
    await catalog.jobs.retry_later(lease, delay_s=0, code="x", message="x")


async def lose_by_failing(catalog: Catalog, lease: JobLease) -> None:
    await catalog.jobs.fail(lease, code="x", message="x")


@pytest.mark.parametrize(
    "lose", [lose_to_another, lose_by_cancelling, lose_by_detaching, lose_by_stopping, lose_by_giving_back, lose_by_failing]
)
async def test_every_write_of_a_worker_that_lost_the_job_is_refused(catalog: Catalog, lose: Callable[[Catalog, JobLease], Awaitable[None]]):
    await queue(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text="Tides")
    attachment_id = job.attachment_id
    await lose(catalog, lease)
    writes = (
        lambda: catalog.jobs.renew(lease, lease_s=60),
        lambda: catalog.jobs.advance(lease, JobState.WRITING),
        lambda: catalog.jobs.fail(lease, code="x", message="x"),
        lambda: catalog.jobs.retry_later(lease, delay_s=0, code="x", message="x"),
        lambda: catalog.versions.store_document(document("x"), owner="ann", blob_sha256="0" * 64, parser="p", lease=lease),
        lambda: catalog.versions.begin(
            attachment_id=attachment_id, document_id="doc_1", content_sha256="0", recipe={}, recipe_sha256="0", lease=lease
        ),
        lambda: catalog.versions.store_chunks(version, [], lease=lease),
        lambda: catalog.versions.publish(version, n_points=1, lease=lease),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            await write()
    assert version in (await view(catalog)).hidden


async def test_stopping_puts_back_what_this_worker_holds_alone(catalog: Catalog):
    mine, theirs = await queue(catalog, 2)
    await claim(catalog, worker_id="worker-1")
    await claim(catalog, worker_id="worker-2")
    await catalog.jobs.release_all(worker_id="worker-1")
    assert ((await catalog.jobs.get(mine)).state, (await catalog.jobs.get(theirs)).state) == (JobState.QUEUED, JobState.PARSING)
    await catalog.jobs.release_all()
    assert (await catalog.jobs.get(theirs)).state == JobState.QUEUED


async def test_a_job_that_is_cut_off_in_every_attempt_fails_and_the_next_one_is_taken(catalog: Catalog):
    deadly, harmless = await queue(catalog, 2)
    for attempt in range(MAX_ATTEMPTS):
        job, lease = await claim(catalog)
        assert (job.id, job.attempt) == (deadly, attempt + 1)
        version = await build(catalog, job, lease, text="Tides")
        await catalog.jobs.release_all()  # as the next start does, when none of the workers before it lives
    assert (await claim(catalog))[0].id == harmless
    failed = await catalog.jobs.get(deadly)
    assert (failed.state, failed.attempt, failed.error_code) == (JobState.FAILED, MAX_ATTEMPTS, "server_error")
    assert failed.error_message is not None
    assert "went down" in failed.error_message
    assert await catalog.versions.abandoned() == (version,)


async def test_stopping_as_one_should_uses_up_no_attempt(catalog: Catalog):
    (queued,) = await queue(catalog)
    for _ in range(MAX_ATTEMPTS + 1):
        job, lease = await claim(catalog)
        assert (job.id, job.attempt) == (queued, 1)
        await catalog.jobs.release_all(worker_id=lease.worker_id)


async def test_another_attempt_goes_on_with_the_version_of_the_first_when_its_recipe_is_the_same(catalog: Catalog):
    await queue(catalog)
    job, lease = await claim(catalog, lease_s=EXPIRED_S)
    first = await build(catalog, job, lease, text="Tides")
    job, lease = await claim(catalog, lease_s=EXPIRED_S)
    assert await build(catalog, job, lease, text="Tides") == first
    job, lease = await claim(catalog)
    other = await build(catalog, job, lease, text="Tides", recipe="recipe-2")
    assert other != first
    assert await catalog.versions.abandoned() == (first,), "nobody goes on with it: its points have to leave the index"


async def test_a_worker_that_took_a_job_again_keeps_it_whatever_lease_it_had_before(catalog: Catalog):
    await queue(catalog)
    _, lost = await claim(catalog)
    await catalog.jobs.give_back(lost)
    _, held = await claim(catalog)
    for leases in ([lost, held], [held, lost]):
        assert await catalog.jobs.renew_all(leases, lease_s=60) == [lost]
