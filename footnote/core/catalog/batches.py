"""Batches: files that one request attached to a collection, followed and cancelled together."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.attaching import Attached, NewAttachment, attach_files, standing_of
from footnote.core.catalog.attachment_pages import page_of_attachments, usages
from footnote.core.catalog.attachments import cancel_attachment
from footnote.core.catalog.collections import require_open, require_readable, require_unexpired
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging
from footnote.core.catalog.readers import readable_by
from footnote.core.catalog.records import AttachmentRecord, BatchRecord, CollectionRecord, Usage
from footnote.core.catalog.states import ApiState
from footnote.core.errors import AccessDenied, Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Caller, JobState


class Batches:
    """Reads and writes batches. Who may read the collection may see its batches, and of their files those that they may read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, collection_id: str, wanted: Sequence[NewAttachment], *, caller: Caller) -> tuple[BatchRecord, Attached]:
        """Attach files, all or none, in one write; one that another batch attached belongs to this one from now on.

        Raises:
            NotFound, AccessDenied, InvalidInput: as in ``Attachments.attach_all``.
        """
        async with self._database.write() as session:
            collection = require_unexpired(await require_open(session, collection_id, caller))
            row = schema.FileBatch(id=new_id("vsfb"), collection_id=collection.id, owner=caller.owner, created_at=now())
            session.add(row)
            await session.flush()
            attached = await attach_files(session, collection, wanted, caller=caller, batch_id=row.id)
        return _record(row), attached

    async def get(self, collection_id: str, batch_id: str, *, caller: Caller) -> tuple[BatchRecord, Usage]:
        """Return a batch, and how far its files are.

        Raises:
            NotFound: there is none in this collection, or the caller may not read the collection.
        """
        async with self._database.read() as session:
            row, _ = await _readable(session, collection_id, batch_id, caller)
            return _record(row), await _usage(session, batch_id, caller)

    async def cancel(self, collection_id: str, batch_id: str, *, caller: Caller) -> tuple[BatchRecord, Usage]:
        """End the reading of those files of a batch that are not done; the others stay.

        Raises:
            NotFound: as in ``get``.
            AccessDenied: it is somebody else's.
            Conflict: all its files are done already.
        """
        async with self._database.write() as session:
            row, collection = await _readable(session, collection_id, batch_id, caller)
            if caller.owner not in (row.owner, collection.owner):
                raise AccessDenied(f"The batch {batch_id} was made by somebody else.", hint="Ask its owner, or the collection's.")
            open_rows = await _open(session, batch_id)
            if not open_rows and row.cancelled_at is None:
                raise Conflict(f"The batch {batch_id} has no file that is being read any more.", param="batch_id")
            for each in open_rows:
                await cancel_attachment(session, each)
            row.cancelled_at = row.cancelled_at or now()
            await session.flush()
            return _record(row), await _usage(session, batch_id, caller)

    async def list(
        self, collection_id: str, batch_id: str, *, caller: Caller, paging: Paging, state: ApiState | None = None
    ) -> Page[AttachmentRecord]:
        """Return the attachments of a batch that the caller may read, by file id.

        Raises:
            NotFound: as in ``get``.
        """
        async with self._database.read() as session:
            await _readable(session, collection_id, batch_id, caller)
            of_it = schema.Attachment.batch_id == batch_id
            return await page_of_attachments(session, of_it, readable_by(session, caller), paging=paging, state=state)


async def _readable(session: AsyncSession, collection_id: str, batch_id: str, caller: Caller) -> tuple[schema.FileBatch, CollectionRecord]:
    collection = await require_readable(session, collection_id, caller)
    row = await session.get(schema.FileBatch, batch_id)
    if row is None or row.collection_id != collection.id:
        raise NotFound(f"There is no file batch {batch_id} in the collection {collection_id}.", param="batch_id")
    return row, collection


async def _open(session: AsyncSession, batch_id: str) -> list[schema.Attachment]:
    """Return the attachments of a batch whose job goes on, twins first: one that goes before its like does not become its heir."""
    query = select(schema.Attachment).where(schema.Attachment.batch_id == batch_id)
    rows = (await session.scalars(query.order_by(schema.Attachment.twin_of_id.is_(None), schema.Attachment.id))).all()
    return [row for row in rows if await _is_open(session, row)]


async def _is_open(session: AsyncSession, row: schema.Attachment) -> bool:
    standing = await standing_of(session, row)
    job = await session.get_one(schema.Job, standing.job_id)
    return not JobState(job.state).is_final


async def _usage(session: AsyncSession, batch_id: str, caller: Caller) -> Usage:
    key = schema.Attachment.batch_id
    return (await usages(session, key, key == batch_id, readable_by(session, caller))).get(batch_id, Usage())


def _record(row: schema.FileBatch) -> BatchRecord:
    return BatchRecord(
        id=row.id, collection_id=row.collection_id, owner=row.owner, created_at=row.created_at, cancelled_at=row.cancelled_at
    )
