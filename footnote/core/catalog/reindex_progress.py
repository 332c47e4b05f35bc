"""How far a re-indexing is."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.editions import count, missing, needed
from footnote.core.catalog.jobs import FINAL
from footnote.core.catalog.moment import now
from footnote.core.types import JobState, VersionState

FAILURES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ReindexFailure:
    """An attachment of which no new version could be built; ``principals`` may know of it."""

    file_id: str
    filename: str
    code: str
    message: str
    principals: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """How far a re-indexing is.

    Args:
        n_total: attachments that are shown, and so need a new version; twins are not counted.
        n_built: of them, those that have it.
        n_failed: of them, those whose job has failed or was cancelled.
        n_chunks: chunks that were built.
        n_chunks_left: chunks that the rest has now: about what is left to build.
        seconds: since its first job was begun, until the last one ended.
        failures: what failed, by file, ``FAILURES_SHOWN`` at most.
    """

    n_total: int
    n_built: int
    n_failed: int
    n_chunks: int
    n_chunks_left: int
    seconds: float
    failures: tuple[ReindexFailure, ...] = ()

    @property
    def is_built(self) -> bool:
        return self.n_built == self.n_total

    @property
    def is_settled(self) -> bool:
        """Whether nothing goes on by itself: each attachment is built, or has failed."""
        return self.n_built + self.n_failed >= self.n_total

    @property
    def chunks_per_second(self) -> float:
        return self.n_chunks / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take yet; None before anything is built."""
        return self.n_chunks_left / self.chunks_per_second if self.chunks_per_second else None


async def progress_of(session: AsyncSession, row: schema.Reindex, *, is_building: bool) -> ReindexProgress:
    """Return the progress of a re-indexing; one that is shown or over has no failures to tell."""
    collection = await session.get_one(schema.Collection, row.collection_id)
    n_total = await count(session, needed(row, collection))
    left_over = missing(row, collection)
    failures = await _failures(session, row, left_over) if is_building else ()
    built = select(func.coalesce(func.sum(schema.Version.n_chunks), 0)).where(
        schema.Version.edition == row.id, schema.Version.state.in_([VersionState.BUILT, VersionState.LIVE])
    )
    left = select(func.coalesce(func.sum(schema.Version.n_chunks), 0)).where(
        schema.Version.attachment_id.in_(left_over), schema.Version.state == VersionState.LIVE
    )
    n_missing = await count(session, left_over)
    return ReindexProgress(
        n_total=n_total,
        n_built=n_total - n_missing,
        n_failed=len(failures),
        n_chunks=await session.scalar(built) or 0,
        n_chunks_left=await session.scalar(left) or 0,
        seconds=await _seconds(session, row),
        failures=failures[:FAILURES_SHOWN],
    )


async def _failures(session: AsyncSession, row: schema.Reindex, left_over: Select[str]) -> tuple[ReindexFailure, ...]:
    """Return what has no new version and no job that goes on, with the error of the newest job, by file."""
    query = (
        select(
            schema.Attachment.file_id,
            schema.Attachment.principals,
            schema.File.filename,
            schema.Job.state,
            schema.Job.error_code,
            schema.Job.error_message,
        )
        .join(schema.File, schema.File.id == schema.Attachment.file_id)
        .join(schema.Job, schema.Job.attachment_id == schema.Attachment.id)
        .where(schema.Job.owner == row.id, schema.Attachment.id.in_(left_over))
        .order_by(schema.Job.id)
    )
    newest = {found.file_id: found for found in await session.execute(query)}
    return tuple(
        ReindexFailure(
            file_id=found.file_id,
            filename=found.filename,
            code=found.error_code or "cancelled",
            message=found.error_message or "Its job was cancelled.",
            principals=frozenset(found.principals),
        )
        for _, found in sorted(newest.items())
        if found.state in (JobState.FAILED, JobState.CANCELLED)
    )


async def _seconds(session: AsyncSession, row: schema.Reindex) -> float:
    of_it = select(schema.Job).where(schema.Job.owner == row.id)
    first = (await session.scalars(of_it.where(schema.Job.started_at.is_not(None)).order_by(schema.Job.started_at).limit(1))).first()
    if first is None or first.started_at is None:
        return 0.0
    going_on = await session.scalar(select(schema.Job.id).where(schema.Job.owner == row.id, schema.Job.state.not_in(FINAL)).limit(1))
    ended = of_it.where(schema.Job.finished_at.is_not(None)).order_by(schema.Job.finished_at.desc())
    last = (await session.scalars(ended.limit(1))).first()
    until = now() if going_on is not None or last is None or last.finished_at is None else last.finished_at
    return max(0.0, (until - first.started_at).total_seconds())
