"""Attachments: files in collections, each with the job that ingests it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.attaching import (
    Attached,
    NewAttachment,
    attach_files,
    is_searchable,
    require_own,
    standing_of,
)
from footnote.core.catalog.attachment_pages import attachment_records, page_of_attachments, usages
from footnote.core.catalog.collections import require_open, require_readable, require_unexpired
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import detach, free_twins, queue
from footnote.core.catalog.jobs import end_as_cancelled, new_ingest_job
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging
from footnote.core.catalog.readers import readable_by
from footnote.core.catalog.records import AttachmentRecord, AttributeChange, Usage
from footnote.core.catalog.states import ApiState
from footnote.core.catalog.versions import VERSIONS_PER_STATEMENT
from footnote.core.errors import AlreadyIngesting, Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Attributes, Caller, ChunkingRecipe, JobState, VersionState


class Attachments:
    """Reads and writes attachments. One that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attach(
        self,
        *,
        collection_id: str,
        file_id: str,
        caller: Caller,
        attributes: Attributes | None = None,
        principals: Iterable[str] | None = None,
        chunking: ChunkingRecipe | None = None,
        replaces: str | Sequence[str] = (),
        source: str | None = None,
    ) -> AttachmentRecord:
        """Attach one file, as ``attach_all`` does; what leaves the index by it is left to whoever asks for ``Versions.abandoned``."""
        wanted = NewAttachment(
            file_id=file_id,
            attributes=attributes,
            principals=None if principals is None else frozenset(principals),
            chunking=chunking,
            replaces=(replaces,) if isinstance(replaces, str) else tuple(replaces),
            source=source,
        )
        attached = await self.attach_all(collection_id, [wanted], caller=caller)
        return await self.by_id(attached.attachment_ids[0])

    async def attach_all(self, collection_id: str, wanted: Sequence[NewAttachment], *, caller: Caller) -> Attached:
        """Attach files and queue their jobs, all or none, in one write.

        A file that is attached already stays as it is, one that failed or was cancelled is tried again.

        The readers are the collection's unless others are named; the owner always is one. Without a chunking recipe a file is cut as the
        collection says, and where that says nothing, as the settings say when it is read. What takes the place of another attachment
        takes over the readers, attributes and cut that it does not name itself.

        Raises:
            NotFound: no such collection or file for this caller, or nothing there to replace.
            AccessDenied: the collection, or what is to be replaced, is somebody else's.
            InvalidInput: a file is to replace itself.
        """
        async with self._database.write() as session:
            collection = require_unexpired(await require_open(session, collection_id, caller))
            return await attach_files(session, collection, wanted, caller=caller)

    async def get(self, collection_id: str, file_id: str, *, caller: Caller) -> AttachmentRecord:
        """Return an attachment.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            await require_readable(session, collection_id, caller)
            row = await _readable(session, collection_id, file_id, caller)
            return await _record(session, row.id)

    async def by_id(self, attachment_id: str) -> AttachmentRecord:
        """Return an attachment for the process's own use: nobody's access is checked.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            return await _record(session, attachment_id)

    async def payloads(self, attachment_ids: Sequence[str]) -> dict[str, tuple[frozenset[str], Attributes]]:
        """Return the readers and attributes of attachments, for the process's own use; what is gone is left out."""
        attachment = schema.Attachment
        query = select(attachment.id, attachment.principals, attachment.attributes).where(attachment.id.in_(attachment_ids))
        async with self._database.read() as session:
            return {row.id: (frozenset(row.principals), row.attributes) for row in await session.execute(query)}

    async def list(self, collection_id: str, *, caller: Caller, paging: Paging, state: ApiState | None = None) -> Page[AttachmentRecord]:
        """Return the attachments of a collection that the caller may read, by file id."""
        async with self._database.read() as session:
            collection = await require_readable(session, collection_id, caller)
            here = schema.Attachment.collection_id == collection.id
            return await page_of_attachments(session, here, readable_by(session, caller), paging=paging, state=state)

    async def usage(self, collection_ids: Sequence[str], *, caller: Caller) -> dict[str, Usage]:
        """Count what the caller may read of collections, in one query; a twin counts with the state of the one that stands for it.

        A collection of which the caller may read nothing is there with zeros. Whether the caller may read the collection is not checked.
        """
        async with self._database.read() as session:
            here = schema.Attachment.collection_id.in_(collection_ids)
            found = await usages(session, schema.Attachment.collection_id, here, readable_by(session, caller))
        return {collection_id: found.get(collection_id, Usage()) for collection_id in collection_ids}

    async def set_attributes(self, collection_id: str, file_id: str, attributes: Attributes, *, caller: Caller) -> AttachmentRecord:
        """Replace an attachment's attributes; the points in the index are the caller's to update.

        The same write notes that they are to be. The ``change`` of the record is handed to ``end_changes`` when it is done.

        Raises:
            NotFound, AccessDenied: as in ``attach_all``.
        """
        async with self._database.write() as session:
            row = await _own(session, collection_id, file_id, caller)
            row.attributes = dict(attributes)
            await _part_from_twins(session, row)
            change = schema.AttributeChange(id=new_id("chg"), attachment_id=row.id, created_at=now())
            session.add(change)
            await session.flush()
            return replace(await _record(session, row.id), change=change.id)

    async def changes(self) -> tuple[AttributeChange, ...]:
        """Return the changes of attributes that have not ended, oldest first: their points may show what was before."""
        change = schema.AttributeChange
        async with self._database.read() as session:
            rows = await session.execute(select(change.id, change.attachment_id, change.created_at).order_by(change.created_at, change.id))
            return tuple(AttributeChange(row.id, row.attachment_id, row.created_at) for row in rows)

    async def end_changes(self, change_ids: Sequence[str]) -> None:
        """Forget changes of attributes that the index shows, and that nobody writes to it any more. One that is gone is no error."""
        if not change_ids:
            return
        async with self._database.write() as session:
            for first in range(0, len(change_ids), VERSIONS_PER_STATEMENT):
                some = change_ids[first : first + VERSIONS_PER_STATEMENT]
                await session.execute(delete(schema.AttributeChange).where(schema.AttributeChange.id.in_(some)))

    async def detach(self, collection_id: str, file_id: str, *, caller: Caller) -> tuple[str, ...]:
        """Take a file out of a collection; return the versions whose points have to leave the index.

        Raises:
            NotFound, AccessDenied: as in ``attach_all``.
        """
        async with self._database.write() as session:
            row = await _own(session, collection_id, file_id, caller)
            return await detach(session, row.id)

    async def detach_everywhere(self, file_id: str) -> tuple[str, ...]:
        """Take a file out of all collections; return the versions whose points have to leave the index."""
        async with self._database.write() as session:
            return await detach_file(session, file_id)

    # -- the job -----------------------------------------------------------------------------------------------------------------

    async def cancel(self, collection_id: str, file_id: str, *, caller: Caller) -> AttachmentRecord:
        """End the reading of a file. What search sees of it already stays, and is what it has come to then.

        Raises:
            NotFound, AccessDenied: as in ``attach_all``.
            Conflict: it is not being read.
        """
        async with self._database.write() as session:
            row = await _own(session, collection_id, file_id, caller)
            state = await _job_state(session, row)
            if state.is_final:
                raise Conflict(f"The file {file_id} is not being read: it is {state.value}.", param="file_id")
            await cancel_attachment(session, row)
            await session.flush()
            return await _record(session, row.id)

    async def retry(self, collection_id: str, file_id: str, *, caller: Caller) -> AttachmentRecord:
        """Queue a file again that failed or was cancelled, with all its attempts.

        Raises:
            NotFound, AccessDenied: as in ``attach_all``.
            AlreadyIngesting: it is being read.
            Conflict: it is completed.
        """
        async with self._database.write() as session:
            row = await _own(session, collection_id, file_id, caller)
            await _require_at_rest(session, row)
            if await _job_state(session, row) == JobState.COMPLETED:
                raise Conflict(f"The file {file_id} is completed.", hint="To have it read again all the same, process it.", param="file_id")
            await queue(session, await standing_of(session, row))
            return await _record(session, row.id)

    async def process(self, collection_id: str, file_id: str, *, caller: Caller) -> AttachmentRecord:
        """Queue a file again under the present recipe, whatever has come of it; search sees what it saw until that is done.

        Raises:
            NotFound, AccessDenied: as in ``attach_all``.
            AlreadyIngesting: it is being read.
        """
        async with self._database.write() as session:
            row = await _own(session, collection_id, file_id, caller)
            await _require_at_rest(session, row)
            await queue(session, await standing_of(session, row))
            return await _record(session, row.id)

    async def read_again(self, version_ids: Sequence[str]) -> int:
        """Queue a new job for completed attachments whose live versions these are; return how many there were.

        The live version stays what it is until the job publishes another in its place.
        """
        n_queued = 0
        query = (
            select(schema.Attachment)
            .join(schema.Version, schema.Version.attachment_id == schema.Attachment.id)
            .join(schema.Job, schema.Job.id == schema.Attachment.job_id)
            .where(schema.Version.state == VersionState.LIVE, schema.Job.state == JobState.COMPLETED)
            .order_by(schema.Attachment.id)
        )
        async with self._database.write() as session:
            for first in range(0, len(version_ids), VERSIONS_PER_STATEMENT):
                some = query.where(schema.Version.id.in_(version_ids[first : first + VERSIONS_PER_STATEMENT]))
                for row in (await session.scalars(some)).all():
                    await queue(session, row)
                    n_queued += 1
        return n_queued


