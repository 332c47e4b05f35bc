"""Re-indexing: a new version of every attachment of a collection, built beside the live ones and shown by one write.

The versions of one re-indexing are an *edition* of their collection, and a collection shows one edition at a time. Its jobs are ordinary
ones whose subject names the re-indexing; it owns them, so that they take turns with the uploads of people.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import editions, schema
from footnote.core.catalog.collections import require_owned, require_readable
from footnote.core.catalog.database import Database
from footnote.core.catalog.jobs import FINAL
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import JobRecord
from footnote.core.catalog.reindex_progress import ReindexProgress, progress_of
from footnote.core.errors import Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Attributes, Caller, ChunkingRecipe, EmbeddingRecipe, JobState, VersionState

SUBJECT = "reindex"
"""The key under which a job's subject names its re-indexing."""


class ReindexState(StrEnum):
    """``building`` until it is shown (also when it was flipped back), ``flipped`` while the former edition is kept; then ``done``."""

    BUILDING = "building"
    FLIPPED = "flipped"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReindexRecord:
    """A re-indexing. ``previous_recipe`` is what the collection showed when it was begun; ``comparison`` holds figures and ids, no text."""

    id: str
    collection_id: str
    owner: str
    state: ReindexState
    chunking: ChunkingRecipe | None
    recipe: EmbeddingRecipe
    previous_recipe: EmbeddingRecipe | None
    comparison: Mapping[str, Any] | None
    created_at: datetime
    flipped_at: datetime | None
    keep_until: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a job's version belongs.

    Args:
        space: of its vectors; None is the settings'.
        edition: of its collection.
        chunking: how it is cut; None is as the settings say.
    """

    space: str | None
    edition: str | None
    chunking: ChunkingRecipe | None


@dataclass(frozen=True, slots=True)
class Flipped:
    """What a flip, or a flip back, did: versions that are shown now, attachments left without one, and those queued to be read."""

    n_shown: int
    n_missing: int
    n_queued: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be done for an ingestion job: whose bytes are read, and where what comes of them belongs."""

    attachment_id: str
    collection_id: str
    owner: str
    principals: frozenset[str]
    attributes: Attributes
    filename: str
    blob_sha256: str
    target: Target


