"""Claiming: owners in turn, several jobs in one write, and as quick with ten thousand jobs as with ten."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.claims import Standing, turns
from footnote.core.catalog.jobs import Claimed
from footnote.core.catalog.moment import now
from footnote.core.types import JobState
from tests.core.catalog.story import ANN, BEN, MAX_ATTEMPTS, attach, collection, upload

BULK = 10_000


async def queue(catalog: Catalog, who, n: int) -> list[str]:
    sea = await collection(catalog, who)
    return [(await attach(catalog, sea, await upload(catalog, who, text=f"{who.owner} {number}"), who)).job.id for number in range(n)]


async def claim_many(catalog: Catalog, n: int, worker_id: str = "worker-1") -> list[Claimed]:
    return await catalog.jobs.claim_many(worker_id=worker_id, lease_s=60, max_attempts=MAX_ATTEMPTS, n=n)


async def queue_in_bulk(catalog: Catalog, owner: str, n: int) -> None:
    """Put jobs straight into the table: what they are about does not matter to the one who claims them."""
    begin = now() - timedelta(days=1)
    rows = [
        {
            "id": f"job_{owner}_{number:06}",
            "kind": "ingest",
            "owner": owner,
            "subject": {},
            "state": JobState.QUEUED,
            "attempt": 0,
            "fencing_token": 0,
            "counts": {},
            "step_seconds": {},
            "cancel_requested": False,
            "created_at": begin + timedelta(seconds=number),
        }
        for number in range(n)
    ]
    async with catalog.database.write() as session:
        await session.execute(insert(schema.Job), rows)


async def test_a_single_file_does_not_wait_behind_a_bulk_upload(catalog: Catalog):
    await queue_in_bulk(catalog, "bulk", 50)
    (single,) = await queue(catalog, BEN, 1)
    assert single in [job.id for job, _ in await claim_many(catalog, 2)]


async def test_who_waits_longest_to_be_served_is_next_also_where_jobs_are_taken_one_by_one(catalog: Catalog):
    """Nothing is in hand between two claims, so the number of jobs in hand cannot tell whose turn it is."""
    await queue(catalog, ANN, 3)
    await queue(catalog, BEN, 3)
    served = []
    for _ in range(6):
        ((job, lease),) = await claim_many(catalog, 1)
        served.append(job.owner)
        await catalog.jobs.fail(lease, code="x", message="x")
    assert served == ["ann", "ben"] * 3


async def test_several_are_taken_in_one_write_the_oldest_of_each_owner_first(catalog: Catalog):
    of_ann, of_ben = await queue(catalog, ANN, 5), await queue(catalog, BEN, 2)
    taken = [job.id for job, _ in await claim_many(catalog, 6)]
    assert [job for job in taken if job in of_ann] == of_ann[:4]
    assert [job for job in taken if job in of_ben] == of_ben
    assert [job.id for job, _ in await claim_many(catalog, 6)] == of_ann[4:]
    assert await claim_many(catalog, 6) == []


async def test_an_owner_with_jobs_in_hand_waits_for_those_without(catalog: Catalog):
    await queue(catalog, ANN, 4)
    await claim_many(catalog, 2)
    await queue(catalog, BEN, 4)
    assert Counter(job.owner for job, _ in await claim_many(catalog, 4, "worker-2")) == {"ann": 1, "ben": 3}


async def test_jobs_that_were_put_off_keep_nobody_waiting(catalog: Catalog):
    of_ann = await queue(catalog, ANN, 3)
    for job, lease in await claim_many(catalog, 2):
        await catalog.jobs.retry_later(lease, delay_s=3600, code="x", message=job.id)
    assert [job.id for job, _ in await claim_many(catalog, 3)] == of_ann[2:]


async def test_workers_that_claim_at_the_same_moment_share_the_jobs(catalog: Catalog):
    queued = await queue(catalog, ANN, 12)
    claimed = await asyncio.gather(*(claim_many(catalog, 4, f"worker-{number}") for number in range(4)))
    assert sorted(job.id for jobs in claimed for job, _ in jobs) == queued


async def test_what_may_have_brought_its_worker_down_twice_is_taken_alone(catalog: Catalog):
    suspects = await queue(catalog, ANN, 3)
    for _ in range(2):
        await claim_many(catalog, 3)
        await catalog.jobs.release_all()  # as the next start does after a crash
    ((first, lease),) = await claim_many(catalog, 3)
    assert first.id == suspects[0]
    assert await claim_many(catalog, 3) == []
    (fresh,) = await queue(catalog, BEN, 1)
    assert [job.id for job, _ in await claim_many(catalog, 3)] == [fresh]
    await catalog.jobs.fail(lease, code="x", message="x")
    assert [job.id for job, _ in await claim_many(catalog, 3)] == suspects[1:2]


async def test_other_jobs_of_an_owner_do_not_wait_for_suspects(catalog: Catalog):
    suspects = await queue(catalog, ANN, 3)
    for _ in range(2):
        await claim_many(catalog, 3)
        await catalog.jobs.put_back_lapsed(dead_workers=["worker-1"])
    fresh = await queue(catalog, ANN, 4)
    assert [job.id for job, _ in await claim_many(catalog, 3)] == [suspects[0], *fresh[:2]]
    assert [job.id for job, _ in await claim_many(catalog, 3)] == fresh[2:]


async def test_what_failed_in_an_orderly_way_is_no_suspect(catalog: Catalog):
    queued = await queue(catalog, ANN, 3)
    for _ in range(2):
        for _, lease in await claim_many(catalog, 3):
            await catalog.jobs.retry_later(lease, delay_s=0, code="model_unavailable", message="It is down.")
    assert [job.id for job, _ in await claim_many(catalog, 3)] == queued


async def test_no_claim_reads_the_whole_queue(catalog: Catalog):
    """Every statement of a claim goes through an index, and the one owner's ten thousand jobs are never all read."""
    await queue_in_bulk(catalog, "bulk", BULK)
    await queue(catalog, BEN, 3)
    engine = catalog.database._engine.sync_engine
    if engine.dialect.name != "sqlite":
        pytest.skip("reads SQLite's query plans")
    statements: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, executemany) -> None:
        if not executemany and statement.startswith(("SELECT", "WITH", "UPDATE")):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert Counter(job.owner for job, _ in await claim_many(catalog, 6)) == {"bulk": 3, "ben": 3}
    finally:
        event.remove(engine, "before_cursor_execute", note)
    async with catalog.database.read() as session:
        connection = await session.connection()
        for statement, parameters in statements:
            plan = [row.detail for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert not [step for step in plan if step.startswith("SCAN jobs") or "USE TEMP B-TREE" in step], (statement, plan)


@given(
    standings=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), min_size=1, max_size=8),
    n=st.integers(1, 40),
)
def test_turns_level_what_is_in_hand(standings: list[tuple[int, int]], n: int):
    begin = now()
    owners = [
        Standing(owner=f"owner-{place}", n_in_hand=n_in_hand, last_served_at=begin + timedelta(seconds=served))
        for place, (n_in_hand, served) in enumerate(standings)
    ]
    taken = Counter(turns(owners, n))
    assert taken.total() == n
    after = {standing.owner: standing.n_in_hand + taken[standing.owner] for standing in owners}
    for standing in owners:
        if taken[standing.owner]:
            assert after[standing.owner] - 1 <= min(after.values())


def test_nobody_has_a_turn_where_nobody_waits():
    assert turns([], 3) == []
