"""Storing and erasing files: bytes, record, and everything that was made of them, in the order that leaves nothing half done."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import FileRecord
from footnote.core.types import Caller
from retrieval.index.port import Index


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What is recorded about an upload, known at the latest when its last byte has come."""

    filename: str
    purpose: str
    expires_at: datetime | None = None


class FileStore:
    """Files with their bytes. One per process: equal bytes are shared, and a lock keeps one file's end from another's beginning."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore, index: Index) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._index = index
        self._sharing = asyncio.Lock()

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
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(aclosing(self._then_held(content, stack)))
            blob = await self._blobs.put(held, max_bytes=max_bytes)
            try:
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
            finally:
                if not await self._catalog.files.known_blobs([blob.sha256]):
                    await self._blobs.delete(blob.sha256)

    async def erase(self, file_id: str, *, caller: Caller) -> None:
        """Erase a file from all collections, the index, the catalog and, where nobody else has the same bytes, the blob store.

        When something does not answer in the middle, the file is still there and can be erased again.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        await self._catalog.files.get(file_id, owner=caller.owner)
        retired = await self._catalog.attachments.detach_everywhere(file_id)
        await self._index.delete_versions(retired)
        await self._catalog.versions.forget(retired)
        async with self._sharing:
            record = await self._catalog.files.delete(file_id, owner=caller.owner)
            if await self._catalog.files.forget_unshared_blob(record.blob_sha256):
                await self._blobs.delete(record.blob_sha256)
        await self._catalog.database.checkpoint()  # the write-ahead log still holds the text that is gone from the database

    async def _then_held(self, content: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncGenerator[bytes]:
        """Pass the bytes on and, after the last one, keep blobs from being deleted until ``stack`` closes.

        The store finds out only at the end which blob the bytes are. From then until the file's record is written nothing else says
        that the blob is needed, and erasing another file with the same bytes would take it away.
        """
        async for piece in content:
            yield piece
        await stack.enter_async_context(self._sharing)
