"""The worker of evaluation: runs are done one after the other, once, by whoever lives."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import pytest

from evaluation.running import RELEASE_CHANGED, RunFailed
from evaluation.worker import INTERNAL_ERROR, EvaluationWorker, RunParts
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import ReportRecord, RunState
from footnote.core.catalog.leases import HeldLease
from footnote.core.errors import CatalogUnavailable, Conflict, ModelUnavailable, NotFound
from tests.core.catalog.evaluation_story import run_of
from tests.core.catalog.story import ANN

SOON_S = 20


class Parts:
    """What runs need, and how often it was opened and asked."""

    def __init__(self, catalog: Catalog, do: Callable[[str], Awaitable[None]]) -> None:
        self._catalog = catalog
        self._do = do
        self.n_opened = 0
        self.n_closed = 0
        self.done: list[str] = []

    async def run(self, run_id: str, *, lease: HeldLease | None = None) -> None:
        await self._catalog.evaluation_runs.start(run_id, lease=lease)
        await self._do(run_id)
        self.done.append(run_id)

    async def report(self, run_id: str, *, lease: HeldLease | None = None) -> ReportRecord:
        return await self._catalog.reports.store(run_id, {"run": run_id}, lease=lease)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[RunParts]:
        self.n_opened += 1
        yield RunParts(runner=self, reporter=self)
        self.n_closed += 1


async def well(run_id: str) -> None:
    await asyncio.sleep(0)


class Told:
    """Hears of reports."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[str] = asyncio.Queue()

    async def hear(self, report_id: str) -> None:
        await self.reports.put(report_id)

    async def channels(self, run_id: str) -> Collection[str]:
        return ("webhook",)

    async def next(self) -> str:
        async with asyncio.timeout(SOON_S):
            return await self.reports.get()


async def nothing() -> None:
    await asyncio.sleep(0)


def worker(
    catalog: Catalog,
    parts: Parts,
    told: Told,
    *,
    begin_due: Callable[[], Awaitable[None]] = nothing,
    first_look_s: float = 0.0,
    lease_s: float = 30.0,
) -> EvaluationWorker:
    return EvaluationWorker(
        catalog=catalog,
        open_parts=parts.open,
        begin_due=begin_due,
        owed_to=told.channels,
        after_report=told.hear,
        first_look_s=first_look_s,
        lease_s=lease_s,
    )


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON_S):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_runs_are_done_in_their_order_and_told(catalog: Catalog):
    first, second = (await run_of(catalog)).id, (await run_of(catalog)).id
    parts, told = Parts(catalog, well), Told()
    doing = worker(catalog, parts, told)
    await doing.start(alone=True)
    reports = [await told.next(), await told.next()]
    assert parts.done == [first, second]
    assert (parts.n_opened, parts.n_closed) == (1, 0), "what takes seconds to load is loaded once"
    assert [(await catalog.reports.get(report, caller=ANN)).run_id for report in reports] == [first, second]
    assert (await catalog.evaluation_runs.by_id(first)).state == RunState.COMPLETED
    await doing.close()
    assert parts.n_closed == 1


async def test_nothing_is_loaded_where_no_run_waits(catalog: Catalog):
    looks = asyncio.Semaphore(0)

    async def look() -> None:
        looks.release()

    parts = Parts(catalog, well)
    doing = worker(catalog, parts, Told(), begin_due=look)
    await doing.start(alone=True)
    async with asyncio.timeout(SOON_S):
        await looks.acquire()
        doing.wake()
        await looks.acquire()  # between the two it has looked for runs
    assert (await doing.health()).facts["trouble"] is False
    await doing.close()
    assert parts.n_opened == 0


async def test_what_was_left_over_waits_until_the_server_has_started_or_somebody_asks(catalog: Catalog):
    await run_of(catalog)
    looked = asyncio.Event()

    async def look() -> None:
        looked.set()

    parts, told = Parts(catalog, well), Told()
    doing = worker(catalog, parts, told, first_look_s=3_600, begin_due=look)
    await doing.start(alone=True)
    for _ in range(100):  # many times what it takes to begin a look, which waits for nothing
        await asyncio.sleep(0)
    assert not looked.is_set()
    doing.wake()
    await told.next()
    assert looked.is_set()
    await doing.close()


