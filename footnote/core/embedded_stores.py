"""Embedded stores beside a shared catalog: every server has to use the same folder, or it would serve what lies elsewhere.

A second server on a data directory of its own would answer from an empty index, and look for bytes that it has not. Each server therefore
holds a lease in the catalog for each store that it embeds, in the name of the store's folder: restarted, it has it at once, and servers
that mount the same folder hold it together.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from footnote.core.catalog.catalog import Catalog
from footnote.core.data_directory import DataDirectory, folder_id
from footnote.core.errors import DataDirectoryInUse, FootnoteError
from footnote.core.settings import Settings

TTL_S = 30.0
RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedStore:
    """A store in a folder: what it keeps, where, and what to set so that servers can share it."""

    name: str
    folder: Path
    remedy: str

    @property
    def lease(self) -> str:
        return f"folder-of-{self.name}"


def embedded_stores(settings: Settings, directory: DataDirectory) -> list[EmbeddedStore]:
    """Return the stores that lie in the data directory."""
    stores: list[EmbeddedStore] = []
    if settings.index.kind == "edge":
        stores.append(EmbeddedStore("index", directory.path, "set index.kind to `qdrant`, and index.url"))
    if settings.blobs.url is None:
        stores.append(EmbeddedStore("files", directory.blobs, "set blobs.url to `s3://…`, or mount the same folder"))
    return stores


@asynccontextmanager
async def the_folder_of(catalog: Catalog, store: EmbeddedStore) -> AsyncGenerator[None]:
    """See to it that no server uses another folder for this store of the catalog, for as long as the block lasts.

    Raises:
        DataDirectoryInUse: one does.
    """
    holder = folder_id(store.folder)
    if not await catalog.leases.take(store.lease, holder=holder, ttl_s=TTL_S):
        raise DataDirectoryInUse(
            f"Another server serves this catalog, and has its {store.name} in a folder of its own.",
            hint=f"To run several, {store.remedy}. If the other one has just been stopped for good, wait {TTL_S:g} s.",
            param="catalog.url",
        )
    renewing = asyncio.create_task(_renew(catalog, store, holder), name=store.lease)
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with contextlib.suppress(FootnoteError):
            await catalog.leases.let_go(store.lease, holder=holder)


async def _renew(catalog: Catalog, store: EmbeddedStore, holder: str) -> None:
    while True:
        await asyncio.sleep(TTL_S / RENEWALS_PER_LEASE)
        try:
            if not await catalog.leases.take(store.lease, holder=holder, ttl_s=TTL_S):
                log.error("another server has a store of this catalog in a folder of its own: stop one of the two", store=store.name)
        except FootnoteError as error:
            log.warning("a lease could not be renewed yet", lease=store.lease, error=str(error))