async def cancel_attachment(session: AsyncSession, row: schema.Attachment) -> None:
    """End the open job of an attachment; no other file that shares it is affected."""
    standing = await standing_of(session, row)
    if await is_searchable(session, standing.id):
        await _end_job(session, standing)
        await _back_to_what_is_shown(session, standing)
    elif row.twin_of_id is not None:
        row.twin_of_id = None
        job = new_ingest_job(attachment_id=row.id, owner=row.owner)
        job.state, job.finished_at, job.cancel_requested = JobState.CANCELLED, now(), True
        row.job_id = job.id
        session.add(job)
    else:
        await free_twins(session, row, hand_over=False)
        await _end_job(session, row)


async def detach_file(session: AsyncSession, file_id: str) -> tuple[str, ...]:
    """Take a file out of all collections, with all that was made of it; return the versions whose points have to leave the index."""
    ids = await session.scalars(select(schema.Attachment.id).where(schema.Attachment.file_id == file_id).order_by(schema.Attachment.id))
    return tuple([version for each in ids.all() for version in await detach(session, each, hand_over=False)])


async def _end_job(session: AsyncSession, row: schema.Attachment) -> None:
    job = await session.get(schema.Job, row.job_id, with_for_update=True)
    if job is not None and not JobState(job.state).is_final:
        await end_as_cancelled(session, job)


