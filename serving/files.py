"""Storing files: bytes and record, in the order that leaves nothing half done."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from footnote.core.blobs import BlobStore, StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.erasures import Receipt
from footnote.core.catalog.records import FileRecord
from footnote.core.shared_bytes import SharedBytes
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
    """Files with their bytes, which equal files share."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore, eraser: Eraser) -> None:
        self._catalog = catalog
        self._shared = SharedBytes(catalog=catalog, blobs=blobs)
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

        return await self.keep(content, max_bytes=max_bytes, record=create)

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
        return await self._shared.keep(content, max_bytes=max_bytes, record=record)

    async def release(self, sha256s: Sequence[str]) -> None:
        """Remove bytes that nothing refers to any more; those that somebody has stored again meanwhile stay."""
        await self._shared.release(sha256s)

    async def erase(self, file_id: str, *, caller: Caller) -> Receipt:
        """Erase a file, as ``serving.erasing.Eraser.erase`` does."""
        return await self._eraser.erase(file_id, caller=caller)
