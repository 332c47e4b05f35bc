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
from footnote.core.types import JobState
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
        optimize_after_points: int,
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._catalog = catalog
        self._index = index
        self._pipeline = pipeline
        self._settings = settings
        self._telemetry = telemetry
        self._optimize_after_points = optimize_after_points
        self._points_since_optimize = 0
        self._work_waits = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._optimizing: asyncio.Task[None] | None = None

    async def start(self, *, alone: bool) -> None:
        """Tidy up after a process that was killed, and begin to work.

        Args:
            alone: no other worker uses this catalog, so that every lease that is still held is a dead process's.
        """
        if alone:
            await self._catalog.jobs.release_all()
        await self._pipeline.forget(await self._catalog.versions.abandoned())
        self._tasks = [asyncio.create_task(self._work(), name=f"ingestion-{n}") for n in range(JOBS_AT_ONCE)]

    def wake(self) -> None:
        """Say that a job waits."""
        self._work_waits.set()

    async def close(self) -> None:
        """Stop, and put back what is in hand."""
        tasks = [*self._tasks, *([self._optimizing] if self._optimizing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(FootnoteError):
            await self._catalog.jobs.release_all(worker_id=self.id)

    async def _work(self) -> None:
        while True:
            try:
                claimed = await self._catalog.jobs.claim(worker_id=self.id, lease_s=self._settings.lease_s)
            except FootnoteError as error:
                log.warning("the queue cannot be read", error=str(error))
                await asyncio.sleep(POLL_S)
                continue
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
        keeping = asyncio.create_task(self._keep(lease))
        try:
            with structlog.contextvars.bound_contextvars(job_id=job.id):
                await self._run_and_tell(job, lease)
        except LeaseLost:
            log.info("the job was taken away", job_id=job.id)
            await self._forget_quietly()
        except FootnoteError as error:
            # The outcome could not be written: the lease runs out and the job is done again.
            log.warning("the job's outcome could not be written", job_id=job.id, error=str(error))
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _run_and_tell(self, job: JobRecord, lease: JobLease) -> None:
        try:
            n_points = await self._pipeline.run(job, lease)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the supervisor of all steps: whatever goes wrong is written into the job
            await self._tell_failure(job, lease, error)
        else:
            self._telemetry.metrics.count_document(JobState.COMPLETED)
            self._optimize_when_due(n_points)

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
        while True:
            await asyncio.sleep(self._settings.lease_s / RENEWALS_PER_LEASE)
            with contextlib.suppress(FootnoteError):
                await self._catalog.jobs.renew(lease, lease_s=self._settings.lease_s)

    async def _forget_quietly(self) -> None:
        """Drop what unfinished versions have left; what fails here is done at the next start."""
        try:
            await self._pipeline.forget(await self._catalog.versions.abandoned())
        except FootnoteError as error:
            log.warning("unfinished versions could not be dropped yet", error=str(error))

    def _optimize_when_due(self, n_points: int) -> None:
        self._points_since_optimize += n_points
        if self._points_since_optimize < self._optimize_after_points or (self._optimizing and not self._optimizing.done()):
            return
        self._points_since_optimize = 0
        self._optimizing = asyncio.create_task(self._optimize(), name="optimize")

    async def _optimize(self) -> None:
        try:
            with self._telemetry.stage("optimize"):
                await self._index.optimize()
        except FootnoteError as error:
            log.warning("the index could not be optimized", error=str(error))
