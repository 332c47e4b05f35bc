"""Large files in parts: each part is stored as it comes, and together they become a file like any other."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from footnote.core.blobs import BlobStore, StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import PartialUpload, UploadPart
from footnote.core.errors import Conflict, InvalidInput
from footnote.core.types import Caller
from serving.files import FileStore

LIVES_S = 3_600
"""How long the parts of an upload may be sent."""

MAX_PART_BYTES = 64 * 1024 * 1024


class UploadStore:
    """Uploads with the bytes of their parts."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore, files: FileStore) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._files = files

    async def create(
        self, *, caller: Caller, filename: str, purpose: str, size_bytes: int, file_expires_after_s: int | None = None
    ) -> PartialUpload:
        """Announce a file. What others announced and did not finish in time is removed on the occasion."""
        await self._files.release(await self._catalog.uploads.expire())
        return await self._catalog.uploads.create(
            owner=caller.owner,
            filename=filename,
            purpose=purpose,
            size_bytes=size_bytes,
            lives_s=LIVES_S,
            file_expires_after_s=file_expires_after_s,
        )

    async def add_part(self, upload_id: str, content: AsyncIterator[bytes], *, caller: Caller) -> UploadPart:
        """Store a part.

        Raises:
            NotFound: there is no such upload, or it is somebody else's.
            Conflict: it is completed, cancelled or expired.
            DocumentTooLarge: the part is over the limit, or the parts hold far more than was announced.
        """
        await self._catalog.uploads.require_pending(upload_id, owner=caller.owner)  # before anything is read

        async def record(blob: StoredBlob) -> UploadPart:
            return await self._catalog.uploads.add_part(upload_id, blob, owner=caller.owner)

        return await self._files.keep(content, max_bytes=MAX_PART_BYTES, record=record)

    async def complete(self, upload_id: str, part_ids: Sequence[str], *, caller: Caller, md5: str | None = None) -> PartialUpload:
        """Make a file of parts, in the order in which they are named. Asked again, because the answer was lost, it is the same file.

        Raises:
            NotFound, Conflict: as in ``add_part``.
            InvalidInput: a part is unknown, or size or md5 are not what they should be; the upload goes on.
        """
        try:
            return await self._complete(upload_id, part_ids, caller=caller, md5=md5)
        except Conflict:
            done = await self._catalog.uploads.completed(upload_id, owner=caller.owner)
            if done is None or done.file is None:
                raise
            return done

    async def _complete(self, upload_id: str, part_ids: Sequence[str], *, caller: Caller, md5: str | None) -> PartialUpload:
        upload, parts = await self._catalog.uploads.chosen_parts(upload_id, part_ids, owner=caller.owner)

        async def record(blob: StoredBlob) -> tuple[PartialUpload, tuple[str, ...]]:
            return await self._catalog.uploads.complete(upload_id, blob, owner=caller.owner)

        async with aclosing(self._joined(parts, md5=md5)) as content:
            completed, released = await self._files.keep(content, max_bytes=upload.size_bytes, record=record)
        await self._files.release(released)
        return completed

    async def cancel(self, upload_id: str, *, caller: Caller) -> PartialUpload:
        """Give an upload up; its parts are removed.

        Raises:
            NotFound, Conflict: as in ``add_part``.
        """
        cancelled, released = await self._catalog.uploads.cancel(upload_id, owner=caller.owner)
        await self._files.release(released)
        return cancelled

    async def _joined(self, parts: Sequence[UploadPart], *, md5: str | None) -> AsyncGenerator[bytes]:
        digest = hashlib.md5(usedforsecurity=False)
        for part in parts:
            async for piece in self._blobs.read(part.sha256):
                digest.update(piece)
                yield piece
        if md5 is not None and digest.hexdigest() != md5.lower():
            raise InvalidInput(
                f"The parts have the md5 {digest.hexdigest()}, not {md5}.",
                hint="Send them again: something was lost.",
                param="md5",
            )
