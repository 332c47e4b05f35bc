"""Keeping what a worker holds: its heartbeat, the leases of its jobs, and word of those that were taken away.

A database that is away for a while is waited for: jobs go on meanwhile, and what nobody took over is still this worker's when it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from footnote.core.catalog.jobs import JobLease, Jobs
from footnote.core.errors import FootnoteError

RENEWALS_PER_LEASE = 3
LONGEST_LOOK_S = 1.0
"""How soon a job that was cancelled is noticed: it frees a parser."""

log = structlog.get_logger(__name__)


class LeaseKeeper:
    """Renews leases until it is cancelled.

    Args:
        jobs: where leases stand.
        lease_s: how long one holds.
        beat: writes the worker's heartbeat.
    """

    def __init__(self, jobs: Jobs, *, lease_s: float, beat: Callable[[], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._lease_s = lease_s
        self._beat = beat
        self._held: dict[JobLease, Callable[[], object]] = {}
        self.trouble: str | None = None

    def hold(self, lease: JobLease, *, on_lost: Callable[[], object]) -> None:
        """Keep a lease from now on, and call ``on_lost`` once where it is somebody else's."""
        self._held[lease] = on_lost

    def let_go(self, lease: JobLease) -> None:
        """Keep a lease no longer."""
        self._held.pop(lease, None)

    @property
    def job_ids(self) -> frozenset[str]:
        """The jobs whose leases are kept."""
        return frozenset(lease.job_id for lease in self._held)

    async def run(self) -> None:
        """Look after all that is held, for ever."""
        loop = asyncio.get_running_loop()
        every_s = self._lease_s / RENEWALS_PER_LEASE
        due = loop.time()
        while True:
            renewing = loop.time() >= due
            try:
                await self._look_after(renewing=renewing)
            except FootnoteError as error:
                self._worry(error)
            else:
                self.trouble = None
                due = loop.time() + every_s if renewing else due
            await asyncio.sleep(min(every_s, LONGEST_LOOK_S))

    async def _look_after(self, *, renewing: bool) -> None:
        leases = list(self._held)
        if renewing:
            await self._beat()
            lost = await self._jobs.renew_all(leases, lease_s=self._lease_s) if leases else []
        else:
            lost = await self._jobs.lost(leases)
        for lease in lost:
            on_lost = self._held.pop(lease, None)
            if on_lost is not None:  # it may have ended meanwhile
                on_lost()

    def _worry(self, error: FootnoteError) -> None:
        if self.trouble is None:
            log.warning("leases could not be renewed yet", error=str(error))
        self.trouble = f"Leases cannot be renewed: {error}"
