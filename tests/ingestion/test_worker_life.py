"""Workers that come and go: heartbeats, sweeping up after a dead one, upgrades, and a database that is away for a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from footnote.core.errors import CatalogUnavailable, IndexUnavailable
from footnote.core.types import JobState
from ingestion import recipe
from ingestion import worker as worker_module
from tests.ingestion.story import CALLER, MANY_PARAGRAPHS, Ingestion, kill

SHORT_LEASE_S = 1.0


class Held:
    """Lets the second write to the index wait until it may go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, n: int) -> None:
        if n == 2:
            self.reached.set()
            await self.go_on.wait()


class Outage:
    """The catalog's two doors, which can be shut."""

    def __init__(self, ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away = False
        self.knocked = asyncio.Event()
        for door in ("read", "write"):
            monkeypatch.setattr(ingestion.catalog.database, door, self._guarded(getattr(ingestion.catalog.database, door)))

    def _guarded(self, opened: Callable[..., Any]) -> Callable[..., Any]:
        @asynccontextmanager
        async def door(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            if self.away:
                self.knocked.set()
                raise CatalogUnavailable("The catalog does not answer.")
            async with opened(*args, **kwargs) as session:
                yield session

        return door


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_worker_has_a_heartbeat_of_its_own_and_takes_it_along(ingestion: Ingestion) -> None:
    workers = ingestion.catalog.workers
    first = await ingestion.start(lease_s=SHORT_LEASE_S)
    second = await ingestion.start(lease_s=SHORT_LEASE_S, alone=False, application_version="2.0")
    began = {worker.id: worker for worker in await workers.all()}
    assert {worker.id: worker.application_version for worker in began.values()} == {first.id: "1.0", second.id: "2.0"}

    async def both_beat() -> bool:
        return all(worker.heartbeat_at > began[worker.id].heartbeat_at for worker in await workers.all())

    await until(both_beat)
    await first.close()
    assert [worker.id for worker in await workers.all()] == [second.id]
    await second.close()
    assert await workers.all() == ()


async def test_what_a_dead_worker_held_is_done_by_another_and_its_heartbeat_goes(ingestion: Ingestion) -> None:
    attachment, held = await ingestion.upload(MANY_PARAGRAPHS), Held()
    ingestion.index.before_upsert = held
    dead = await ingestion.start(lease_s=SHORT_LEASE_S)
    await held.reached.wait()
    await kill(dead)
    living = await ingestion.start(lease_s=SHORT_LEASE_S, alone=False)
    try:
        done = await ingestion.final(attachment)
        assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 2)
        n_points, n_chunks = await ingestion.n_points_of(done)
        assert n_points == n_chunks

        async def only_the_living_is_known() -> bool:
            return [worker.id for worker in await ingestion.catalog.workers.all()] == [living.id]

        await until(only_the_living_is_known)
    finally:
        await living.close()


async def test_a_worker_starts_although_nothing_can_be_deleted_from_the_index_now(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await ingestion.run_until_final(await ingestion.upload("A note.", filename="gone.txt"))
    (retired,) = await ingestion.catalog.attachments.detach(gone.collection_id, gone.file.id, caller=CALLER)

    async def away(version_ids: Any) -> None:
        raise IndexUnavailable("The index is away.")

    monkeypatch.setattr(ingestion.index, "delete_versions", away, raising=False)
    worker = await ingestion.start()
    try:
        assert (await ingestion.final(await ingestion.upload("Another.", filename="other.txt"))).job.state is JobState.COMPLETED
        assert retired in await ingestion.catalog.versions.abandoned()
    finally:
        await worker.close()


async def test_one_worker_at_a_time_sweeps(ingestion: Ingestion) -> None:
    workers = [await ingestion.start(alone=number == 0) for number in range(3)]
    assert sum([await worker._sweeper.sweep() for worker in workers]) == 1
    sweeping = [worker for worker in workers if await worker._sweeper.sweep()]
    await sweeping[0].close()
    others = [worker for worker in workers if worker is not sweeping[0]]
    assert sum([await worker._sweeper.sweep() for worker in others]) == 1
    for worker in others:
        await worker.close()


async def test_a_newer_version_finishes_what_an_older_one_had_half_done(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    attachment, held = await ingestion.upload(MANY_PARAGRAPHS), Held()
    ingestion.index.before_upsert = held
    older = await ingestion.start(lease_s=SHORT_LEASE_S, application_version="1.0")
    await held.reached.wait()
    begun = (await ingestion.catalog.jobs.get(attachment.job.id)).version_id
    await kill(older)
    assert await ingestion.index.count(version_id=begun) > 0
    monkeypatch.setattr(recipe, "PARSER", "footnote-next")
    newer = await ingestion.start(alone=False, application_version="2.0")
    try:
        done = await ingestion.final(attachment)
        assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 2)
        assert done.live_version_id not in (None, begun), "another pipeline makes another version"

        async def nothing_of_the_older_is_left() -> bool:
            n_points, n_chunks = await ingestion.n_points_of(done)
            return n_points == n_chunks

        await until(nothing_of_the_older_is_left)
        assert await ingestion.index.count(version_id=begun) == 0
    finally:
        await newer.close()


async def test_a_newer_version_does_not_do_again_what_is_done(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    monkeypatch.setattr(recipe, "PARSER", "footnote-next")
    newer = await ingestion.start(application_version="2.0")
    try:
        other = await ingestion.final(await ingestion.upload("A note about valves.", filename="valves.txt"))
        assert other.job.state is JobState.COMPLETED
        assert await newer._sweeper.sweep()
        assert await ingestion.catalog.attachments.by_id(before.id) == before
    finally:
        await newer.close()


async def test_jobs_go_on_while_the_database_is_away_and_are_still_ours_when_it_is_back(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment, held, outage = await ingestion.upload(MANY_PARAGRAPHS), Held(), Outage(ingestion, monkeypatch)
    ingestion.index.before_upsert = held
    worker = await ingestion.start(lease_s=SHORT_LEASE_S)
    try:
        await held.reached.wait()
        outage.away = True
        await outage.knocked.wait()
        await asyncio.sleep(2 * SHORT_LEASE_S)  # longer than the lease: it has run out, and nobody took it
        assert not (await worker.health()).ready
        outage.away = False

        async def well() -> bool:
            return (await worker.health()).ready

        await until(well)
        held.go_on.set()
        done = await ingestion.final(attachment)
        assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 1)
        assert [one.id for one in await ingestion.catalog.workers.all()] == [worker.id]
    finally:
        await worker.close()


async def test_what_the_database_was_away_for_is_tried_again_without_using_up_an_attempt(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "POLL_S", 0.02)
    attachment, held, outage = await ingestion.upload(MANY_PARAGRAPHS), Held(), Outage(ingestion, monkeypatch)
    ingestion.index.before_upsert = held
    worker = await ingestion.start()
    try:
        await held.reached.wait()
        outage.away = True
        held.go_on.set()  # from here on whatever the job wants to write fails
        await outage.knocked.wait()
        await asyncio.sleep(0.2)
        outage.away = False
        done = await ingestion.final(attachment)
        assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 1)
        n_points, n_chunks = await ingestion.n_points_of(done)
        assert n_points == n_chunks
    finally:
        await worker.close()


async def test_stopping_gives_the_attempt_back(ingestion: Ingestion) -> None:
    attachment, held = await ingestion.upload(MANY_PARAGRAPHS), Held()
    ingestion.index.before_upsert = held
    worker = await ingestion.start()
    await held.reached.wait()
    await worker.close()
    job = await ingestion.catalog.jobs.get(attachment.job.id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
