"""Storing files: bytes and record, in the order that leaves nothing half done."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from footnote.core.blobs import BlobStore, StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.erasures import Receipt
from footnote.core.catalog.records import FileRecord
from footnote.core.errors import StorageUnavailable
from footnote.core.types import Caller
from serving.erasing import Eraser

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What is recorded about an upload, known at the latest when its last byte has come."""

    filename: str
    purpose: str
    expires_at: datetime | None = None


class FileStore:
    """Files with their bytes. Equal bytes are shared, and the eraser's lock keeps one file's end from another's beginning."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore, eraser: Eraser) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._eraser = eraser

    async def store(
        self, content: AsyncIterator[bytes], *, caller: Caller, max_bytes: int, describe: Callable[[], UploadRecord]
    ) -> FileRecord:
        """Store bytes as they come in, and record them as a new file.

        Args:
            content: the bytes; when it raises, nothing is kept.
            caller: whose file it will be.
            max_bytes: the most that is accepted.
            describe: asked once ``content`` has ended.

        Raises:
            DocumentTooLarge: more than ``max_bytes`` came.
            StorageUnavailable, CatalogUnavailable: nothing is kept.
        """

        async def create(blob: StoredBlob) -> FileRecord:
            record = describe()
            return await self._catalog.files.create(
                owner=caller.owner,
                filename=record.filename,
                purpose=record.purpose,
                blob_sha256=blob.sha256,
                size_bytes=blob.size_bytes,
                media_type=None,  # ingestion finds it out by the content
                expires_at=record.expires_at,
            )

        file = await self.keep(content, max_bytes=max_bytes, record=create)
        await self._require_bytes(file, caller=caller)
        return file

    async def keep(self, content: AsyncIterator[bytes], *, max_bytes: int, record: Callable[[StoredBlob], Awaitable[Result]]) -> Result:
        """Store bytes as they come in, and return what recording them gives; what is not recorded in the end is not kept.

        Args:
            content: the bytes; when it raises, nothing is kept.
            max_bytes: the most that is accepted.
            record: writes into the catalog who refers to the bytes; nobody can remove them before it has ended.

        Raises:
            DocumentTooLarge: more than ``max_bytes`` came.
            StorageUnavailable, CatalogUnavailable: nothing is kept.
        """
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(aclosing(self._then_held(content, stack)))
            blob = await self._blobs.put(held, max_bytes=max_bytes)
            try:
                return await record(blob)
            finally:
                if not await self._catalog.files.known_blobs([blob.sha256]):
                    await self._blobs.delete(blob.sha256)

    async def release(self, sha256s: Sequence[str]) -> None:
        """Remove bytes that nothing refers to any more; those that somebody has stored again meanwhile stay."""
        for sha256 in sha256s:
            async with self._eraser.sharing:
                if await self._catalog.files.forget_unshared_blob(sha256):
                    await self._blobs.delete(sha256)

    async def erase(self, file_id: str, *, caller: Caller) -> Receipt:
        """Erase a file, as ``serving.erasing.Eraser.erase`` does."""
        return await self._eraser.erase(file_id, caller=caller)

    async def _require_bytes(self, file: FileRecord, *, caller: Caller) -> None:
        """Withdraw a file whose bytes another process removed, with the last file that had them, before this one was recorded.

        From the record on nobody does that; so this is asked after it.
        """
        if not await self._blobs.exists(file.blob_sha256):
            await self._eraser.erase(file.id, caller=caller)
            raise StorageUnavailable("The same bytes were erased at this moment.", hint="Upload the file again.")

    async def _then_held(self, content: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncGenerator[bytes]:
        """Pass the bytes on and, after the last one, keep blobs from being deleted until ``stack`` closes.

        The store finds out only at the end which blob the bytes are. From then until the file's record is written nothing else says
        that the blob is needed, and erasing another file with the same bytes would take it away.
        """
        async for piece in content:
            yield piece
        await stack.enter_async_context(self._eraser.sharing)
