"""Sweeping up after workers that are gone. Every worker could do it; which one does is settled by a lease in the catalog."""

from collections.abc import Awaitable, Callable, Collection

import structlog

from footnote.core.catalog.catalog import Catalog

LEASE = "sweep"
DEAD_AFTER_LEASES = 3
"""A worker that was silent for so many leases is dead: it could have renewed each of them three times."""

log = structlog.get_logger(__name__)


class Sweeper:
    """Puts back what dead workers held, lets re-indexings follow what comes, and forgets what nobody goes on with.

    Args:
        catalog: what is swept.
        worker_id: who sweeps.
        lease_s: how long a worker may be silent before its jobs are another's.
        max_attempts: tries for a document.
        forget_abandoned: takes versions that were given up out of the index, then out of the catalog.
    """

    def __init__(
        self, catalog: Catalog, *, worker_id: str, lease_s: float, max_attempts: int, forget_abandoned: Callable[[], Awaitable[None]]
    ) -> None:
        self._catalog = catalog
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._max_attempts = max_attempts
        self._forget_abandoned = forget_abandoned

    async def sweep(self, *, in_hand: Collection[str] = ()) -> bool:
        """Sweep once, if it is this worker's turn; say whether it was. The jobs that it has in hand itself stay there."""
        if not await self._catalog.leases.take(LEASE, holder=self._worker_id, ttl_s=self._lease_s):
            return False
        dead = [
            worker for worker in await self._catalog.workers.dead(silent_s=DEAD_AFTER_LEASES * self._lease_s) if worker != self._worker_id
        ]
        n_put_back = await self._catalog.jobs.put_back_lapsed(dead_workers=dead, in_hand=in_hand)
        n_failed = await self._catalog.jobs.fail_worn_out(max_attempts=self._max_attempts)
        if dead:
            await self._catalog.workers.remove(dead)
        if dead or n_put_back or n_failed:
            log.warning("swept up after workers that are gone", workers=len(dead), jobs_put_back=n_put_back, jobs_failed=n_failed)
        await self._catalog.reindexes.drop_expired()
        await self._catalog.reindexes.queue_all_missing()
        await self._forget_abandoned()
        return True

    async def stop(self) -> None:
        """Let another worker sweep."""
        await self._catalog.leases.let_go(LEASE, holder=self._worker_id)
