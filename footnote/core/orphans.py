"""Orphans: blobs whose upload was cut off after its bytes were stored and before its file was recorded."""

from collections.abc import AsyncIterator

import structlog

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.files import Files

BLOBS_PER_QUERY = 500
IN_FLIGHT_S = 3_600.0
"""Where other processes may be storing bytes at this moment, younger ones than this are theirs to record or to remove."""


async def remove_orphans(blobs: BlobStore, catalog: Catalog, *, older_than_s: float = 0.0) -> int:
    """Remove the blobs that no file refers to, and return how many there were.

    Only from a store that is marked as this installation's: a copy of a catalog, restored for a trial and set to the same store, would
    take everything that came since for orphans. An empty store is marked; so is one with blobs when the catalog, of an earlier version,
    has had no id and knows some of them. The store is gone through a page at a time, however large it is. Where files refer to none of the
    blobs nothing is removed: the catalog is then more likely the wrong one, or lost, than all of them orphans.

    Args:
        blobs: the store.
        catalog: who refers to blobs, and whose they are.
        older_than_s: leave what was stored later: ``IN_FLIGHT_S`` where other processes use the store.

    Raises:
        StorageUnavailable, CatalogUnavailable: what was removed until then is gone.
    """
    log = structlog.get_logger(__name__)
    files = catalog.files
    own, is_new = await catalog.installation.id()
    marked = await blobs.installation()
    if marked is None and await is_empty(blobs):
        await blobs.mark(own)
        return 0
    if marked != own and (marked is not None or not is_new):
        log.warning("the stored files are marked as another installation's: none is removed as left over", marked=marked, installation=own)
        return 0
    n_removed = 0
    is_ours = False
    waiting: list[str] = []
    async for some in _batches(blobs.iterate(older_than_s=older_than_s)):
        known = await files.known_blobs(some)
        if known and not is_ours:
            is_ours = True
            if marked is None:
                await blobs.mark(own)
        waiting += [sha256 for sha256 in some if sha256 not in known]
        if is_ours:
            n_removed += await _remove(waiting, blobs=blobs, files=files)
            waiting.clear()
    if waiting:
        log.warning("the catalog knows none of the stored files: they are left where they are", blobs=len(waiting))
    if n_removed:
        log.info("bytes of uploads that were cut off have been removed", blobs=n_removed)
    return n_removed


async def is_empty(blobs: BlobStore) -> bool:
    """Say whether no blob is stored."""
    async for _ in blobs.iterate():
        return False
    return True


async def _remove(sha256s: list[str], *, blobs: BlobStore, files: Files) -> int:
    return sum([await files.remove_unreferenced(sha256, remove_bytes=blobs.delete) for sha256 in sha256s])


async def _batches(hashes: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for sha256 in hashes:
        batch.append(sha256)
        if len(batch) == BLOBS_PER_QUERY:
            yield batch
            batch = []
    if batch:
        yield batch