class Reindexes:
    """Reads and writes re-indexings. One of a collection that the caller may not read is not found.

    Only its owner may change it, and one of the default collection only who runs the server.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- beginning, and seeing how far it is ------------------------------------------------------------------------------------------

    async def start(self, collection_id: str, *, caller: Caller, recipe: EmbeddingRecipe, chunking: ChunkingRecipe | None) -> ReindexRecord:
        """Begin to build a new edition, or go on with the one that is being built with the same recipe: what failed is tried again.

        Args:
            collection_id: the collection.
            caller: who asks for it.
            recipe: the embedder's.
            chunking: how all attachments are cut; None keeps each as it is.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
            Conflict: another re-indexing of it is not finished.
        """
        async with self._database.write() as session:
            collection = await require_owned(session, collection_id, caller)
            row = await _unfinished(session, collection.id)
            if row is None:
                row = await _begin(session, collection.id, owner=caller.owner, recipe=recipe, chunking=chunking)
            elif row.state != ReindexState.BUILDING or row.space != recipe.space or row.chunking != _as_json(chunking):
                raise _unfinished_conflict(row)
            await _queue_missing(session, row, retry=True)
            return _record(row)

    async def get(self, collection_id: str, *, caller: Caller, reindex_id: str | None = None) -> ReindexRecord:
        """Return a collection's re-indexing: the one that is not finished, else the newest; or the one with this id.

        Raises:
            NotFound: there is none, or the caller may not read the collection.
        """
        async with self._database.read() as session:
            collection = await require_readable(session, collection_id, caller)
            return _record(await _of_collection(session, collection.id, reindex_id))

    async def list(self, collection_id: str, *, caller: Caller) -> tuple[ReindexRecord, ...]:
        """Return the re-indexings of a collection, the newest first.

        Raises:
            NotFound: the caller may not read the collection.
        """
        async with self._database.read() as session:
            collection = await require_readable(session, collection_id, caller)
            query = select(schema.Reindex).where(schema.Reindex.collection_id == collection.id).order_by(schema.Reindex.id.desc())
            return tuple([_record(row) for row in await session.scalars(query)])

    async def progress(self, reindex_id: str) -> ReindexProgress:
        """Say how far a re-indexing is; no caller's access is checked.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Reindex, reindex_id)
            if row is None:
                raise NotFound(f"There is no re-indexing {reindex_id}.")
            return await progress_of(session, row, is_building=row.state == ReindexState.BUILDING)

    async def queue_missing(self, reindex_id: str) -> int:
        """Queue a job for each attachment that has come since, and has neither a new version nor a job for one; return how many."""
        async with self._database.write() as session:
            row = await session.get(schema.Reindex, reindex_id)
            if row is None or row.state != ReindexState.BUILDING:
                return 0
            return await _queue_missing(session, row)

    async def queue_all_missing(self) -> int:
        """Do ``queue_missing`` for every re-indexing that is being built."""
        async with self._database.read() as session:
            building = (await session.scalars(select(schema.Reindex.id).where(schema.Reindex.state == ReindexState.BUILDING))).all()
        return sum([await self.queue_missing(reindex_id) for reindex_id in building])

    async def target_of(self, job: JobRecord) -> Target:
        """Say where the version of an ingestion job belongs; errors are those of ``assignments_of``."""
        (assignment,) = await self.assignments_of([job])
        if isinstance(assignment, NotFound):
            raise assignment
        return assignment.target

    async def assignments_of(self, jobs: Sequence[JobRecord]) -> Sequence[Assignment | NotFound]:
        """Return what is to be done for ingestion jobs, in order; NotFound where the attachment is gone or the re-indexing was given up."""
        async with self._database.read() as session:
            rows = {row.id: row for row in await session.execute(_ASSIGNMENTS, {"job_ids": [job.id for job in jobs]})}
            settled = {each: await editions.has_content(session, each) for each in {row.collection_id for row in rows.values()}}
            reindexes = await _reindexes(session, rows.values())
        return [_assignment(job, rows.get(job.id), settled=settled, reindexes=reindexes) for job in jobs]

    async def built_points(self, reindex_id: str) -> dict[str, int]:
        """Return how many points the index should hold of each version that waits to be shown."""
        query = select(schema.Version.id, schema.Version.n_points)
        async with self._database.read() as session:
            rows = await session.execute(query.where(schema.Version.edition == reindex_id, schema.Version.state == VersionState.BUILT))
            return {row.id: row.n_points for row in rows}

    async def build_again(self, reindex_id: str, version_ids: Sequence[str]) -> int:
        """Retire built versions whose points were lost, and queue their attachments; return how many."""
        async with self._database.write() as session:
            row = await session.get_one(schema.Reindex, reindex_id)
            for first in range(0, len(version_ids), editions.JOBS_PER_STATEMENT):
                some = schema.Version.id.in_(version_ids[first : first + editions.JOBS_PER_STATEMENT])
                built = update(schema.Version).where(some, schema.Version.state == VersionState.BUILT, schema.Version.edition == row.id)
                await session.execute(built.values(state=VersionState.RETIRED, retired_at=now()))
            return await _queue_missing(session, row)

    async def keep_comparison(
        self, collection_id: str, comparison: Mapping[str, Any], *, caller: Caller, reindex_id: str | None = None
    ) -> ReindexRecord:
        """Keep how the new edition compares with the old one: figures and ids, no text.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
        """
        async with self._database.write() as session:
            collection = await require_owned(session, collection_id, caller)
            row = await _of_collection(session, collection.id, reindex_id)
            row.comparison = dict(comparison)
            return _record(row)

    # -- showing one or the other -----------------------------------------------------------------------------------------------------

    async def flip(
        self, collection_id: str, *, caller: Caller, keep_for: timedelta, accept_missing: bool = False, reindex_id: str | None = None
    ) -> Flipped:
        """Show the new edition in the place of the old one, which is kept, in one write.

        Jobs of documents that are on their way are begun again for the new edition.

        Args:
            collection_id: the collection.
            caller: its owner.
            keep_for: how long the old edition is kept.
            accept_missing: flip also where some attachments have no new version: they are shown as failed, and not found until they are
                read again or it is flipped back.
            reindex_id: which re-indexing; by default the one that is not finished.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
            Conflict: it is shown already or over, or not all is built.
        """
        async with self._database.write() as session:
            row, collection = await _for_change(session, collection_id, caller, reindex_id)
            if row.state != ReindexState.BUILDING:
                raise Conflict(f"The re-indexing {row.id} is {row.state}: there is nothing to flip to.")
            await editions.begin_again(session, collection.id)
            if accept_missing:
                await editions.stop_jobs(session, row)
            collection = await session.get_one(schema.Collection, collection.id, with_for_update=True, populate_existing=True)
            n_missing = await editions.count(session, editions.missing(row, collection))
            if n_missing and not accept_missing:
                raise Conflict(
                    f"{n_missing} documents of the collection have no new version yet.",
                    hint="Wait until they are built, or flip without them: --accept-missing.",
                )
            await editions.move(session, collection, edition=collection.edition, state=VersionState.LIVE, to=VersionState.KEPT)
            n_shown = await editions.move(session, collection, edition=row.id, state=VersionState.BUILT, to=VersionState.LIVE)
            collection.space, collection.embedding_recipe, collection.edition = row.space, row.embedding_recipe, row.id
            collection.chunking = row.chunking or collection.chunking
            moment = now()
            row.state, row.flipped_at, row.keep_until = ReindexState.FLIPPED, moment, moment + keep_for
            await editions.show_their_jobs(session, collection.id, reindex_id=row.id)
            return Flipped(n_shown=n_shown, n_missing=n_missing)

    async def flip_back(self, collection_id: str, *, caller: Caller, reindex_id: str | None = None) -> Flipped:
        """Show the old edition again, in one write. The new one stays built, and can be flipped to again.

        What was attached since the flip was never part of the old edition: it is queued to be read, and not found until then.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
            Conflict: it is not shown, or the old edition is not kept any more.
        """
        async with self._database.write() as session:
            row, collection = await _for_change(session, collection_id, caller, reindex_id)
            if row.state != ReindexState.FLIPPED:
                raise Conflict(f"The re-indexing {row.id} is {row.state}: there is nothing to flip back to.")
            await editions.begin_again(session, collection.id)
            collection = await session.get_one(schema.Collection, collection.id, with_for_update=True, populate_existing=True)
            await editions.move(session, collection, edition=row.id, state=VersionState.LIVE, to=VersionState.BUILT)
            before = row.previous["edition"]
            n_shown = await editions.move(session, collection, edition=before, state=VersionState.KEPT, to=VersionState.LIVE)
            for name in ("space", "embedding_recipe", "edition", "chunking"):
                setattr(collection, name, row.previous[name])
            row.state, row.flipped_at, row.keep_until = ReindexState.BUILDING, None, None
            await session.flush()
            n_queued = await _queue_unshown(session, row)
            await editions.show_their_jobs(session, collection.id)
            return Flipped(n_shown=n_shown, n_missing=n_queued, n_queued=n_queued)

    # -- ending -----------------------------------------------------------------------------------------------------------------------

    async def cancel(self, collection_id: str, *, caller: Caller, reindex_id: str | None = None) -> ReindexRecord:
        """Give up a re-indexing that is not shown; what was built of it is retired.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
            Conflict: it is shown.
        """
        async with self._database.write() as session:
            row, _ = await _for_change(session, collection_id, caller, reindex_id)
            if row.state == ReindexState.FLIPPED:
                raise Conflict(f"The re-indexing {row.id} is shown.", hint="Flip back before, or drop what is kept.")
            if row.state == ReindexState.BUILDING:
                await editions.stop_jobs(session, row)
                await editions.retire(session, row.collection_id, edition=row.id, state=VersionState.BUILT)
                row.state, row.finished_at = ReindexState.CANCELLED, now()
            return _record(row)

    async def drop(self, collection_id: str, *, caller: Caller, reindex_id: str | None = None) -> ReindexRecord:
        """Retire the edition that is kept; from then on there is no way back.

        Raises:
            NotFound, AccessDenied: as for every change of a collection.
            Conflict: nothing is kept.
        """
        async with self._database.write() as session:
            row, _ = await _for_change(session, collection_id, caller, reindex_id)
            if row.state != ReindexState.FLIPPED:
                raise Conflict(f"The re-indexing {row.id} is {row.state}: nothing is kept.")
            await _finish(session, row)
            return _record(row)

    async def drop_expired(self) -> int:
        """Retire the editions that were kept for long enough; return how many. Their points leave the index with the next sweep."""
        over = (schema.Reindex.state == ReindexState.FLIPPED) & (schema.Reindex.keep_until < now())
        async with self._database.read() as session:  # almost always none
            if not await session.scalar(select(func.count()).select_from(schema.Reindex).where(over)):
                return 0
        async with self._database.write() as session:
            rows = (await session.scalars(select(schema.Reindex).where(over).with_for_update())).all()
            for row in rows:
                await _finish(session, row)
            return len(rows)


