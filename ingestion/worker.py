"""The queue's worker: claims jobs, has them run beside each other, and says of each how it ended."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Generator

import structlog

import footnote
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease, LeaseLost
from footnote.core.catalog.records import JobRecord
from footnote.core.errors import CatalogUnavailable, DependencyError, FootnoteError
from footnote.core.settings import IngestionSettings, jobs_at_once
from footnote.core.telemetry import Telemetry
from footnote.core.types import JobState, PartHealth
from ingestion.failure import delay_s, failure_of
from ingestion.lease_keeper import RENEWALS_PER_LEASE, LeaseKeeper
from ingestion.pipeline import Pipeline
from ingestion.sweeper import Sweeper
from retrieval.spaces import Spaces

POLL_S = 1.0
CLAIM_SHARE = 0.25
"""Jobs are claimed when so much of what a worker may hold is free: a write for each would cost small files more than their reading."""

log = structlog.get_logger(__name__)


class IngestionWorker:
    """Runs jobs until it is closed. What it holds then goes back to the queue; what it held when it was killed, when the lease ends.

    Args:
        catalog: where jobs are.
        spaces: what is compared with the catalog at the start.
        pipeline: what a job goes through.
        settings: the section ``ingestion``.
        telemetry: where documents are counted.
        application_version: footnote's, shown beside the heartbeat.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        spaces: Spaces,
        pipeline: Pipeline,
        settings: IngestionSettings,
        telemetry: Telemetry,
        application_version: str = footnote.__version__,
    ) -> None:
        self.host = socket.gethostname()
        self.id = f"{self.host[:32]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._catalog = catalog
        self._spaces = spaces
        self._pipeline = pipeline
        self._settings = settings
        self._telemetry = telemetry
        self._application_version = application_version
        self._n_at_once = jobs_at_once(settings)
        self._keeper = LeaseKeeper(catalog.jobs, lease_s=settings.lease_s, beat=self._beat)
        self._sweeper = Sweeper(
            catalog,
            worker_id=self.id,
            lease_s=settings.lease_s,
            max_attempts=settings.max_attempts,
            forget_abandoned=self._forget_abandoned,
        )
        self._something_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._trouble: str | None = None
        self._closing = False

    async def start(self, *, alone: bool) -> None:
        """Tidy up after a process that was killed, queue again what the index has lost, and begin to work.

        Args:
            alone: no other worker uses this catalog, so that every lease that is still held is a dead process's.
        """
        if alone:
            await self._catalog.jobs.release_all()
            await self._catalog.workers.remove([worker.id for worker in await self._catalog.workers.all()])
        await self._beat()
        await self._forget_abandoned_quietly()
        await self._queue_what_the_index_lost()
        self._tasks = [
            asyncio.create_task(self._keeper.run(), name="keep leases"),
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self._work(), name="claim jobs"),
        ]

    def wake(self) -> None:
        """Say that a job waits."""
        self._something_changed.set()

    async def close(self) -> None:
        """Stop, and put back what is in hand."""
        self._closing = True
        for task in (*self._tasks, *self._running):
            task.cancel()
        await self._pipeline.end_writes()
        await asyncio.gather(*self._tasks, *self._running, return_exceptions=True)
        await self._pipeline.close()
        with contextlib.suppress(FootnoteError):
            await self._catalog.jobs.release_all(worker_id=self.id)
            await self._sweeper.stop()
            await self._catalog.workers.remove([self.id])

    async def health(self) -> PartHealth:
        """Say whether the queue is worked on."""
        working = bool(self._tasks) and not any(task.done() for task in self._tasks)
        trouble = self._trouble or self._keeper.trouble
        detail = trouble or ("Documents are read as they come." if working else "Documents are not read: the queue is not open.")
        facts = {"worker": self.id, "jobs_at_once": self._n_at_once, "in_hand": len(self._running)}
        return PartHealth(name="ingestion", ready=working and trouble is None, detail=detail, facts=facts)

    async def _beat(self) -> None:
        await self._catalog.workers.beat(
            worker_id=self.id, host=self.host, process_id=os.getpid(), application_version=self._application_version
        )

    async def _queue_what_the_index_lost(self) -> None:
        """Have documents read again whose points are gone: an index's folder was removed."""
        lost = await self._spaces.lost()
        if lost:
            n_queued = await self._catalog.attachments.read_again(lost)
            log.warning("the index lacks points of documents: they are read again", documents=len(lost), queued=n_queued)

    async def _sweep(self) -> None:
        while not self._closing:
            try:
                await self._sweeper.sweep(in_hand=self._keeper.job_ids)
            except FootnoteError as error:
                log.warning("nothing could be swept up yet", error=str(error))
            except Exception:  # the supervisor: what is not foreseen is logged whole
                log.exception("sweeping stumbled")
            await asyncio.sleep(self._settings.lease_s / RENEWALS_PER_LEASE)

    # -------------------------------------------------------------------------------------------------------------------- claiming

    async def _work(self) -> None:
        """Claim whatever there is room for. Whatever goes wrong is told and survived: a queue that stands still would be worse."""
        # Not for ever: a task group whose body has just failed swallows a cancellation that comes at this moment (Python before 3.13).
        while not self._closing:
            try:
                await self._claim()
            except FootnoteError as error:
                log.warning("the queue cannot be read", error=str(error))
                self._trouble = f"The queue cannot be read: {error}"
                await asyncio.sleep(POLL_S)
            except Exception as error:  # the supervisor: what is not foreseen is logged whole
                log.exception("the queue stumbled")
                self._trouble = f"The queue stumbled over an internal error ({type(error).__name__}); the log says more."
                await asyncio.sleep(POLL_S)

    async def _claim(self) -> None:
        """Claim as many jobs as there is room for, or wait for room or for jobs."""
        n_free = self._n_at_once - len(self._running)
        self._something_changed.clear()
        if n_free < max(1, self._n_at_once * CLAIM_SHARE):
            await self._something_changed.wait()
            return
        claimed = await self._catalog.jobs.claim_many(
            worker_id=self.id,
            lease_s=self._settings.lease_s,
            max_attempts=self._settings.max_attempts,
            n=n_free,
            in_hand=self._keeper.job_ids,
        )
        self._trouble = None
        for job, lease in claimed:
            running = asyncio.create_task(self._run(job, lease), name=f"job {job.id}")
            self._running.add(running)
            running.add_done_callback(self._ended)
        if not claimed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._something_changed.wait()

    def _ended(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        self._something_changed.set()

    # ------------------------------------------------------------------------------------------------------------------ running a job

    async def _run(self, job: JobRecord, lease: JobLease) -> None:
        """Run a job while it is ours; one that is taken away is dropped at once, which frees its parser."""
        with structlog.contextvars.bound_contextvars(job_id=job.id):
            running = asyncio.current_task()
            assert running is not None
            lost = asyncio.Event()

            def drop() -> None:
                lost.set()
                running.cancel()

            self._keeper.hold(lease, on_lost=drop)
            try:
                await self._run_and_tell(job, lease)
            except LeaseLost:
                lost.set()
            except asyncio.CancelledError:
                if self._closing or not lost.is_set():
                    raise
            except Exception:  # the supervisor: what is not foreseen is logged whole, and the lease runs out
                log.exception("the job's outcome could not be written")
            finally:
                self._keeper.let_go(lease)
            if lost.is_set():
                log.info("the job was taken away")
                await self._forget_quietly(lease)

    async def _run_and_tell(self, job: JobRecord, lease: JobLease) -> None:
        try:
            await self._pipeline.run(job, lease)
        except LeaseLost:
            raise
        except CatalogUnavailable as error:
            log.warning("the job is put back, as the catalog does not answer", error=str(error))
            await self._tell(lambda: self._catalog.jobs.give_back(lease))
        except Exception as error:  # noqa: BLE001 - the supervisor of all steps: whatever goes wrong is written into the job
            await self._tell_failure(job, lease, error)
        else:
            self._telemetry.metrics.count_document(JobState.COMPLETED)

    async def _tell_failure(self, job: JobRecord, lease: JobLease, error: Exception) -> None:
        failure = failure_of(error)
        if not isinstance(error, FootnoteError):
            log.error("a step failed unexpectedly", exc_info=error)
        if failure.retryable and job.attempt < self._settings.max_attempts:
            delay = delay_s(job.attempt)
            log.warning("the job is put back", error=failure.message, attempt=job.attempt, delay_s=round(delay, 1))
            await self._tell(lambda: self._catalog.jobs.retry_later(lease, delay_s=delay, code=failure.code, message=failure.message))
            return
        log.warning("the job failed", code=failure.code, error=failure.message)
        await self._tell(lambda: self._catalog.jobs.fail(lease, code=failure.code, message=failure.message))
        self._telemetry.metrics.count_document(JobState.FAILED)
        await self._forget_quietly(lease)

    async def _tell(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write a job's outcome, as soon as the catalog can be written.

        Raises:
            LeaseLost: the job is another worker's by now.
        """
        while True:
            try:
                await write()
            except DependencyError:
                await asyncio.sleep(POLL_S)
            else:
                return

    async def _forget_abandoned(self) -> None:
        await self._pipeline.forget(await self._catalog.versions.abandoned())

    async def _forget_quietly(self, lease: JobLease) -> None:
        """Drop what unfinished versions have left, that of a job which has just ended too; what fails here is done by the next sweep."""
        with _dropped_later():
            await self._catalog.versions.end_writing(lease)
            await self._forget_abandoned()

    async def _forget_abandoned_quietly(self) -> None:
        with _dropped_later():
            await self._forget_abandoned()


@contextlib.contextmanager
def _dropped_later() -> Generator[None]:
    try:
        yield
    except FootnoteError as error:
        log.warning("unfinished versions could not be dropped yet", error=str(error))
