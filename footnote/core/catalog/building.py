"""What jobs write of the versions that they build: begun, given chunks, published; many jobs' steps in one transaction.

Each step is checked before anything of it is written, so that one which is refused touches no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from footnote.core.catalog import schema
from footnote.core.catalog.detaching import WHOLE, detach_replaced
from footnote.core.catalog.documents import ReadDocument, keep_documents
from footnote.core.catalog.jobs import JobLease, Note, give_up_version, held_jobs, lease_lost, note_progress
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import VersionRecord
from footnote.core.errors import Overloaded
from footnote.core.ids import new_id
from footnote.core.types import Chunk, JobState, VersionState

CHUNKS_PER_STATEMENT = 500


class SpaceTaken(Overloaded):
    """Another worker gave the collection another space a moment ago: beginning the job again follows it."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Begin a version, or go on with the one that an earlier attempt of the same job began with the same recipe.

    Args:
        attachment_id: whose content it is.
        document: what it is cut from: the id of a document, or one to be stored.
        content_sha256: the bytes' hash.
        recipe: parser, chunking and embedding recipe, as JSON.
        recipe_sha256: the recipe's hash.
        lease: the job's.
        space: where its vectors lie; a collection without any version takes this space for its own.
        edition: the re-indexing that it is made for, or that its collection shows.
    """

    attachment_id: str
    document: str | ReadDocument
    content_sha256: str
    recipe: dict[str, Any]
    recipe_sha256: str
    lease: JobLease
    space: str | None = None
    edition: str | None = None


@dataclass(frozen=True, slots=True)
class Storing:
    """Replace the chunks of a version that is being built."""

    version_id: str
    chunks: Sequence[Chunk]
    lease: JobLease


@dataclass(frozen=True, slots=True)
class Publishing:
    """Make a version the live one of its attachment and complete its job, whose progress may be noted with it."""

    version_id: str
    n_points: int
    lease: JobLease
    note: Note | None = None


Step = Beginning | Storing | Publishing
Outcome = VersionRecord | tuple[str, ...] | None
"""The version that was begun; nothing of chunks; of a publishing the versions that it took the place of."""


async def build(session: AsyncSession, steps: Sequence[Step]) -> list[Outcome | Exception]:
    """Do steps of different jobs within a write that nobody else writes beside; return what each one gave, or why it was refused.

    Refused with LeaseLost is what is no longer this worker's, and with SpaceTaken the beginning of a version whose collection has another
    space by now.
    """
    jobs = await held_jobs(session, [step.lease for step in steps])
    outcomes: dict[int, Outcome | Exception] = {place: lease_lost(step.lease) for place, step in enumerate(steps) if step.lease not in jobs}
    mine = {place: step for place, step in enumerate(steps) if place not in outcomes}
    with session.no_autoflush:
        await _store(session, [step for step in mine.values() if isinstance(step, Storing)])
        outcomes |= await _begin(session, jobs, {place: step for place, step in mine.items() if isinstance(step, Beginning)})
        outcomes |= await _publish(session, jobs, {place: step for place, step in mine.items() if isinstance(step, Publishing)})
    return [outcomes.get(place) for place in range(len(steps))]


# ------------------------------------------------------------------------------------------------------------------------- beginning


async def _begin(
    session: AsyncSession, jobs: Mapping[JobLease, schema.Job], beginnings: Mapping[int, Beginning]
) -> dict[int, Outcome | Exception]:
    outcomes: dict[int, Outcome | Exception] = {}
    collections = await _lock_collections(session, [step.attachment_id for step in beginnings.values() if step.space is not None])
    welcome: dict[int, Beginning] = {}
    settled: set[str] = set()  # collections that get a version in this write, which no query finds yet
    for place, step in beginnings.items():
        collection = collections.get(step.attachment_id)
        if collection is not None:
            try:
                in_use = collection.id in settled
                await _settle_space(session, collection, step, in_use=in_use, building=jobs[step.lease].version_id)
            except SpaceTaken as error:
                outcomes[place] = error
                continue
            settled.add(collection.id)
        welcome[place] = step
    read = [step.document for step in welcome.values() if isinstance(step.document, ReadDocument)]
    kept = dict(zip([each.id for each in read], await keep_documents(session, read), strict=True))
    for place, step in welcome.items():
        document_id = kept[step.document.id] if isinstance(step.document, ReadDocument) else step.document
        outcomes[place] = record(await _pending(session, jobs[step.lease], step, document_id=document_id))
    return outcomes


async def _pending(session: AsyncSession, job: schema.Job, step: Beginning, *, document_id: str) -> schema.Version:
    if job.version_id is not None:
        row = await session.get(schema.Version, job.version_id)
        if row is not None and row.state == VersionState.PENDING and _is_the_same(row, step, document_id=document_id):
            return row
        await give_up_version(session, job)
    row = schema.Version(
        id=new_id("ver"),
        attachment_id=step.attachment_id,
        document_id=document_id,
        content_sha256=step.content_sha256,
        recipe=step.recipe,
        recipe_sha256=step.recipe_sha256,
        space=step.space,
        edition=step.edition,
        state=VersionState.PENDING,
        created_at=now(),
        n_chunks=0,
    )
    session.add(row)
    job.version_id = row.id
    return row


def _is_the_same(row: schema.Version, step: Beginning, *, document_id: str) -> bool:
    there = (row.recipe_sha256, row.content_sha256, row.edition, row.document_id)
    return there == (step.recipe_sha256, step.content_sha256, step.edition, document_id)


async def _lock_collections(session: AsyncSession, attachment_ids: Sequence[str]) -> dict[str, schema.Collection]:
    """Return the collections of attachments, for writing, by attachment."""
    if not attachment_ids:
        return {}
    here = select(schema.Attachment.id, schema.Attachment.collection_id).where(schema.Attachment.id.in_(attachment_ids))
    collection_ids = {row.id: row.collection_id for row in await session.execute(here)}
    query = select(schema.Collection).where(schema.Collection.id.in_(set(collection_ids.values())))
    rows = {row.id: row for row in await session.scalars(query.order_by(schema.Collection.id).with_for_update())}
    return {attachment_id: rows[collection_id] for attachment_id, collection_id in collection_ids.items()}


async def _settle_space(
    session: AsyncSession, collection: schema.Collection, step: Beginning, *, in_use: bool, building: str | None
) -> None:
    """Give a collection its space with its first version, and see to it that the others lie in the same one.

    Raises:
        SpaceTaken: they lie in another one by now; the version that the same job has been ``building`` does not count.
    """
    if collection.space == step.space or step.edition != collection.edition:
        return
    if collection.space is not None and (in_use or await _has_versions(session, collection.id, besides=building)):
        raise SpaceTaken("The collection was given another embedder a moment ago; its documents follow.", retry_after_s=1)
    collection.space, collection.embedding_recipe = step.space, step.recipe.get("embedding")


async def _has_versions(session: AsyncSession, collection_id: str, *, besides: str | None) -> bool:
    """Whether a collection has versions that are built or may yet be."""
    query = (
        select(schema.Version.id)
        .join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
        .where(schema.Attachment.collection_id == collection_id, schema.Version.state.in_([VersionState.PENDING, *WHOLE]))
        .where(schema.Version.id.is_distinct_from(besides))
    )
    return await session.scalar(query.limit(1)) is not None


# --------------------------------------------------------------------------------------------------------------------------- storing


async def _store(session: AsyncSession, storings: Sequence[Storing]) -> None:
    if not storings:
        return
    await session.execute(delete(schema.Chunk).where(schema.Chunk.version_id.in_([step.version_id for step in storings])))
    await insert_chunks(session, [(step.version_id, chunk) for step in storings for chunk in step.chunks])
    await note_n_chunks(session, {step.version_id: len(step.chunks) for step in storings})


async def insert_chunks(session: AsyncSession, chunks: Sequence[tuple[str, Chunk]]) -> None:
    """Insert chunks, each with its version."""
    rows = [_chunk_row(version_id, chunk) for version_id, chunk in chunks]
    for first in range(0, len(rows), CHUNKS_PER_STATEMENT):
        await session.execute(insert(schema.Chunk), rows[first : first + CHUNKS_PER_STATEMENT])


async def note_n_chunks(session: AsyncSession, n_chunks: Mapping[str, int]) -> None:
    """Write into versions how many chunks they have."""
    await session.execute(update(schema.Version), [{"id": version_id, "n_chunks": n} for version_id, n in n_chunks.items()])


def _chunk_row(version_id: str, chunk: Chunk) -> dict[str, object]:
    return {
        "id": chunk.id,
        "version_id": version_id,
        "ordinal": chunk.ordinal,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "context": chunk.context,
        "page": chunk.page,
        "page_starts": chunk.page_starts,
        "n_tokens": chunk.n_tokens,
    }


# ------------------------------------------------------------------------------------------------------------------------ publishing


async def _publish(
    session: AsyncSession, jobs: Mapping[JobLease, schema.Job], publishings: Mapping[int, Publishing], *, later: Sequence[str] = ()
) -> dict[int, Outcome | Exception]:
    """Publish versions; of two of the same attachment the later one takes the place of the earlier one, which leaves it alone.

    Args:
        session: the write.
        jobs: the jobs of leases that hold.
        publishings: the steps, by place.
        later: versions that the same write publishes after these.
    """
    if not publishings:
        return {}
    versions = await _versions(session, [step.version_id for step in publishings.values()])
    attachment_ids = {row.attachment_id for row in versions.values()}
    if len(attachment_ids) < len(publishings) > 1:
        outcomes: dict[int, Outcome | Exception] = {}
        in_turn = [step.version_id for step in publishings.values()]
        for n_done, (place, step) in enumerate(publishings.items(), start=1):
            outcomes |= await _publish(session, jobs, {place: step}, later=in_turn[n_done:])
        return outcomes
    retired = await _retire_others(session, versions, later=later)
    await _show(session, publishings, versions)
    for step in publishings.values():
        _complete(jobs[step.lease], step.note)
    await session.flush()
    replacing = await _that_replace(session, [row.attachment_id for row in versions.values() if row.edition == row.shown])
    found: dict[int, Outcome | Exception] = {}
    for place, step in publishings.items():
        row = versions[step.version_id]
        replaced = await detach_replaced(session, row.attachment_id) if row.attachment_id in replacing else ()
        found[place] = (*retired[row.id], *replaced)
    return found


async def _versions(session: AsyncSession, version_ids: Sequence[str]) -> dict[str, Any]:
    """Return of versions, by id: their attachment, their edition, and which one their collection shows."""
    version, collection = schema.Version, schema.Collection
    query = (
        select(version.id, version.attachment_id, version.edition, collection.edition.label("shown"))
        .join(schema.Attachment, schema.Attachment.id == version.attachment_id)
        .join(collection, collection.id == schema.Attachment.collection_id)
        .where(version.id.in_(version_ids))
    )
    return {row.id: row for row in await session.execute(query)}


async def _retire_others(session: AsyncSession, versions: Mapping[str, Any], *, later: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Retire what versions take the place of, the others of the same attachment and edition; return those for each."""
    query = select(schema.Version.id, schema.Version.attachment_id, schema.Version.edition).where(
        schema.Version.attachment_id.in_([row.attachment_id for row in versions.values()]),
        schema.Version.id.not_in([*versions, *later]),
        schema.Version.state != VersionState.RETIRED,
    )
    others = (await session.execute(query)).all()
    retired = {
        row.id: tuple(each.id for each in others if (each.attachment_id, each.edition) == (row.attachment_id, row.edition))
        for row in versions.values()
    }
    gone = [version_id for each in retired.values() for version_id in each]
    if gone:
        values = {"state": VersionState.RETIRED, "retired_at": now()}
        await session.execute(update(schema.Version), [{"id": version_id, **values} for version_id in gone])
    return retired


