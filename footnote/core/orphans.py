"""Orphans: blobs whose upload was cut off after its bytes were stored and before its file was recorded."""

from collections.abc import AsyncIterator

import structlog

from footnote.core.blobs import BlobStore
from footnote.core.catalog.files import Files

BLOBS_PER_QUERY = 500


async def remove_orphans(blobs: BlobStore, files: Files) -> int:
    """Remove the blobs that no file refers to, and return how many there were. Only for whoever owns the store, before uploads begin.

    Where files refer to none of the blobs nothing is removed: the catalog is then more likely the wrong one, or lost, than all of them
    orphans, and the bytes would be the last thing that is left.

    Raises:
        StorageUnavailable, CatalogUnavailable: what was removed until then is gone.
    """
    orphans: list[str] = []
    n_known = 0
    async for some in _batches(blobs.iterate()):
        known = await files.known_blobs(some)
        n_known += len(known)
        orphans += [sha256 for sha256 in some if sha256 not in known]
    if not orphans:
        return 0
    log = structlog.get_logger(__name__)
    if n_known == 0:
        log.warning("the catalog knows none of the stored files: they are left where they are", blobs=len(orphans))
        return 0
    for sha256 in orphans:
        await files.forget_unshared_blob(sha256)
        await blobs.delete(sha256)
    log.info("bytes of uploads that were cut off have been removed", blobs=len(orphans))
    return len(orphans)


async def _batches(hashes: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for sha256 in hashes:
        batch.append(sha256)
        if len(batch) == BLOBS_PER_QUERY:
            yield batch
            batch = []
    if batch:
        yield batch
