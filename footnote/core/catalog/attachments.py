"""Attachments: files in collections, each with the job that ingests it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.collections import owner_principal, require_owned, require_readable
from footnote.core.catalog.database import Database
from footnote.core.catalog.files import file_record
from footnote.core.catalog.jobs import job_record, new_ingest_job
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging
from footnote.core.catalog.records import AttachmentRecord, CollectionRecord
from footnote.core.catalog.states import ApiState, api_state
from footnote.core.catalog.versions import VERSIONS_PER_STATEMENT, retire_versions_of
from footnote.core.errors import AccessDenied, NotFound
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
    ) -> AttachmentRecord:
        """Attach a file and queue its job, in one write. A file that is attached already stays as it is, a failed one is tried again.

        The readers are the collection's unless ``principals`` names others; the owner always is one. Without ``chunking`` it is cut as the
        collection says, and where that says nothing, as the settings say when it is read.

        Raises:
            NotFound: no such collection or file for this caller.
            AccessDenied: the collection is somebody else's.
        """
        async with self._database.write() as session:
            collection = await require_owned(session, collection_id, caller)
            file = await session.get(schema.File, file_id)
            if file is None or file.owner != caller.owner:
                raise NotFound(f"There is no file {file_id}.", param="file_id")
            known = await _find(session, collection.id, file_id)
            if known is not None:
                await _try_again(session, known)
                return await _record(session, known)
            readers = sorted(frozenset(collection.principals if principals is None else principals) | {owner_principal(caller.owner)})
            cut = chunking or collection.chunking
            row = schema.Attachment(
                id=new_id("att"),
                collection_id=collection.id,
                file_id=file_id,
                owner=caller.owner,
                principals=readers,
                attributes=dict(attributes or {}),
                chunking=None if cut is None else asdict(cut),
                created_at=now(),
            )
            twin = await _twin_of(session, row, file)
            row.twin_of_id = None if twin is None else twin.id
            session.add(row)
            await session.flush()
            if twin is None:
                await _queue(session, row)
            return await _record(session, row)

    async def get(self, collection_id: str, file_id: str, *, caller: Caller) -> AttachmentRecord:
        """Return an attachment.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            await require_readable(session, collection_id, caller)
            return await _record(session, await _readable(session, collection_id, file_id, caller))

    async def by_id(self, attachment_id: str) -> AttachmentRecord:
        """Return an attachment for the process's own use: nobody's access is checked.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Attachment, attachment_id)
            if row is None:
                raise NotFound(f"There is no attachment {attachment_id}.")
            return await _record(session, row)

    async def list(self, collection_id: str, *, caller: Caller, paging: Paging, state: ApiState | None = None) -> Page[AttachmentRecord]:
        """Return the attachments of a collection that the caller may read, by file id."""
        async with self._database.read() as session:
            await require_readable(session, collection_id, caller)
            query = select(schema.Attachment).where(schema.Attachment.collection_id == collection_id)
            descending = paging.order == "desc"
            column = schema.Attachment.file_id
            if paging.after is not None:
                query = query.where(column < paging.after if descending else column > paging.after)
            if paging.before is not None:
                query = query.where(column > paging.before if descending else column < paging.before)
            items: list[AttachmentRecord] = []
            for row in await session.scalars(query.order_by(column.desc() if descending else column.asc())):
                if not frozenset(row.principals) & caller.principals:
                    continue
                record = await _record(session, row)
                if state is None or api_state(record.job.state) == state:
                    items.append(record)
                if len(items) > paging.limit:
                    break
        return Page(tuple(items[: paging.limit]), has_more=len(items) > paging.limit)

    async def set_attributes(self, collection_id: str, file_id: str, attributes: Attributes, *, caller: Caller) -> AttachmentRecord:
        """Replace an attachment's attributes; the points in the index are the caller's to update.

        Raises:
            NotFound, AccessDenied: as in ``attach``.
        """
        async with self._database.write() as session:
            collection = await require_readable(session, collection_id, caller)
            row = await _readable(session, collection_id, file_id, caller)
            _require_own(row, collection, caller)
            row.attributes = dict(attributes)
            await _part_from_twins(session, row)
            return await _record(session, row)

    async def detach(self, collection_id: str, file_id: str, *, caller: Caller) -> tuple[str, ...]:
        """Take a file out of a collection; return the versions whose points have to leave the index.

        Raises:
            NotFound, AccessDenied: as in ``attach``.
        """
        async with self._database.write() as session:
            collection = await require_readable(session, collection_id, caller)
            row = await _readable(session, collection_id, file_id, caller)
            _require_own(row, collection, caller)
            return await _detach(session, row)

    async def detach_everywhere(self, file_id: str) -> tuple[str, ...]:
        """Take a file out of all collections; return the versions whose points have to leave the index."""
        async with self._database.write() as session:
            rows = await session.scalars(select(schema.Attachment).where(schema.Attachment.file_id == file_id))
            return tuple([version for row in rows for version in await _detach(session, row)])

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
                    await _queue(session, row)
                    n_queued += 1
        return n_queued


async def _find(session: AsyncSession, collection_id: str, file_id: str) -> schema.Attachment | None:
    query = select(schema.Attachment).where(schema.Attachment.collection_id == collection_id, schema.Attachment.file_id == file_id)
    return (await session.scalars(query)).one_or_none()


async def _readable(session: AsyncSession, collection_id: str, file_id: str, caller: Caller) -> schema.Attachment:
    row = await _find(session, collection_id, file_id)
    if row is None or not frozenset(row.principals) & caller.principals:
        raise NotFound(f"There is no file {file_id} in the collection {collection_id}.", param="file_id")
    return row


def _require_own(row: schema.Attachment, collection: CollectionRecord, caller: Caller) -> None:
    if caller.owner not in (row.owner, collection.owner):
        raise AccessDenied(f"The file {row.file_id} was attached by somebody else.", hint="Ask its owner, or the collection's.")


async def _twin_of(session: AsyncSession, row: schema.Attachment, file: schema.File) -> schema.Attachment | None:
    """Return the attachment whose chunks can stand for the new one's: same bytes, owner, readers, attributes and cut."""
    query = (
        select(schema.Attachment)
        .join(schema.File, schema.File.id == schema.Attachment.file_id)
        .join(schema.Job, schema.Job.id == schema.Attachment.job_id)
        .where(
            schema.Attachment.collection_id == row.collection_id,
            schema.Attachment.owner == row.owner,
            schema.Attachment.twin_of_id.is_(None),
            schema.File.blob_sha256 == file.blob_sha256,
            schema.File.filename == file.filename,
            schema.Job.state.not_in([JobState.FAILED, JobState.CANCELLED]),
        )
        .order_by(schema.Attachment.id)
    )
    for candidate in await session.scalars(query):
        if (candidate.principals, candidate.attributes, candidate.chunking) == (row.principals, row.attributes, row.chunking):
            return candidate
    return None