# ------------------------------------------------------------------------------------------------------------------------------- rows


async def _begin(
    session: AsyncSession, collection_id: str, *, owner: str, recipe: EmbeddingRecipe, chunking: ChunkingRecipe | None
) -> schema.Reindex:
    collection = await session.get_one(schema.Collection, collection_id)
    row = schema.Reindex(
        id=new_id("reindex"),
        collection_id=collection.id,
        owner=owner,
        state=ReindexState.BUILDING,
        chunking=_as_json(chunking),
        embedder=None,
        embedding_recipe=asdict(recipe),
        space=recipe.space,
        previous={
            "space": collection.space,
            "embedding_recipe": collection.embedding_recipe,
            "edition": collection.edition,
            "chunking": collection.chunking,
        },
        created_at=now(),
    )
    session.add(row)
    await session.flush()
    return row


async def _unfinished(session: AsyncSession, collection_id: str) -> schema.Reindex | None:
    query = select(schema.Reindex).where(schema.Reindex.collection_id == collection_id, schema.Reindex.finished_at.is_(None))
    return (await session.scalars(query)).first()


def _unfinished_conflict(row: schema.Reindex) -> Conflict:
    if row.state == ReindexState.FLIPPED:
        return Conflict(
            "The collection still keeps what it showed before its last re-indexing.",
            hint="Drop that (`footnote reindex drop`) or flip back before you begin another.",
        )
    return Conflict(
        f"The collection is being re-indexed with {row.embedding_recipe['model']} already, or with another chunking.",
        hint="Let it end, or cancel it: `footnote reindex cancel`.",
    )


