"""Editions of a collection: which attachments have a version of one, and showing one in the place of another.

Everything here is part of a write that its caller commits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.jobs import FINAL, INGEST
from footnote.core.catalog.moment import now
from footnote.core.catalog.writers import note_writers
from footnote.core.ids import new_id
from footnote.core.types import JobState, VersionState

JOBS_PER_STATEMENT = 500


def attachments_of(collection_id: str) -> Select[str]:
    return select(schema.Attachment.id).where(schema.Attachment.collection_id == collection_id)


def has_version(edition: str | None, *states: VersionState) -> ColumnElement[bool]:
    """Whether an attachment has a version of this edition in one of these states."""
    return (
        select(schema.Version.id)
        .where(
            schema.Version.attachment_id == schema.Attachment.id,
            schema.Version.edition.is_not_distinct_from(edition),
            schema.Version.state.in_(states),
        )
        .exists()
    )


def needed(row: schema.Reindex, collection: schema.Collection) -> Select[str]:
    """Select the attachments that a re-indexing has to build: those that are shown, twins left out. Once it is shown, those it shows."""
    return attachments_of(row.collection_id).where(
        schema.Attachment.twin_of_id.is_(None), has_version(collection.edition, VersionState.LIVE)
    )


def missing(row: schema.Reindex, collection: schema.Collection) -> Select[str]:
    return needed(row, collection).where(~has_version(row.id, VersionState.BUILT, VersionState.LIVE))


async def has_content(session: AsyncSession, collection_id: str) -> bool:
    """Whether a collection has versions that are shown, kept, or on their way: then its space is settled."""
    states = [VersionState.PENDING, VersionState.BUILT, VersionState.LIVE, VersionState.KEPT]
    query = select(schema.Version.id).where(
        schema.Version.attachment_id.in_(attachments_of(collection_id)), schema.Version.state.in_(states)
    )
    return await session.scalar(query.limit(1)) is not None


async def count(session: AsyncSession, ids: Select[str]) -> int:
    return await session.scalar(select(func.count()).select_from(ids.subquery())) or 0


async def move(session: AsyncSession, collection: schema.Collection, *, edition: str | None, state: VersionState, to: VersionState) -> int:
    moving = update(schema.Version).where(
        schema.Version.attachment_id.in_(attachments_of(collection.id)),
        schema.Version.edition.is_not_distinct_from(edition),
        schema.Version.state == state,
    )
    if to is VersionState.LIVE:
        moving = moving.values(live_at=now())
    moved = await session.execute(moving.values(state=to).execution_options(synchronize_session=False))
    return _rowcount(moved)


async def retire(session: AsyncSession, collection_id: str, *, edition: str | None, state: VersionState) -> None:
    retiring = update(schema.Version).where(
        schema.Version.attachment_id.in_(attachments_of(collection_id)),
        schema.Version.edition.is_not_distinct_from(edition),
        schema.Version.state == state,
    )
    await session.execute(retiring.values(state=VersionState.RETIRED, retired_at=now()).execution_options(synchronize_session=False))


async def begin_again(session: AsyncSession, collection_id: str) -> None:
    """Put back the ordinary jobs that are under way: their versions would belong to an edition that is no longer shown."""
    under_way = [
        schema.Job.attachment_id.in_(attachments_of(collection_id)),
        schema.Job.state.not_in(FINAL),
        schema.Job.owner.not_in(select(schema.Reindex.id).where(schema.Reindex.collection_id == collection_id)),
    ]
    await _give_up(session, under_way)
    values: dict[str, Any] = {"state": JobState.QUEUED, "lease_owner": None, "lease_until": None, "version_id": None, "counts": {}}
    again = update(schema.Job).where(*under_way).values(**values, fencing_token=schema.Job.fencing_token + 1)
    await session.execute(again.execution_options(synchronize_session=False))


async def stop_jobs(session: AsyncSession, row: schema.Reindex) -> None:
    """Cancel the jobs of a re-indexing that have not ended; whoever works on one notices at its next write."""
    open_jobs = [schema.Job.owner == row.id, schema.Job.state.not_in(FINAL)]
    await _give_up(session, open_jobs)
    values = {"state": JobState.CANCELLED, "finished_at": now(), "cancel_requested": True, "lease_owner": None, "lease_until": None}
    stopped = update(schema.Job).where(*open_jobs).values(**values, fencing_token=schema.Job.fencing_token + 1)
    await session.execute(stopped.execution_options(synchronize_session=False))


async def _give_up(session: AsyncSession, jobs: Sequence[ColumnElement[bool]]) -> None:
    await note_writers(session, and_(*jobs))
    pending = update(schema.Version).where(
        schema.Version.id.in_(select(schema.Job.version_id).where(*jobs, schema.Job.version_id.is_not(None))),
        schema.Version.state == VersionState.PENDING,
    )
    await session.execute(pending.values(state=VersionState.FAILED).execution_options(synchronize_session=False))


async def show_their_jobs(session: AsyncSession, collection_id: str, *, reindex_id: str | None = None) -> None:
    """Let each attachment tell of the job that made what is shown of it, or, where nothing is, of the one that failed to."""
    made = (
        select(schema.Job.id)
        .join(schema.Version, schema.Version.id == schema.Job.version_id)
        .where(schema.Version.attachment_id == schema.Attachment.id, schema.Version.state == VersionState.LIVE)
        .order_by(schema.Job.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    shown = [made]
    if reindex_id is not None:
        failed = select(schema.Job.id).where(schema.Job.owner == reindex_id, schema.Job.attachment_id == schema.Attachment.id)
        shown.append(failed.order_by(schema.Job.id.desc()).limit(1).scalar_subquery())
    ended = select(schema.Job.id).where(schema.Job.id == schema.Attachment.job_id, schema.Job.state.in_(FINAL)).exists()
    follow = update(schema.Attachment).where(
        schema.Attachment.collection_id == collection_id, schema.Attachment.twin_of_id.is_(None), ended
    )
    follow = follow.values(job_id=func.coalesce(*shown, schema.Attachment.job_id))
    await session.execute(follow.execution_options(synchronize_session=False))


async def queue(session: AsyncSession, attachment_ids: Sequence[str], *, owner: str, subject: Mapping[str, str]) -> list[str]:
    jobs = [
        {
            "id": new_id("job"),
            "kind": INGEST,
            "owner": owner,
            "attachment_id": attachment_id,
            "subject": dict(subject),
            "state": JobState.QUEUED,
            "attempt": 0,
            "fencing_token": 0,
            "counts": {},
            "step_seconds": {},
            "cancel_requested": False,
            "created_at": now(),
        }
        for attachment_id in attachment_ids
    ]
    for first in range(0, len(jobs), JOBS_PER_STATEMENT):
        await session.execute(insert(schema.Job), jobs[first : first + JOBS_PER_STATEMENT])
    return [str(job["id"]) for job in jobs]


def _rowcount(result: Any) -> int:
    return int(result.rowcount)  # the type of an update's result is not SQLAlchemy's public one