async def _queue(session: AsyncSession, row: schema.Attachment) -> None:
    job = new_ingest_job(attachment_id=row.id, owner=row.owner)
    session.add(job)
    row.job_id = job.id
    await session.flush()


async def _try_again(session: AsyncSession, row: schema.Attachment) -> None:
    standing = await _standing(session, row)
    job = None if standing.job_id is None else await session.get(schema.Job, standing.job_id)
    if job is None or job.state in (JobState.FAILED, JobState.CANCELLED):
        await _queue(session, standing)


async def _standing(session: AsyncSession, row: schema.Attachment) -> schema.Attachment:
    """Return the attachment whose job and chunks stand for this one: itself, unless it is a twin."""
    return row if row.twin_of_id is None else await session.get_one(schema.Attachment, row.twin_of_id)


async def _part_from_twins(session: AsyncSession, row: schema.Attachment) -> None:
    """Give every attachment that shares chunks with this one a job of its own: they are no longer the same."""
    if row.twin_of_id is not None:
        row.twin_of_id = None
        await _queue(session, row)
    await _free_twins(session, row.id)


async def _free_twins(session: AsyncSession, attachment_id: str) -> None:
    """Let the oldest twin take over, with a job of its own, and the others follow it."""
    query = select(schema.Attachment).where(schema.Attachment.twin_of_id == attachment_id).order_by(schema.Attachment.id)
    twins = (await session.scalars(query)).all()
    if not twins:
        return
    heir, *others = twins
    heir.twin_of_id = None
    await _queue(session, heir)
    for other in others:
        other.twin_of_id = heir.id


async def _detach(session: AsyncSession, row: schema.Attachment) -> tuple[str, ...]:
    retired = await retire_versions_of(session, select(schema.Attachment.id).where(schema.Attachment.id == row.id))
    await _free_twins(session, row.id)
    await session.flush()
    await session.execute(delete(schema.Attachment).where(schema.Attachment.id == row.id))
    return retired


async def _record(session: AsyncSession, row: schema.Attachment) -> AttachmentRecord:
    standing = await _standing(session, row)
    assert standing.job_id is not None
    job = await session.get_one(schema.Job, standing.job_id)
    file = await session.get_one(schema.File, row.file_id)
    live = await session.scalar(
        select(schema.Version.id).where(schema.Version.attachment_id == standing.id, schema.Version.state == VersionState.LIVE)
    )
    return AttachmentRecord(
        id=row.id,
        collection_id=row.collection_id,
        file=file_record(file),
        owner=row.owner,
        principals=frozenset(row.principals),
        attributes=row.attributes,
        chunking=None if row.chunking is None else ChunkingRecipe(**row.chunking),
        created_at=row.created_at,
        job=job_record(job),
        live_version_id=live,
    )
