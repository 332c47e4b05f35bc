"""The queue as a server sees it that leaves reading documents to others."""

from datetime import timedelta

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.errors import FootnoteError
from footnote.core.types import PartHealth
from ingestion.sweeper import DEAD_AFTER_LEASES


class QueueElsewhere:
    """Tells whether anybody reads documents. Nobody has to be woken: workers look for jobs every second."""

    def __init__(self, catalog: Catalog, *, lease_s: float) -> None:
        self._catalog = catalog
        self._silent_s = DEAD_AFTER_LEASES * lease_s

    def wake(self) -> None:
        """Do nothing."""

    async def health(self) -> PartHealth:
        """Say how many workers have been heard of. Questions are answered without any, so this part is always ready."""
        try:
            workers = await self._catalog.workers.all()
        except FootnoteError as error:
            return PartHealth(name="ingestion", ready=True, detail=f"Whether documents are read cannot be said: {error}")
        n_alive = sum(worker.heartbeat_at > now() - timedelta(seconds=self._silent_s) for worker in workers)
        detail = f"Documents are read by {n_alive} of `footnote worker`." if n_alive else "No worker lives: start `footnote worker`."
        return PartHealth(name="ingestion", ready=True, detail=detail, facts={"workers": n_alive})
