"""Expiry: files whose time has come are erased, collections that nobody uses are emptied, uploads that were never finished removed.

Whoever keeps house also lets the index follow changes of attributes that were cut off.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import FootnoteError
from footnote.core.shared_bytes import SharedBytes
from retrieval.spaces import forget_versions
from serving.erasing import Eraser, Points
from serving.points import Payloads, follow_left_changes

LEASE = "expire"
EVERY_S = 60.0
LEFT_ALONE_S = 600.0
"""An erasure that was begun so recently is taken to be somebody's who still waits for its answer."""

FILES_AT_ONCE = 100
"""Files that are erased together: the index is rewritten once for all of them."""

log = structlog.get_logger(__name__)


async def expire(catalog: Catalog, *, eraser: Eraser, points: Points) -> tuple[int, int]:
    """Erase the files that have expired and empty the collections that have; return how many of each.

    Raises:
        FootnoteError: a store does not answer; what is left is found again the next time.
    """
    n_files = n_collections = 0
    while files := await catalog.expiring.files(limit=FILES_AT_ONCE):
        n_files += len(await eraser.erase_all(files))
    for collection_id in await catalog.expiring.collections():
        retired = await catalog.expiring.empty(collection_id)
        await forget_versions(retired, catalog=catalog, index=points)
        n_collections += bool(retired)
        log.info("a collection has expired", collection_id=collection_id, versions=len(retired))
    return n_files, n_collections


class KeptPoints(Points, Payloads, Protocol):
    """What housekeeping needs of the index, or of those of all spaces."""


class Housekeeping:
    """Finishes what was cut off, and lets expire what has: every minute, in one process of the installation at a time."""

    def __init__(self, catalog: Catalog, *, eraser: Eraser, points: KeptPoints, blobs: BlobStore) -> None:
        self._catalog = catalog
        self._shared = SharedBytes(catalog=catalog, blobs=blobs)
        self._eraser = eraser
        self._points = points
        self._holder = uuid.uuid4().hex
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the background: rewriting a large index takes its time."""
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            with contextlib.suppress(FootnoteError):
                await self._catalog.leases.let_go(LEASE, holder=self._holder)

    async def _run(self) -> None:
        """Go on for ever. What was cut off is gone on with first, whoever keeps house: nobody waits for an answer of this process yet."""
        await self._survive(follow_left_changes(self._catalog, index=self._points))
        await self._survive(self._eraser.finish_begun())
        while True:
            await self._survive(self._keep_house())
            await asyncio.sleep(EVERY_S)
            await self._survive(follow_left_changes(self._catalog, index=self._points))

    async def _keep_house(self) -> None:
        if not await self._catalog.leases.take(LEASE, holder=self._holder, ttl_s=2 * EVERY_S):
            return
        await self._eraser.finish_begun(older_than_s=LEFT_ALONE_S)
        await expire(self._catalog, eraser=self._eraser, points=self._points)
        await self._shared.release(await self._catalog.uploads.expire())

    async def _survive(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something; whatever goes wrong is told, and tried again the next time."""
        try:
            await work
        except FootnoteError as error:
            log.warning("housekeeping has to wait", error=str(error))
        except Exception:  # the supervisor: what is not foreseen is logged whole
            log.exception("housekeeping stumbled")
