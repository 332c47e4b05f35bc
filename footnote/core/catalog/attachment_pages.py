"""Attachments as they are shown: each with its file, its job and what search sees of it, in as many queries for a page as for one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from footnote.core.catalog import schema
from footnote.core.catalog.files import file_record
from footnote.core.catalog.jobs import job_record
from footnote.core.catalog.near_duplicates import DocumentNotes, notes_of_versions
from footnote.core.catalog.paging import Page, Paging
from footnote.core.catalog.records import AttachmentRecord, FileCounts, Usage
from footnote.core.catalog.states import ApiState, api_state, job_states
from footnote.core.types import ChunkingRecipe, JobState, VersionState

_Columns = tuple[schema.Attachment, schema.File, schema.Job, str, str]
_Shown = Select[*_Columns]

_Standing = aliased(schema.Attachment)
_Successor = aliased(schema.Attachment)


async def attachment_records(session: AsyncSession, *conditions: ColumnElement[bool]) -> tuple[AttachmentRecord, ...]:
    """Return the attachments for which all conditions hold, by file id."""
    return await _records(session, _query().where(*conditions).order_by(schema.Attachment.file_id))


async def page_of_attachments(
    session: AsyncSession, *conditions: ColumnElement[bool], paging: Paging, state: ApiState | None = None
) -> Page[AttachmentRecord]:
    """Return a page of the attachments for which all conditions hold, by file id; with ``state`` only those that the API shows so."""
    column = schema.Attachment.file_id
    descending = paging.order == "desc"
    query = _query().where(*conditions)
    if state is not None:
        query = query.where(schema.Job.state.in_(job_states(state)))
    if paging.after is not None:
        query = query.where(column < paging.after if descending else column > paging.after)
    if paging.before is not None:
        query = query.where(column > paging.before if descending else column < paging.before)
    query = query.order_by(column.desc() if descending else column.asc()).limit(paging.limit + 1)
    records = await _records(session, query)
    return Page(records[: paging.limit], has_more=len(records) > paging.limit)


async def usages(session: AsyncSession, key: Any, *conditions: ColumnElement[bool]) -> dict[str, Usage]:
    """Count attachments by state, and add up the bytes of their files, for each value of a column of theirs; one query."""
    n_files, n_bytes = func.count(), func.sum(schema.File.size_bytes)
    query = (
        select(key.label("key"), schema.Job.state, n_files.label("n_files"), n_bytes.label("n_bytes"))
        .select_from(schema.Attachment)
        .join(schema.File, schema.File.id == schema.Attachment.file_id)
        .outerjoin(_Standing, _Standing.id == schema.Attachment.twin_of_id)
        .join(schema.Job, schema.Job.id == func.coalesce(_Standing.job_id, schema.Attachment.job_id))
        .where(*conditions)
        .group_by(key, schema.Job.state)
    )
    found: dict[str, Usage] = {}
    for row in await session.execute(query):
        before = found.get(row.key, Usage())
        state = api_state(JobState(row.state))
        counts = {name: getattr(before.counts, name) for name in ("in_progress", "completed", "failed", "cancelled")}
        counts[state] += row.n_files
        found[row.key] = Usage(FileCounts(**counts), before.n_bytes + int(row.n_bytes))
    return found


def _query() -> _Shown:
    # A twin has no job and no versions of its own: those of the attachment that stands for it are shown.
    standing_id = func.coalesce(_Standing.id, schema.Attachment.id)
    live = (
        select(schema.Version.id)
        .where(schema.Version.attachment_id == standing_id, schema.Version.state == VersionState.LIVE)
        .correlate(schema.Attachment, _Standing)
        .scalar_subquery()
    )
    return (
        select(
            schema.Attachment,
            schema.File,
            schema.Job,
            live.label("live_version_id"),
            _Successor.file_id.label("replaced_by"),
        )
        .join(schema.File, schema.File.id == schema.Attachment.file_id)
        .outerjoin(_Standing, _Standing.id == schema.Attachment.twin_of_id)
        .join(schema.Job, schema.Job.id == func.coalesce(_Standing.job_id, schema.Attachment.job_id))
        .outerjoin(_Successor, _Successor.id == schema.Attachment.replaced_by_id)
    )


async def _records(
    session: AsyncSession, query: Select[schema.Attachment, schema.File, schema.Job, str, str]
) -> tuple[AttachmentRecord, ...]:
    rows = (await session.execute(query)).all()
    replaced = await _replaced(session, [row.Attachment.id for row in rows])
    notes = await notes_of_versions(session, [row.live_version_id for row in rows])
    return tuple([_record(row, replaced.get(row.Attachment.id, ()), notes.get(row.live_version_id, DocumentNotes())) for row in rows])


async def _replaced(session: AsyncSession, attachment_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the files that attachments are to take the place of."""
    if not attachment_ids:
        return {}
    attachment = schema.Attachment
    query = select(attachment.replaced_by_id, attachment.file_id).where(attachment.replaced_by_id.in_(attachment_ids))
    found: dict[str, tuple[str, ...]] = {}
    for row in await session.execute(query.order_by(attachment.file_id)):
        found[row.replaced_by_id] = (*found.get(row.replaced_by_id, ()), row.file_id)
    return found


def _record(row: Row[*_Columns], replaces: tuple[str, ...], noted: DocumentNotes) -> AttachmentRecord:
    stored: schema.Attachment = row.Attachment
    return AttachmentRecord(
        id=stored.id,
        collection_id=stored.collection_id,
        file=file_record(row.File),
        owner=stored.owner,
        principals=frozenset(stored.principals),
        attributes=stored.attributes,
        chunking=None if stored.chunking is None else ChunkingRecipe(**stored.chunking),
        created_at=stored.created_at,
        job=job_record(row.Job),
        live_version_id=row.live_version_id,
        replaces=replaces,
        replaced_by=row.replaced_by,
        source=stored.source,
        took_over=tuple(stored.took_over),
        notes=noted.notes,
        nearly_the_same_as=noted.nearly_the_same_as,
    )