async def _of_collection(session: AsyncSession, collection_id: str, reindex_id: str | None) -> schema.Reindex:
    query = select(schema.Reindex).where(schema.Reindex.collection_id == collection_id)
    if reindex_id is not None:
        query = query.where(schema.Reindex.id == reindex_id)
    rows = (await session.scalars(query.order_by(schema.Reindex.finished_at.is_not(None), schema.Reindex.id.desc()).limit(1))).all()
    if not rows:
        raise NotFound("The collection was never re-indexed." if reindex_id is None else f"There is no re-indexing {reindex_id} of it.")
    return rows[0]


async def _for_change(
    session: AsyncSession, collection_id: str, caller: Caller, reindex_id: str | None
) -> tuple[schema.Reindex, schema.Collection]:
    known = await require_owned(session, collection_id, caller)
    row = await _of_collection(session, known.id, reindex_id)
    locked = await session.get_one(schema.Reindex, row.id, with_for_update=True, populate_existing=True)
    return locked, await session.get_one(schema.Collection, known.id)


async def _finish(session: AsyncSession, row: schema.Reindex) -> None:
    await editions.retire(session, row.collection_id, edition=row.previous["edition"], state=VersionState.KEPT)
    row.state, row.finished_at = ReindexState.DONE, now()


async def _queue_missing(session: AsyncSession, row: schema.Reindex, *, retry: bool = False) -> int:
    """Queue a job for each attachment that has neither a new version nor a job for one; with ``retry`` also where that has ended badly."""
    collection = await session.get_one(schema.Collection, row.collection_id)
    job = select(schema.Job.id).where(schema.Job.owner == row.id, schema.Job.attachment_id == schema.Attachment.id)
    # A job that has completed and whose version is gone is no reason to wait: its points were lost.
    job = job.where(schema.Job.state.not_in(FINAL) if retry else schema.Job.state != JobState.COMPLETED)
    found = (await session.scalars(editions.missing(row, collection).where(~job.exists()).order_by(schema.Attachment.id))).all()
    await editions.queue(session, found, owner=row.id, subject={SUBJECT: row.id})
    return len(found)