async def _back_to_what_is_shown(session: AsyncSession, row: schema.Attachment) -> None:
    """Let the job that made the live version be the attachment's job again, where it is still known."""
    made_by = (
        select(schema.Job.id)
        .join(schema.Version, schema.Version.id == schema.Job.version_id)
        .where(
            schema.Job.attachment_id == row.id,
            schema.Job.state == JobState.COMPLETED,
            schema.Version.attachment_id == row.id,
            schema.Version.state == VersionState.LIVE,
        )
        .order_by(schema.Job.id.desc())
    )
    row.job_id = await session.scalar(made_by.limit(1)) or row.job_id


async def _own(session: AsyncSession, collection_id: str, file_id: str, caller: Caller) -> schema.Attachment:
    """Return an attachment that the caller may change."""
    collection = await require_readable(session, collection_id, caller)
    row = await _readable(session, collection.id, file_id, caller)
    require_own(row, collection, caller)
    return row


async def _readable(session: AsyncSession, collection_id: str, file_id: str, caller: Caller) -> schema.Attachment:
    query = select(schema.Attachment).where(schema.Attachment.collection_id == collection_id, schema.Attachment.file_id == file_id)
    row = (await session.scalars(query)).one_or_none()
    if row is None or not frozenset(row.principals) & caller.principals:
        raise NotFound(f"There is no file {file_id} in the collection {collection_id}.", param="file_id")
    return row


async def _job_state(session: AsyncSession, row: schema.Attachment) -> JobState:
    standing = await standing_of(session, row)
    job = await session.get_one(schema.Job, standing.job_id, with_for_update=True)
    return JobState(job.state)


async def _require_at_rest(session: AsyncSession, row: schema.Attachment) -> None:
    state = await _job_state(session, row)
    if not state.is_final:
        raise AlreadyIngesting(f"The file {row.file_id} is being read: it is {state.value}.", hint="Wait, or cancel it.", param="file_id")


async def _part_from_twins(session: AsyncSession, row: schema.Attachment) -> None:
    """Give every attachment that shares chunks with this one a job of its own: they are no longer the same."""
    if row.twin_of_id is not None:
        row.twin_of_id = None
        await queue(session, row)
    await free_twins(session, row, hand_over=False)


async def _record(session: AsyncSession, attachment_id: str) -> AttachmentRecord:
    found = await attachment_records(session, schema.Attachment.id == attachment_id)
    if not found:
        raise NotFound(f"There is no attachment {attachment_id}.")
    return found[0]
