"""Detaching: what goes with an attachment, who takes its place, and whose chunks stay. All within a write that somebody else has open."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.jobs import new_ingest_job
from footnote.core.catalog.moment import now
from footnote.core.catalog.writers import note_writers
from footnote.core.types import JobState, VersionState

WHOLE = (VersionState.LIVE, VersionState.BUILT, VersionState.KEPT)
"""The states of a version whose points are all in the index, shown or to be shown."""


async def detach(session: AsyncSession, attachment_id: str, *, hand_over: bool = True) -> tuple[str, ...]:
    """Remove an attachment with its job and text; return the versions whose points have to leave the index.

    What it was to replace is left to its own successor. One that is gone already is no error.

    Args:
        session: the write that it goes in.
        attachment_id: which.
        hand_over: give the versions to the oldest twin, so that its text is found without a gap; else the twin is read anew, and nothing
            that was made of this attachment stays.
    """
    row = await _locked(session, attachment_id)
    if row is None:
        return ()
    await session.execute(
        update(schema.Attachment).where(schema.Attachment.replaced_by_id == row.id).values(replaced_by_id=row.replaced_by_id)
    )
    await free_twins(session, row, hand_over=hand_over)
    await session.flush()
    retired = await retire_versions_of(session, select(schema.Attachment.id).where(schema.Attachment.id == row.id))
    await session.execute(delete(schema.Attachment).where(schema.Attachment.id == row.id))
    return retired


async def detach_replaced(session: AsyncSession, attachment_id: str) -> tuple[str, ...]:
    """Remove what an attachment, or a twin of it, takes the place of; return the versions whose points have to leave the index.

    This stands in the write that shows the attachment, so that no search sees both or neither. What the replaced ones were themselves to
    replace goes too: of a chain the last one stays.
    """
    shown = select(schema.Attachment.id).where((schema.Attachment.id == attachment_id) | (schema.Attachment.twin_of_id == attachment_id))
    found = await _twins_first(session, schema.Attachment.replaced_by_id.in_(shown))
    gone = dict.fromkeys(found)
    while found:
        before = await _twins_first(session, schema.Attachment.replaced_by_id.in_(found))
        found = [each for each in before if each not in gone]
        gone.update(dict.fromkeys(found))
    return tuple([version for each in gone for version in await detach(session, each)])


async def retire_versions_of(session: AsyncSession, attachment_ids: Select[str]) -> tuple[str, ...]:
    """Retire all versions of attachments that are about to go and drop their text; return the versions.

    Which files the attachments were of is noted: turns and cases go on naming them, and erasing a file has to find those.

    Args:
        session: the write that the attachments go in.
        attachment_ids: selects them; a query, because they may be more than a statement takes values.
    """
    of_them = schema.Version.attachment_id.in_(attachment_ids)
    query = select(schema.Version.id).where(of_them)
    retired = tuple(await session.scalars(query))
    await note_writers(session, schema.Job.attachment_id.in_(attachment_ids))
    gone = select(schema.Attachment.id, schema.Attachment.file_id).where(schema.Attachment.id.in_(attachment_ids))
    await session.execute(insert(schema.FormerAttachment).from_select(["id", "file_id"], gone))
    await session.execute(delete(schema.Chunk).where(schema.Chunk.version_id.in_(query)))
    await session.execute(update(schema.Version).where(of_them).values(state=VersionState.RETIRED, retired_at=now(), attachment_id=None))
    return retired


async def free_twins(session: AsyncSession, row: schema.Attachment, *, hand_over: bool) -> None:
    """Let the oldest twin of an attachment stand for itself, and the others follow it."""
    query = select(schema.Attachment).where(schema.Attachment.twin_of_id == row.id).order_by(schema.Attachment.id)
    twins = (await session.scalars(query)).all()
    if not twins:
        return
    heir, *others = twins
    heir.twin_of_id = None
    if not (hand_over and await _take_over(session, row, heir)):
        await queue(session, heir)
    for other in others:
        other.twin_of_id = heir.id


async def queue(session: AsyncSession, row: schema.Attachment) -> None:
    """Give an attachment a new job."""
    job = new_ingest_job(attachment_id=row.id, owner=row.owner)
    session.add(job)
    row.job_id = job.id
    await session.flush()


async def _take_over(session: AsyncSession, row: schema.Attachment, heir: schema.Attachment) -> bool:
    """Give the versions that are whole to the heir; say whether its job is done with that too."""
    await session.execute(
        update(schema.Version)
        .where(schema.Version.attachment_id == row.id, schema.Version.state.in_(WHOLE))
        .values(attachment_id=heir.id)
        .execution_options(synchronize_session=False)
    )
    heir.took_over = [*row.took_over, row.id]
    change = schema.AttributeChange
    await session.execute(update(change).where(change.attachment_id == row.id).values(attachment_id=heir.id))
    job = None if row.job_id is None else await session.get(schema.Job, row.job_id)
    if job is None or job.state != JobState.COMPLETED:
        return False
    job.attachment_id, heir.job_id = heir.id, job.id
    return True


async def _locked(session: AsyncSession, attachment_id: str) -> schema.Attachment | None:
    query = select(schema.Attachment).where(schema.Attachment.id == attachment_id)
    return (await session.scalars(query.with_for_update().execution_options(populate_existing=True))).one_or_none()


async def _twins_first(session: AsyncSession, condition: ColumnElement[bool]) -> Sequence[str]:
    """Return attachments in the order in which they can go: a twin that goes first is not made an heir for nothing."""
    query = select(schema.Attachment.id).where(condition)
    return (await session.scalars(query.order_by(schema.Attachment.twin_of_id.is_(None), schema.Attachment.id))).all()