async def _queue_unshown(session: AsyncSession, row: schema.Reindex) -> int:
    """Queue ordinary jobs for the attachments that a flip back leaves without a version; they show that they are in progress."""
    collection = await session.get_one(schema.Collection, row.collection_id)
    open_job = select(schema.Job.id).where(schema.Job.id == schema.Attachment.job_id, schema.Job.state.not_in(FINAL))
    unshown = (
        editions.attachments_of(row.collection_id)
        .where(schema.Attachment.twin_of_id.is_(None), editions.has_version(row.id, VersionState.BUILT))
        .where(~editions.has_version(collection.edition, VersionState.LIVE), ~open_job.exists())
    )
    rows = (await session.execute(unshown.add_columns(schema.Attachment.owner))).all()
    for attachment_id, owner in rows:
        (job_id,) = await editions.queue(session, [attachment_id], owner=owner, subject={})
        await session.execute(update(schema.Attachment).where(schema.Attachment.id == attachment_id).values(job_id=job_id))
    return len(rows)


def _as_json(chunking: ChunkingRecipe | None) -> dict[str, Any] | None:
    return None if chunking is None else asdict(chunking)


def _chunking(stored: Mapping[str, Any] | None) -> ChunkingRecipe | None:
    return None if stored is None else ChunkingRecipe(**stored)


def _record(row: schema.Reindex) -> ReindexRecord:
    before = row.previous.get("embedding_recipe")
    return ReindexRecord(
        id=row.id,
        collection_id=row.collection_id,
        owner=row.owner,
        state=ReindexState(row.state),
        chunking=_chunking(row.chunking),
        recipe=EmbeddingRecipe(**row.embedding_recipe),
        previous_recipe=None if before is None else EmbeddingRecipe(**before),
        comparison=row.comparison,
        created_at=row.created_at,
        flipped_at=row.flipped_at,
        keep_until=row.keep_until,
        finished_at=row.finished_at,
    )


def _assignments_query() -> Select[*tuple[Any, ...]]:
    job, attachment, collection = schema.Job, schema.Attachment, schema.Collection
    return (
        select(
            job.id,
            job.subject,
            attachment.id.label("attachment_id"),
            attachment.owner,
            attachment.principals,
            attachment.attributes,
            attachment.chunking,
            attachment.created_at,
            schema.File.filename,
            schema.File.blob_sha256,
            collection.id.label("collection_id"),
            collection.space,
            collection.edition,
        )
        .join(attachment, attachment.id == job.attachment_id)
        .join(schema.File, schema.File.id == attachment.file_id)
        .join(collection, collection.id == attachment.collection_id)
        .where(job.id.in_(bindparam("job_ids", expanding=True)))
    )


_ASSIGNMENTS = _assignments_query()


async def _reindexes(session: AsyncSession, rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[str, schema.Reindex]:
    """Return the re-indexings that jobs are of, and those that their collections show."""
    wanted = {each for row in rows for each in (row.subject.get(SUBJECT), row.edition) if each is not None}
    if not wanted:
        return {}
    found = await session.scalars(select(schema.Reindex).where(schema.Reindex.id.in_(sorted(wanted))))
    return {reindex.id: reindex for reindex in found}


def _assignment(
    job: JobRecord, row: Row[*tuple[Any, ...]] | None, *, settled: Mapping[str, bool], reindexes: Mapping[str, schema.Reindex]
) -> Assignment | NotFound:
    if row is None:
        return NotFound(f"There is no attachment {job.attachment_id}.")
    target = _target(row, settled=settled[row.collection_id], reindexes=reindexes)
    if target is None:
        return NotFound(f"The re-indexing {row.subject[SUBJECT]} is over.")
    return Assignment(
        attachment_id=row.attachment_id,
        collection_id=row.collection_id,
        owner=row.owner,
        principals=frozenset(row.principals),
        attributes=row.attributes,
        filename=row.filename,
        blob_sha256=row.blob_sha256,
        target=target,
    )


def _target(row: Row[*tuple[Any, ...]], *, settled: bool, reindexes: Mapping[str, schema.Reindex]) -> Target | None:
    """Return where a job's version belongs; None where its re-indexing is over."""
    own = _chunking(row.chunking)
    if SUBJECT in row.subject:
        reindex = reindexes.get(row.subject[SUBJECT])
        if reindex is None or reindex.state != ReindexState.BUILDING:
            return None
        return Target(space=reindex.space, edition=reindex.id, chunking=_chunking(reindex.chunking) or own)
    shown = reindexes.get(row.edition)
    if shown is not None and shown.chunking and shown.flipped_at and row.created_at < shown.flipped_at:
        own = _chunking(shown.chunking)  # it was cut anew with all the others
    return Target(space=row.space if settled else None, edition=row.edition, chunking=own)
