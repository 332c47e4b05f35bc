"""The worker of evaluation: does the runs that wait, one after the other, and begins the nightly ones when they are due.

A run belongs to the process that holds its lease. Where that process dies, another one goes on with the run as soon as the lease has ended.
Where it was only slow, what it still writes is refused: each write asks for the lease.
"""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import structlog

from evaluation.running import RunFailed, code_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import ReportRecord, RunState
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.leases import HeldLease, lease_of_run
from footnote.core.errors import Conflict, DependencyError, FootnoteError, NotFound
from footnote.core.types import PartHealth

LEASE_S = 60.0
RENEWALS_PER_LEASE = 3
POLL_S = 5.0
INTERNAL_ERROR = "internal_error"

log = structlog.get_logger(__name__)


class DoesRuns(Protocol):
    """Answers and scores: ``evaluation.running.Runner`` is the one there is."""

    async def run(self, run_id: str, *, lease: HeldLease | None = None) -> None: ...


class MakesReports(Protocol):
    """Makes a run's report: ``evaluation.reporting.Reporter`` is the one there is."""

    async def report(self, run_id: str, *, lease: HeldLease | None = None) -> ReportRecord: ...


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run needs beside the catalog: judges, models and metrics, which take seconds to load."""

    runner: DoesRuns
    reporter: MakesReports


OpenParts = Callable[[], AbstractAsyncContextManager[RunParts]]


class EvaluationWorker:
    """Does runs until it is closed. What it was doing then goes on when it, or another one, starts.

    Args:
        catalog: where runs wait.
        open_parts: opens what runs need, when the first one is there; it stays open until the worker is closed.
        begin_due: begins what the schedule asks for; called before each look at the queue.
        owed_to: says by id to which channels the report of a run is owed; noted with the end of the run.
        after_report: told of each report that is made, by id; what it raises is logged.
        lease_s: after so long in silence another process takes over.
        first_look_s: so long after the start nobody looks at the queue unless woken: a server that starts, and one that is started for a
            single question, have better things to do than what was left over.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        open_parts: OpenParts,
        begin_due: Callable[[], Awaitable[None]],
        owed_to: Callable[[str], Awaitable[Collection[str]]],
        after_report: Callable[[str], Awaitable[None]],
        lease_s: float = LEASE_S,
        first_look_s: float = 0.0,
    ) -> None:
        self._catalog = catalog
        self._open_parts = open_parts
        self._begin_due = begin_due
        self._owed_to = owed_to
        self._after_report = after_report
        self._lease_s = lease_s
        self._first_look_s = first_look_s
        self._parts: RunParts | None = None
        self._opened = AsyncExitStack()
        self._holder = f"{socket.gethostname()[:32]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._something_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._in_hand: str | None = None
        self._trouble: str | None = None
        self._waiting: str | None = None
        self._closing = False

    async def start(self, *, alone: bool) -> None:
        """Begin to work.

        Args:
            alone: no other process does runs of this catalog, so that every lease that is still held is a dead one's.
        """
        if alone:
            for run_id in await self._catalog.evaluation_runs.unfinished():
                await self._catalog.leases.break_off(lease_of_run(run_id))
        self._task = asyncio.create_task(self._work(), name="evaluate")

    def wake(self) -> None:
        """Say that a run waits, or was cancelled."""
        self._something_changed.set()

    async def close(self) -> None:
        """Stop. The run in hand can be taken by another process at once."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._opened.aclose()

    async def health(self) -> PartHealth:
        """Say whether runs are done. It is ready also where they are not: questions are answered all the same."""
        working = self._task is not None and not self._task.done()
        trouble = self._trouble or self._waiting
        detail = trouble or ("Runs are done as they come." if working else "No runs are done: the worker is not started.")
        return PartHealth(name="evaluation", ready=True, detail=detail, facts={"run": self._in_hand, "trouble": trouble is not None})

    # --------------------------------------------------------------------------------------------------------------- the queue

    async def _work(self) -> None:
        await self._rest(self._first_look_s)
        while not self._closing:
            self._something_changed.clear()
            try:
                await self._begin_due()
                found_one = await self._do_one()
                self._trouble = None
            except FootnoteError as error:
                log.warning("runs cannot be looked for", error=str(error))
                self._trouble, found_one = f"Runs cannot be looked for: {error}", False
            except Exception as error:  # the supervisor: what is not foreseen is logged whole
                log.exception("evaluation stumbled")
                self._trouble, found_one = f"Evaluation stumbled over an internal error ({type(error).__name__}); the log says more.", False
            if not found_one:
                await self._rest(POLL_S)

    async def _rest(self, seconds: float) -> None:
        """Return when something has changed, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something_changed.wait()

    async def _do_one(self) -> bool:
        """Do the oldest run that nobody else does and that can be done; say whether there was one.

        One that needs something which is away waits for the next look, and the others do not wait for it.
        """
        waiting: str | None = None
        for run_id in await self._catalog.evaluation_runs.unfinished():
            if await self._catalog.leases.take(lease_of_run(run_id), holder=self._holder, ttl_s=self._lease_s):
                self._in_hand = run_id
                try:
                    with structlog.contextvars.bound_contextvars(run_id=run_id):
                        await self._do_while_ours(run_id)
                except DependencyError as error:
                    log.warning("the run has to wait", run_id=run_id, error=str(error))
                    waiting = self._waiting = f"The run {run_id} has to wait: {error}"
                    if self._parts is None:
                        return False  # what is missing is missing for every run
                    continue
                finally:
                    self._in_hand = None
                    with contextlib.suppress(FootnoteError):
                        await self._catalog.leases.let_go(lease_of_run(run_id), holder=self._holder)
                self._waiting = waiting
                return True
        self._waiting = waiting
        return False

    async def _do_while_ours(self, run_id: str) -> None:
        """Do a run for as long as its lease is held and somebody wants it: whoever loses the lease stops, as another one is at the run."""
        doing = asyncio.create_task(self._do(run_id), name=f"run {run_id}")
        keeping = asyncio.create_task(self._keep(run_id), name=f"keep {run_id}")
        try:
            await asyncio.wait({doing, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                log.warning("the run was taken over, cancelled or deleted")
                return
            await doing
        finally:
            for task in (doing, keeping):
                task.cancel()
            await asyncio.gather(doing, keeping, return_exceptions=True)

    async def _keep(self, run_id: str) -> None:
        """Hold a run's lease until the run is cancelled or deleted, or the lease is lost, or has ended while it could not be renewed.

        In the last two cases another process may be at the run.
        """
        clock = asyncio.get_running_loop().time
        held_since = clock()
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE)
            asked_at = clock()
            try:
                if not await self._catalog.leases.take(lease_of_run(run_id), holder=self._holder, ttl_s=self._lease_s):
                    return
                held_since = asked_at
                if await self._is_called_off(run_id):
                    return
            except DependencyError as error:
                log.warning("the run's lease could not be renewed yet", error=str(error))
                if clock() - held_since >= self._lease_s:
                    return

    async def _is_called_off(self, run_id: str) -> bool:
        try:
            return (await self._catalog.evaluation_runs.by_id(run_id)).state == RunState.CANCELLED
        except NotFound:
            return True

    # ------------------------------------------------------------------------------------------------------------------- a run

    async def _do(self, run_id: str) -> None:
        lease = HeldLease(name=lease_of_run(run_id), holder=self._holder)
        try:
            parts = await self._whole()
            await parts.runner.run(run_id, lease=lease)
            report = await parts.reporter.report(run_id, lease=lease)
            await self._catalog.evaluation_runs.finish(run_id, owe_report_to=await self._owed_to(run_id), lease=lease)
        except LeaseLost as error:
            log.warning("the run is another process's by now", reason=str(error))
        except (NotFound, Conflict) as error:
            # Deleted or cancelled meanwhile: then there is nothing to note. Otherwise something that the run needs is gone for good, such
            # as a set that is shared no longer: left in the queue it would be taken again, and again, and no other run ever.
            log.warning("the run ended early", reason=str(error))
            await self._fail(lease, run_id, code_of(error))
        except DependencyError:
            raise  # it stays in the queue, and goes on when the part is back
        except RunFailed as error:
            log.warning("the run failed", error=str(error.cause))
            await self._fail(lease, run_id, code_of(error.cause))
        except Exception:  # the supervisor of a run: one that stumbles must not stand in the way of the next
            log.exception("the run stumbled")
            await self._fail(lease, run_id, INTERNAL_ERROR)
        else:
            log.info("the run is done", report_id=report.id)
            await self._tell(report.id)

    async def _whole(self) -> RunParts:
        if self._parts is None:
            self._parts = await self._opened.enter_async_context(self._open_parts())
        return self._parts

    async def _fail(self, lease: HeldLease, run_id: str, code: str) -> None:
        with contextlib.suppress(NotFound, Conflict):  # a lost lease is a conflict: the run is not this process's to end
            await self._catalog.evaluation_runs.finish(run_id, error_code=code, lease=lease)

    async def _tell(self, report_id: str) -> None:
        try:
            await self._after_report(report_id)
        except Exception:  # a report that cannot be sent is there all the same
            log.exception("the report could not be passed on", report_id=report_id)
