"""Who may still be writing points of a version that was given up: it is remembered until that has ended, or nothing would delete them."""

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.claims import IN_HAND
from footnote.core.catalog.moment import now
from footnote.core.types import VersionState


def writer_of(job_id: str, fencing_token: int) -> str:
    """Name the one who holds a job under this token."""
    return f"{job_id}:{fencing_token}"


async def note_writers(session: AsyncSession, jobs: ColumnElement[bool]) -> None:
    """Note of the pending versions of jobs who writes their points, and until when they may: to be called before jobs are taken away.

    Writes to the index are not fenced. A worker learns within a second that its job is gone, and then says that it has ended; one that is
    killed in between never does, and its lease ends.
    """
    job = schema.Job
    held = select(job.id, job.version_id, job.fencing_token, job.lease_until).where(
        jobs, job.state.in_(IN_HAND), job.version_id.is_not(None), job.lease_until > now()
    )
    for row in (await session.execute(held)).all():
        pending = update(schema.Version).where(schema.Version.id == row.version_id, schema.Version.state == VersionState.PENDING)
        values = {"writer": writer_of(row.id, row.fencing_token), "written_until": row.lease_until}
        await session.execute(pending.values(values).execution_options(synchronize_session=False))


def nobody_writes() -> ColumnElement[bool]:
    """Select the versions whose points nobody writes any more."""
    return or_(schema.Version.written_until.is_(None), schema.Version.written_until <= now())
