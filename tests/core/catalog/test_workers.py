"""Heartbeats, leases by name, and what is put back of a worker that is dead."""

import asyncio

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import Note
from footnote.core.types import JobState
from tests.core.catalog.story import MAX_ATTEMPTS, attach, claim, collection, upload

EXPIRED_S = -1.0


async def beat(catalog: Catalog, worker_id: str = "worker-1") -> None:
    await catalog.workers.beat(worker_id=worker_id, host="here", process_id=7, application_version="1.2")


async def queue(catalog: Catalog, n: int) -> list[str]:
    sea = await collection(catalog)
    return [(await attach(catalog, sea, await upload(catalog, text=str(number)))).job.id for number in range(n)]


async def test_a_worker_is_known_by_its_heartbeat(catalog: Catalog):
    await beat(catalog)
    (first,) = await catalog.workers.all()
    assert (first.id, first.host, first.process_id, first.application_version) == ("worker-1", "here", 7, "1.2")
    await beat(catalog)
    (second,) = await catalog.workers.all()
    assert (second.started_at, second.heartbeat_at > first.heartbeat_at) == (first.started_at, True)


async def test_who_is_silent_is_dead_and_who_was_taken_for_dead_comes_back(catalog: Catalog):
    await beat(catalog)
    assert await catalog.workers.dead(silent_s=60) == ()
    assert await catalog.workers.dead(silent_s=EXPIRED_S) == ("worker-1",)
    await catalog.workers.remove(["worker-1"])
    assert await catalog.workers.all() == ()
    await beat(catalog)
    assert [worker.id for worker in await catalog.workers.all()] == ["worker-1"]


async def test_a_lease_is_one_holders_until_it_ends_or_is_given_up(catalog: Catalog):
    assert await catalog.leases.take("sweep", holder="a", ttl_s=60)
    assert not await catalog.leases.take("sweep", holder="b", ttl_s=60)
    assert await catalog.leases.take("sweep", holder="a", ttl_s=EXPIRED_S)
    assert await catalog.leases.take("sweep", holder="b", ttl_s=60)
    await catalog.leases.let_go("sweep", holder="a")
    assert not await catalog.leases.take("sweep", holder="a", ttl_s=60)
    await catalog.leases.let_go("sweep", holder="b")
    assert await catalog.leases.take("sweep", holder="a", ttl_s=60)


async def test_of_many_that_want_a_new_lease_at_once_one_has_it(catalog: Catalog):
    taken = await asyncio.gather(*(catalog.leases.take("sweep", holder=str(number), ttl_s=60) for number in range(8)))
    assert sum(taken) == 1


async def test_what_a_dead_worker_held_is_put_back_before_its_lease_ends_and_nothing_else_is(catalog: Catalog):
    first, second, third = await queue(catalog, 3)
    await claim(catalog, "dead")
    await claim(catalog, "alive")
    await claim(catalog, "late", lease_s=EXPIRED_S)
    assert await catalog.jobs.put_back_lapsed(dead_workers=["dead"]) == 2
    states = [(await catalog.jobs.get(job)).state for job in (first, second, third)]
    assert states == [JobState.QUEUED, JobState.PARSING, JobState.QUEUED]


async def test_a_worker_that_renews_late_does_not_take_its_jobs_from_itself(catalog: Catalog):
    await queue(catalog, 1)
    job, lease = await claim(catalog, lease_s=EXPIRED_S)
    assert await catalog.jobs.put_back_lapsed(in_hand=[job.id]) == 0
    assert await catalog.jobs.claim_many(worker_id="worker-1", lease_s=60, max_attempts=MAX_ATTEMPTS, n=1, in_hand=[job.id]) == []
    assert await catalog.jobs.lost([lease]) == []


async def test_a_job_without_attempts_left_is_failed_without_being_claimed(catalog: Catalog):
    (job,) = await queue(catalog, 1)
    for _ in range(MAX_ATTEMPTS):
        assert await catalog.jobs.fail_worn_out(max_attempts=MAX_ATTEMPTS) == 0
        await claim(catalog, lease_s=EXPIRED_S)
        await catalog.jobs.put_back_lapsed()
    assert await catalog.jobs.fail_worn_out(max_attempts=MAX_ATTEMPTS) == 1
    failed = await catalog.jobs.get(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "server_error")


async def test_many_leases_are_prolonged_and_many_notes_written_at_once_and_lost_ones_told(catalog: Catalog):
    await queue(catalog, 3)
    (kept, one), (gone, other), (done, third) = [await claim(catalog) for _ in range(3)]
    await catalog.jobs.cancel(gone.id)
    await catalog.jobs.fail(third, code="x", message="x")
    leases = [one, other, third]
    assert await catalog.jobs.lost(leases) == [other, third]
    assert await catalog.jobs.renew_all(leases, lease_s=EXPIRED_S) == [other, third]
    assert await catalog.jobs.put_back_lapsed() == 1, "the one that was renewed has the lease that it was renewed with"
    (_, one) = await claim(catalog)
    note = Note(JobState.CLEANING, {"pages": 3}, {"parse": 0.5}).then(Note(JobState.EMBEDDING, {"chunks": 2}))
    assert await catalog.jobs.note_all({one: note, other: note, third: note}) == [other, third]
    found = await catalog.jobs.get(kept.id)
    assert (found.state, found.counts, found.step_seconds) == (JobState.EMBEDDING, {"pages": 3, "chunks": 2}, {"parse": 0.5})
    assert [(await catalog.jobs.get(job.id)).state for job in (gone, done)] == [JobState.CANCELLED, JobState.FAILED]


async def test_a_job_that_is_given_back_has_its_attempt_again(catalog: Catalog):
    (queued,) = await queue(catalog, 1)
    for _ in range(MAX_ATTEMPTS + 1):
        job, lease = await claim(catalog)
        assert (job.id, job.attempt) == (queued, 1)
        await catalog.jobs.give_back(lease)