async def test_a_run_that_fails_says_why_and_lets_the_next_one_pass(catalog: Catalog):
    broken, other, good = [(await run_of(catalog)).id for _ in range(3)]

    async def do(run_id: str) -> None:
        if run_id == broken:
            raise KeyError("a mistake")
        if run_id == other:
            raise RunFailed(Conflict("another release", code=RELEASE_CHANGED))

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)
    await told.next()
    ended = {run_id: await catalog.evaluation_runs.by_id(run_id) for run_id in (broken, other, good)}
    assert [(run.state, run.error_code) for run in ended.values()] == [
        (RunState.FAILED, INTERNAL_ERROR),
        (RunState.FAILED, RELEASE_CHANGED),
        (RunState.COMPLETED, None),
    ]
    await doing.close()


async def test_a_run_whose_set_is_shared_no_longer_fails_and_lets_the_next_one_pass(catalog: Catalog):
    lost, good = [(await run_of(catalog)).id for _ in range(2)]

    async def do(run_id: str) -> None:
        if run_id == lost:
            raise NotFound("There is no evaluation set.")

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)
    report_id = await told.next()
    assert (await catalog.reports.by_id(report_id)).run_id == good
    ended = await catalog.evaluation_runs.by_id(lost)
    assert (ended.state, ended.error_code) == (RunState.FAILED, "NotFound")
    await doing.close()


async def test_a_run_that_was_cancelled_in_the_middle_stays_cancelled(catalog: Catalog):
    lost, _ = [(await run_of(catalog)).id for _ in range(2)]

    async def do(run_id: str) -> None:
        if run_id == lost:
            await catalog.evaluation_runs.cancel(run_id, caller=ANN)
            raise Conflict("The run is cancelled.")

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)
    await told.next()
    assert (await catalog.evaluation_runs.by_id(lost)).state == RunState.CANCELLED
    await doing.close()


async def test_a_catalog_that_stays_away_for_a_while_fails_no_run(catalog: Catalog):
    run_id, away = (await run_of(catalog)).id, iter([True])

    async def do(run_id: str) -> None:
        if next(away, False):
            raise CatalogUnavailable("gone for a moment")

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)

    async def is_told() -> bool:
        return bool((await doing.health()).facts["trouble"])

    await until(is_told)
    assert (await doing.health()).ready, "questions are answered all the same"
    doing.wake()
    await told.next()
    assert (await catalog.evaluation_runs.by_id(run_id)).state == RunState.COMPLETED
    await doing.close()


async def test_a_report_is_owed_with_the_end_of_its_run_also_where_the_process_dies_right_after(catalog: Catalog):
    class Dying(Told):
        async def hear(self, report_id: str) -> None:
            await super().hear(report_id)
            await asyncio.Event().wait()

    run_id, told = (await run_of(catalog)).id, Dying()
    doing = worker(catalog, Parts(catalog, well), told)
    await doing.start(alone=True)
    report_id = await told.next()
    await doing.close()
    assert (await catalog.evaluation_runs.by_id(run_id)).state == RunState.COMPLETED
    assert [each.channel for each in await catalog.deliveries.of_report(report_id)] == ["webhook"]


async def test_a_run_that_has_to_wait_keeps_no_other_waiting_and_is_named(catalog: Catalog):
    stuck, good = [(await run_of(catalog)).id for _ in range(2)]

    async def do(run_id: str) -> None:
        if run_id == stuck:
            raise ModelUnavailable("the judge is away")

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)
    report_id = await told.next()
    assert (await catalog.reports.by_id(report_id)).run_id == good
    health = await doing.health()
    assert stuck in health.detail
    assert "the judge is away" in health.detail
    assert (await catalog.evaluation_runs.by_id(stuck)).state == RunState.RUNNING
    await doing.close()


