"""The queue's worker: claims jobs, keeps their leases, and says of each how it ended."""

import asyncio
import contextlib
import os
import socket
import uuid

import structlog

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease, LeaseLost
from footnote.core.catalog.records import JobRecord
from footnote.core.errors import FootnoteError
from footnote.core.settings import IngestionSettings
from footnote.core.telemetry import Telemetry
from footnote.core.types import JobState, PartHealth
from ingestion.failure import delay_s, failure_of
from ingestion.pipeline import Pipeline
from retrieval.index.port import Index

POLL_S = 1.0
RENEWALS_PER_LEASE = 3
JOBS_AT_ONCE = 2
"""One is read while the other is embedded."""

log = structlog.get_logger(__name__)


class IngestionWorker:
    """Runs jobs until it is closed. What it holds then goes back to the queue; what it held when it was killed, when the lease ends."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        index: Index,
        pipeline: Pipeline,
        settings: IngestionSettings,
        telemetry: Telemetry,
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._catalog = catalog
        self._index = index
        self._pipeline = pipeline
        self._settings = settings
        self._telemetry = telemetry
        self._work_waits = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: str | None = None
        self._closing = False

    async def start(self, *, alone: bool) -> None:
        """Tidy up after a process that was killed, queue again what the index has lost, and begin to work.

        Args:
            alone: no other worker uses this catalog, so that every lease that is still held is a dead process's.
        """
        if alone:
            await self._catalog.jobs.release_all()
        await self._pipeline.forget(await self._catalog.versions.abandoned())
        await self._queue_what_the_index_lost()
        self._tasks = [asyncio.create_task(self._work(), name=f"ingestion-{n}") for n in range(JOBS_AT_ONCE)]

    def wake(self) -> None:
        """Say that a job waits."""
        self._work_waits.set()

    async def close(self) -> None:
        """Stop, and put back what is in hand."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(FootnoteError):
            await self._catalog.jobs.release_all(worker_id=self.id)

    async def health(self) -> PartHealth:
        """Say whether the queue is worked on."""
        n_working = sum(not task.done() for task in self._tasks)
        detail = self._trouble or ("Documents are read as they come." if n_working else "Documents are not read: the queue is not open.")
        return PartHealth(name="ingestion", ready=n_working > 0 and self._trouble is None, detail=detail, facts={"jobs_at_once": n_working})

    async def _queue_what_the_index_lost(self) -> None:
        """Have documents read again whose points are gone: the index's folder was removed, perhaps for another embedder."""
        expected = await self._catalog.versions.live_points()
        if await self._index.count() == sum(expected.values()):
            return
        lost = [version for version, n_points in expected.items() if await self._index.count(version_id=version) < n_points]
        if lost:
            n_queued = await self._catalog.attachments.read_again(lost)
            log.warning("the index lacks points of documents: they are read again", documents=len(lost), queued=n_queued)

    async def _work(self) -> None:
        """Take one job after the other. Whatever goes wrong is told and survived: a queue that stands still unnoticed would be worse."""
        # Not for ever: a task group whose body has just failed swallows a cancellation that comes at this moment (Python before 3.13).
        while not self._closing:
            try:
                await self._take_one()
            except FootnoteError as error:
                log.warning("the queue cannot be read", error=str(error))
                self._trouble = f"The queue cannot be read: {error}"
                await asyncio.sleep(POLL_S)
            except Exception as error:  # the supervisor: what is not foreseen is logged whole
                log.exception("the queue stumbled")
                self._trouble = f"The queue stumbled over an internal error ({type(error).__name__}); the log says more."
                await asyncio.sleep(POLL_S)

    async def _take_one(self) -> None:
        claimed = await self._catalog.jobs.claim(
            worker_id=self.id, lease_s=self._settings.lease_s, max_attempts=self._settings.max_attempts
        )
        self._trouble = None
        if claimed is None:
            await self._wait()
        else:
            await self._run(*claimed)

    async def _wait(self) -> None:
        self._work_waits.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._work_waits.wait()

    async def _run(self, job: JobRecord, lease: JobLease) -> None:
        try:
            await self._run_while_it_is_ours(job, lease)
        except* LeaseLost:
            log.info("the job was taken away", job_id=job.id)
            await self._forget_quietly()
        except* FootnoteError as errors:
            # The outcome could not be written: the lease runs out and the job is done again.
            log.warning("the job's outcome could not be written", job_id=job.id, error=str(errors.exceptions[0]))

    async def _run_while_it_is_ours(self, job: JobRecord, lease: JobLease) -> None:
        """Run the job and keep its lease; whichever of the two fails ends the other, so that a lost job frees its parser at once."""
        with structlog.contextvars.bound_contextvars(job_id=job.id):
            async with asyncio.TaskGroup() as both:
                keeping = both.create_task(self._keep(lease))
                await self._run_and_tell(job, lease)
                keeping.cancel()

    async def _run_and_tell(self, job: JobRecord, lease: JobLease) -> None:
        try:
            await self._pipeline.run(job, lease)
        except LeaseLost:
            raise
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
            await self._catalog.jobs.retry_later(lease, delay_s=delay, code=failure.code, message=failure.message)
            return
        log.warning("the job failed", code=failure.code, error=failure.message)
        await self._catalog.jobs.fail(lease, code=failure.code, message=failure.message)
        self._telemetry.metrics.count_document(JobState.FAILED)
        await self._forget_quietly()

    async def _keep(self, lease: JobLease) -> None:
        """Prolong the lease until cancelled.

        Raises:
            LeaseLost: the job is no longer ours.
        """
        while True:
            await asyncio.sleep(self._settings.lease_s / RENEWALS_PER_LEASE)
            try:
                await self._catalog.jobs.renew(lease, lease_s=self._settings.lease_s)
            except LeaseLost:
                raise
            except FootnoteError as error:
                log.warning("the lease could not be renewed yet", error=str(error))

    async def _forget_quietly(self) -> None:
        """Drop what unfinished versions have left; what fails here is done at the next start."""
        try:
            await self._pipeline.forget(await self._catalog.versions.abandoned())
        except FootnoteError as error:
            log.warning("unfinished versions could not be dropped yet", error=str(error))
