"""One server where a store is embedded: a catalog may be shared, the folders of a data directory may not.

A second server on a data directory of its own would serve the same catalog from an empty index, and look for bytes that lie elsewhere.
Each server that embeds a store therefore holds a lease in the catalog, in the name of its data directory: restarted, it has it at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import DataDirectoryInUse, FootnoteError

LEASE = "embedded-stores"
TTL_S = 30.0
RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


@asynccontextmanager
async def only_server(catalog: Catalog, *, data_directory: str, embedded: list[str]) -> AsyncGenerator[None]:
    """Be the one server whose data directory holds stores of this catalog, for as long as the block lasts.

    Args:
        catalog: the one that is shared.
        data_directory: its id, the same whenever it is opened.
        embedded: which stores lie in it, each with the setting that would share it; for the message.

    Raises:
        DataDirectoryInUse: a server with another data directory is.
    """
    if not await catalog.leases.take(LEASE, holder=data_directory, ttl_s=TTL_S):
        raise DataDirectoryInUse(
            "Another server serves this catalog from its own data directory.",
            hint=f"Several servers need stores that they share: {', '.join(embedded)}. If the other one was moved here, wait {TTL_S:g} s.",
            param="catalog.url",
        )
    renewing = asyncio.create_task(_renew(catalog, data_directory), name="only-server")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with contextlib.suppress(FootnoteError):
            await catalog.leases.let_go(LEASE, holder=data_directory)


async def _renew(catalog: Catalog, data_directory: str) -> None:
    while True:
        await asyncio.sleep(TTL_S / RENEWALS_PER_LEASE)
        try:
            if not await catalog.leases.take(LEASE, holder=data_directory, ttl_s=TTL_S):
                log.error("another server serves this catalog from its own data directory: stop one of the two")
        except FootnoteError as error:
            log.warning("the lease of the only server could not be renewed yet", error=str(error))