async def _show(session: AsyncSession, publishings: Mapping[int, Publishing], versions: Mapping[str, Any]) -> None:
    live: list[dict[str, Any]] = []
    built: list[dict[str, Any]] = []
    for step in publishings.values():
        row, values = versions[step.version_id], {"id": step.version_id, "n_points": step.n_points}
        if row.edition == row.shown:
            live.append({**values, "state": VersionState.LIVE, "live_at": now()})
        else:
            built.append({**values, "state": VersionState.BUILT})
    for changed in (live, built):
        if changed:
            await session.execute(update(schema.Version), changed)


def _complete(job: schema.Job, note: Note | None) -> None:
    if note is not None:
        note_progress(job, note)
    job.state, job.finished_at = JobState.COMPLETED, now()
    job.lease_owner, job.lease_until, job.error_code, job.error_message = None, None, None, None


async def _that_replace(session: AsyncSession, attachment_ids: Sequence[str]) -> set[str]:
    """Return those of the attachments that, or whose twins, are to take the place of others."""
    if not attachment_ids:
        return set()
    attachment = schema.Attachment
    replaced = aliased(attachment)
    of_these = attachment.id.in_(attachment_ids) | attachment.twin_of_id.in_(attachment_ids)
    rows = await session.execute(
        select(attachment.id, attachment.twin_of_id).where(of_these, exists().where(replaced.replaced_by_id == attachment.id))
    )
    return {each for row in rows for each in (row.id, row.twin_of_id) if each in set(attachment_ids)}


def record(row: schema.Version) -> VersionRecord:
    return VersionRecord(
        id=row.id,
        attachment_id=row.attachment_id or "",
        document_id=row.document_id,
        content_sha256=row.content_sha256,
        recipe_sha256=row.recipe_sha256,
        state=VersionState(row.state),
        n_chunks=row.n_chunks,
    )
