"""Orphans: blobs whose upload was cut off after its bytes were stored and before its file was recorded."""

from collections.abc import AsyncIterator

import structlog

from footnote.core.blobs import BlobStore
from footnote.core.catalog.files import Files

BLOBS_PER_QUERY = 500
IN_FLIGHT_S = 3_600.0
"""Where other processes may be storing bytes at this moment, younger ones than this are theirs to record or to remove."""


async def remove_orphans(blobs: BlobStore, files: Files, *, older_than_s: float = 0.0) -> int:
    """Remove the blobs that no file refers to, and return how many there were.

    The store is gone through a page at a time, however large it is. Where files refer to none of the blobs nothing is removed: the
    catalog is then more likely the wrong one, or lost, than all of them orphans, and the bytes would be the last thing that is left.

    Args:
        blobs: the store.
        files: who refers to blobs.
        older_than_s: leave what was stored later: ``IN_FLIGHT_S`` where other processes use the store.

    Raises:
        StorageUnavailable, CatalogUnavailable: what was removed until then is gone.
    """
    log = structlog.get_logger(__name__)
    n_removed = 0
    is_ours = False
    waiting: list[str] = []
    async for some in _batches(blobs.iterate(older_than_s=older_than_s)):
        known = await files.known_blobs(some)
        is_ours = is_ours or bool(known)
        waiting += [sha256 for sha256 in some if sha256 not in known]
        if is_ours:
            n_removed += await _remove(waiting, blobs=blobs, files=files)
            waiting.clear()
    if waiting:
        log.warning("the catalog knows none of the stored files: they are left where they are", blobs=len(waiting))
    if n_removed:
        log.info("bytes of uploads that were cut off have been removed", blobs=n_removed)
    return n_removed


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
