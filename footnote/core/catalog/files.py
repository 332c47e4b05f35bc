"""Files and blobs: a new upload is always a new file, its bytes are shared and counted."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.catalog.records import FileRecord
from footnote.core.errors import NotFound
from footnote.core.ids import new_id


class Files:
    """Reads and writes files. Everything is asked for by its owner; somebody else's file is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        *,
        owner: str,
        filename: str,
        purpose: str,
        blob_sha256: str,
        size_bytes: int,
        media_type: str | None,
        expires_at: datetime | None = None,
    ) -> FileRecord:
        """Record an upload whose bytes are stored already."""
        row = schema.File(
            id=new_id("file"),
            owner=owner,
            blob_sha256=blob_sha256,
            filename=filename,
            purpose=purpose,
            media_type=media_type,
            size_bytes=size_bytes,
            created_at=now(),
            expires_at=expires_at,
        )
        async with self._database.write() as session:
            await refer(session, sha256=blob_sha256, size_bytes=size_bytes)
            session.add(row)
        return file_record(row)

    async def get(self, file_id: str, *, owner: str) -> FileRecord:
        """Return a file.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.read() as session:
            row = await session.get(schema.File, file_id)
        if row is None or row.owner != owner:
            raise NotFound(f"There is no file {file_id}.", param="file_id")
        return file_record(row)

    async def list(self, *, owner: str, paging: Paging, purpose: str | None = None) -> Page[FileRecord]:
        """Return the owner's files, newest first unless asked otherwise."""
        query = select(schema.File).where(schema.File.owner == owner)
        if purpose is not None:
            query = query.where(schema.File.purpose == purpose)
        async with self._database.read() as session:
            return await page_of(session, query, schema.File, paging, file_record)

    async def forget_unshared_blob(self, sha256: str) -> bool:
        """Drop the record of a blob that no file refers to any more; say whether its bytes are to be removed."""
        async with self._database.write() as session:
            gone = await session.execute(
                delete(schema.Blob).where(schema.Blob.sha256 == sha256, schema.Blob.n_references <= 0).returning(schema.Blob.sha256)
            )
            return gone.scalar_one_or_none() is not None

    async def remove_unreferenced(self, sha256: str, *, remove_bytes: Callable[[str], Awaitable[None]]) -> bool:
        """Remove the bytes of a blob that nothing refers to, and its record; say whether that was so.

        Nobody can begin to refer to it meanwhile: who does so later finds the bytes gone, and puts them back.
        """
        async with self._database.write() as session:
            blob = await session.get(schema.Blob, sha256, with_for_update=True)
            if blob is not None and blob.n_references > 0:
                return False
            if blob is not None:
                await session.delete(blob)
                await session.flush()
            await remove_bytes(sha256)
            return True

    async def known_blobs(self, sha256s: Sequence[str]) -> frozenset[str]:
        """Return those of the hashes that files refer to."""
        async with self._database.read() as session:
            found = await session.scalars(select(schema.Blob.sha256).where(schema.Blob.sha256.in_(sha256s), schema.Blob.n_references > 0))
            return frozenset(found)


def file_record(row: schema.File) -> FileRecord:
    return FileRecord(
        id=row.id,
        owner=row.owner,
        blob_sha256=row.blob_sha256,
        filename=row.filename,
        purpose=row.purpose,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


async def refer(session: AsyncSession, *, sha256: str, size_bytes: int) -> None:
    """Count one more reference to a blob."""
    blob = await session.get(schema.Blob, sha256, with_for_update=True)
    if blob is None:
        session.add(schema.Blob(sha256=sha256, size_bytes=size_bytes, n_references=1, created_at=now()))
        await session.flush()
    else:
        blob.n_references += 1
