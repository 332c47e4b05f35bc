"""What has expired: files whose time has come, and collections that nobody has used for as long as they say."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import retire_versions_of
from footnote.core.catalog.files import file_record
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import FileRecord, expiry_of


class Expiring:
    """Finds what has expired, for the process's own use: nobody's access is checked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def files(self, *, limit: int) -> tuple[FileRecord, ...]:
        """Return files whose time has come, those that are due longest first."""
        query = select(schema.File).where(schema.File.expires_at <= now()).order_by(schema.File.expires_at, schema.File.id).limit(limit)
        async with self._database.read() as session:
            return tuple([file_record(row) for row in await session.scalars(query)])

    async def collections(self) -> tuple[str, ...]:
        """Return the collections that have expired and still hold something."""
        collection = schema.Collection
        holds_something = exists().where(schema.Attachment.collection_id == collection.id)
        query = select(collection.id, collection.last_active_at, collection.expires_after_days).where(
            collection.expires_after_days.is_not(None), holds_something
        )
        async with self._database.read() as session:
            rows = (await session.execute(query.order_by(collection.id))).all()
        return tuple([row.id for row in rows if _is_over(row.last_active_at, row.expires_after_days)])

    async def empty(self, collection_id: str) -> Sequence[str]:
        """Detach everything from a collection, unless it was used in this moment; return the versions whose points have to go."""
        async with self._database.write() as session:
            row = await session.get(schema.Collection, collection_id, with_for_update=True)
            if row is None or not _is_over(row.last_active_at, row.expires_after_days):
                return ()
            return await _detach_all(session, collection_id)


async def _detach_all(session: AsyncSession, collection_id: str) -> tuple[str, ...]:
    of_it = schema.Attachment.collection_id == collection_id
    retired = await retire_versions_of(session, select(schema.Attachment.id).where(of_it))
    await session.execute(delete(schema.Attachment).where(of_it))
    return retired


def _is_over(last_active_at: datetime, days: int | None) -> bool:
    expires_at = expiry_of(last_active_at, days)
    return expires_at is not None and expires_at <= now()