async def test_a_run_goes_on_where_its_worker_was_closed_in_the_middle(catalog: Catalog):
    run_id, begun = (await run_of(catalog)).id, asyncio.Event()

    async def for_ever(_: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    first = worker(catalog, Parts(catalog, for_ever), Told())
    await first.start(alone=False)
    async with asyncio.timeout(SOON_S):
        await begun.wait()
    await first.close()
    assert (await catalog.evaluation_runs.by_id(run_id)).state == RunState.RUNNING
    told = Told()
    second = worker(catalog, Parts(catalog, well), told)
    await second.start(alone=False)
    await told.next()
    await second.close()


@pytest.mark.parametrize("alone", [True, False])
async def test_the_run_of_a_process_that_was_killed_goes_on_at_once_only_where_nobody_else_can_hold_it(catalog: Catalog, alone: bool):
    run_id = (await run_of(catalog)).id
    await catalog.leases.take(f"evaluate:{run_id}", holder="whoever was killed", ttl_s=3_600)
    parts, told, looks = Parts(catalog, well), Told(), asyncio.Semaphore(0)

    async def look() -> None:
        looks.release()

    doing = worker(catalog, parts, told, begin_due=look)
    await doing.start(alone=alone)
    if alone:
        await told.next()
    else:
        async with asyncio.timeout(SOON_S):
            await looks.acquire()
            doing.wake()
            await looks.acquire()  # it has looked at the queue once, and again
    assert parts.done == ([run_id] if alone else [])
    await doing.close()


async def test_a_run_that_is_cancelled_is_left_also_where_nothing_is_noted_of_it(catalog: Catalog):
    long_one, good = [(await run_of(catalog)).id for _ in range(2)]

    async def do(run_id: str) -> None:
        if run_id == long_one:
            await catalog.evaluation_runs.cancel(run_id, caller=ANN)
            await asyncio.Event().wait()

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told, lease_s=0.3)
    await doing.start(alone=True)
    assert (await catalog.reports.by_id(await told.next())).run_id == good
    await doing.close()


async def test_a_run_whose_lease_cannot_be_renewed_stops_when_the_lease_has_ended(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    await run_of(catalog)
    stopped = asyncio.Event()

    async def away(*_: object, **__: object) -> bool:
        raise CatalogUnavailable("gone")

    async def do(_: str) -> None:
        monkeypatch.setattr(catalog.leases, "take", away)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    doing = worker(catalog, Parts(catalog, do), Told(), lease_s=0.3)
    await doing.start(alone=True)
    async with asyncio.timeout(SOON_S):
        await stopped.wait()
    await doing.close()


@pytest.mark.parametrize("error", [None, KeyError("a mistake"), RunFailed(NotFound("gone"))])
async def test_a_worker_whose_run_was_taken_over_neither_ends_nor_fails_it(catalog: Catalog, error: Exception | None):
    slow, good = [(await run_of(catalog)).id for _ in range(2)]

    async def do(run_id: str) -> None:
        if run_id == slow:
            await catalog.leases.break_off(f"evaluate:{run_id}")
            assert await catalog.leases.take(f"evaluate:{run_id}", holder="another", ttl_s=3_600)
            if error is not None:
                raise error

    told = Told()
    doing = worker(catalog, Parts(catalog, do), told)
    await doing.start(alone=True)
    assert (await catalog.reports.by_id(await told.next())).run_id == good
    assert (await catalog.evaluation_runs.by_id(slow)).state == RunState.RUNNING, "it is the other one's to end"
    assert await catalog.reports.of_run(slow, caller=ANN) is None
    await doing.close()


async def test_two_workers_share_the_runs(catalog: Catalog):
    run_ids = {(await run_of(catalog)).id for _ in range(6)}
    told = Told()
    parts = [Parts(catalog, well), Parts(catalog, well)]
    both = [worker(catalog, each, told) for each in parts]
    for each in both:
        await each.start(alone=False)
    for _ in run_ids:
        await told.next()
    assert sorted(parts[0].done + parts[1].done) == sorted(run_ids), "each of them once"
    for each in both:
        await each.close()
