"""Bytes that files share: kept with the record that refers to them, removed with the last one, by any number of processes at once.

The catalog decides: a reference is written, and a blob removed, in writes beside which there is no other. Whoever refers to bytes looks
in that very write whether they are there, and puts them back where somebody has just removed them with what was then the last
reference. So no record ever stands without its bytes, and what a process that died has left are bytes without a record: orphans.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from footnote.core.blobs import BlobStore, StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import FootnoteError, StorageUnavailable

Result = TypeVar("Result")

ATTEMPTS = 5
"""Bytes that are removed again and again between two moments are no coincidence any more."""

BYTES_GONE = "bytes_gone"
"""They were removed after they were stored and before their record was written."""


log = structlog.get_logger(__name__)


class SharedBytes:
    """Keeps and removes bytes together with their records."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._undoing: set[asyncio.Task[None]] = set()

    async def keep(self, content: AsyncIterator[bytes], *, max_bytes: int, record: Callable[[StoredBlob], Awaitable[Result]]) -> Result:
        """Store a stream together with its record, and return what recording it gives. When it raises, neither is left.

        Args:
            content: the bytes.
            max_bytes: the most that is accepted.
            record: writes into the catalog who refers to the bytes; called again where they had to be put back.

        Raises:
            DocumentTooLarge: more than ``max_bytes`` came.
            StorageUnavailable, CatalogUnavailable: a store does not do its part.
        """
        async with self._blobs.receive(content, max_bytes=max_bytes) as received:
            for attempt in range(1, ATTEMPTS + 1):
                keeping = asyncio.create_task(received.keep(), name="keep bytes")
                try:
                    await asyncio.shield(keeping)
                    return await self._recorded(received.blob, record)
                except BaseException as error:
                    if attempt < ATTEMPTS and isinstance(error, StorageUnavailable) and error.code == BYTES_GONE:
                        continue
                    await self._undo(keeping, received.blob)
                    raise
            raise AssertionError("the last attempt returns or raises")

    async def release(self, sha256s: Iterable[str]) -> None:
        """Remove the bytes that nothing refers to (any more); the others stay."""
        for sha256 in sha256s:
            await self._catalog.files.remove_unreferenced(sha256, remove_bytes=self._blobs.delete)

    async def _undo(self, keeping: asyncio.Task[None], blob: StoredBlob) -> None:
        """Release bytes whose record is not written. Whoever is cancelled once more while they wait for it leaves it to be done."""
        undoing = asyncio.create_task(self._release_after(keeping, blob), name="release bytes")
        self._undoing.add(undoing)
        undoing.add_done_callback(self._undoing.discard)
        await asyncio.shield(undoing)

    async def _release_after(self, keeping: asyncio.Task[None], blob: StoredBlob) -> None:
        """Wait for what puts the bytes into the store, since a thread cannot be cancelled, and remove them after that."""
        await asyncio.gather(keeping, return_exceptions=True)
        try:
            await self.release([blob.sha256])
        except FootnoteError as error:  # why the bytes are not kept is what the caller has to know
            log.warning("bytes without a record could not be removed: they are left to be swept", sha256=blob.sha256, error=str(error))

    async def _recorded(self, blob: StoredBlob, record: Callable[[StoredBlob], Awaitable[Result]]) -> Result:
        async def recorded() -> Result:
            outcome = await record(blob)
            await self._require(blob)
            return outcome

        (outcome,) = await self._catalog.database.together([recorded])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _require(self, blob: StoredBlob) -> None:
        if not await self._blobs.exists(blob.sha256):
            raise StorageUnavailable("The same bytes were erased at this moment.", hint="Upload the file again.", code=BYTES_GONE)
