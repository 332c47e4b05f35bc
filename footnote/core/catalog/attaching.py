"""Attaching: which file becomes whose twin, what takes the place of what, and which jobs that needs. One write, however many files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.collections import owner_principal
from footnote.core.catalog.detaching import detach_replaced, queue
from footnote.core.catalog.jobs import new_ingest_job
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import CollectionRecord
from footnote.core.errors import AccessDenied, InvalidInput, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Attributes, Caller, ChunkingRecipe, JobState, VersionState

IDS_PER_STATEMENT = 1_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file to attach. What is None is taken over from what it replaces, else from the collection.

    Args:
        file_id: the caller's own file.
        attributes: for filters.
        principals: who may read it, beside its owner.
        chunking: how it is cut.
        replaces: the files in the same collection whose place it takes as soon as it can be searched; it is taken to be like the first.
        source: where the bytes came from, in the caller's own words; it takes the place of what the caller attached from there before.
    """

    file_id: str
    attributes: Attributes | None = None
    principals: frozenset[str] | None = None
    chunking: ChunkingRecipe | None = None
    replaces: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """What attaching has come to: the attachments in the order of the request, each once; the versions whose points have to go."""

    attachment_ids: tuple[str, ...]
    retired: tuple[str, ...]


async def attach_files(
    session: AsyncSession, collection: CollectionRecord, wanted: Sequence[NewAttachment], *, caller: Caller, batch_id: str | None = None
) -> Attached:
    """Attach files and queue their jobs, all or none.

    A file that is attached already stays as it is; one that failed or was cancelled is tried again. The last one that is attached wins:
    what it replaces stays until it can be searched, and goes in the very write that shows it, which is this one where it is a twin of
    something that is shown already.

    Raises:
        NotFound: a file is not there or is somebody else's; what is to be replaced is not in the collection.
        AccessDenied: what is to be replaced was attached by somebody else.
        InvalidInput: a file is to replace itself, or is named twice with different wishes.
    """
    wanted = _once(wanted)
    # Two requests that replace the same thing have to see each other.
    await session.execute(select(schema.Collection.id).where(schema.Collection.id == collection.id).with_for_update())
    known = await _known(session, collection, wanted, caller)
    rows: list[schema.Attachment] = []
    begun: list[schema.Attachment] = []
    followed: list[tuple[schema.Attachment, Sequence[schema.Attachment]]] = []
    for each in wanted:
        before = known.replaced_by(each, collection=collection, caller=caller)
        row = known.rows.get(each.file_id)
        is_begun = False
        if row is None:
            row = _new_row(each, collection, before, caller=caller)
            twin = known.twin_of(row)
            row.twin_of_id, is_begun = None if twin is None else twin.id, twin is None
            session.add(row)
        else:
            row.replaced_by_id, row.source = None, each.source or row.source
            await try_again(session, row)
        row.batch_id = batch_id or row.batch_id
        known.add(row, is_begun=is_begun)
        begun += [row] if is_begun else []
        rows.append(row)
        followed.append((row, before))
    await session.flush()
    await _begin(session, begun)
    return Attached(tuple(row.id for row in rows), await _follow(session, followed))


def _once(wanted: Sequence[NewAttachment]) -> list[NewAttachment]:
    by_file: dict[str, NewAttachment] = {}
    for each in wanted:
        if by_file.setdefault(each.file_id, each) != each:
            raise InvalidInput(f"The file {each.file_id} is named twice, and not in the same way.", param="files")
    return list(by_file.values())


async def try_again(session: AsyncSession, row: schema.Attachment) -> None:
    """Queue a new job for an attachment that failed or was cancelled."""
    standing = await standing_of(session, row)
    job = None if standing.job_id is None else await session.get(schema.Job, standing.job_id)
    if job is None or job.state in (JobState.FAILED, JobState.CANCELLED):
        await queue(session, standing)


async def standing_of(session: AsyncSession, row: schema.Attachment) -> schema.Attachment:
    """Return the attachment whose job and chunks stand for this one: itself, unless it is a twin."""
    return row if row.twin_of_id is None else await session.get_one(schema.Attachment, row.twin_of_id)


async def is_searchable(session: AsyncSession, attachment_id: str) -> bool:
    """Whether an attachment that is no twin has a live version."""
    query = select(schema.Version.id).where(schema.Version.attachment_id == attachment_id, schema.Version.state == VersionState.LIVE)
    return await session.scalar(query) is not None


# ---------------------------------------------------------------------------------------------------------------- what is there already


@dataclass
class _Known:
    """What the collection and the caller's files say about a request, read in a handful of queries however long it is."""

    files: Mapping[str, schema.File]
    rows: dict[str, schema.Attachment]
    by_source: dict[str, list[schema.Attachment]] = field(default_factory=dict[str, list[schema.Attachment]])
    by_name: dict[str, list[schema.Attachment]] = field(default_factory=dict[str, list[schema.Attachment]])
    primaries: dict[str, list[tuple[schema.Attachment, str]]] = field(default_factory=dict[str, list[tuple[schema.Attachment, str]]])

    def add(self, row: schema.Attachment, *, is_begun: bool) -> None:
        """Let what comes later in the request see what has just been attached."""
        file = self.files[row.file_id]
        self.rows[row.file_id] = row
        _add(self.by_name, file.filename, row)
        if row.source is not None:
            _add(self.by_source, row.source, row)
        if is_begun:
            self.primaries.setdefault(file.blob_sha256, []).append((row, file.filename))

    def replaced_by(self, wanted: NewAttachment, *, collection: CollectionRecord, caller: Caller) -> list[schema.Attachment]:
        """Return the attachments whose place a new one takes, the one that it is like first."""
        found = [row for name in wanted.replaces for row in self._named(name, wanted, collection=collection, caller=caller)]
        same = list(self.by_source.get(wanted.source, ())) if wanted.source is not None else []
        if collection.replaces_by_name:
            same += self.by_name.get(self.files[wanted.file_id].filename, ())
        found += sorted(same, key=lambda row: row.id, reverse=True)
        return list({row.id: row for row in found if row.file_id != wanted.file_id}.values())

    def twin_of(self, row: schema.Attachment) -> schema.Attachment | None:
        """Return the attachment whose chunks can stand for the new one's: same bytes, owner, readers, attributes and cut.

        The end of the name has to be the same too: it decides what bytes that could be several things are taken for.
        """
        file = self.files[row.file_id]
        for candidate, filename in self.primaries.get(file.blob_sha256, ()):
            like = (candidate.principals, candidate.attributes, candidate.chunking) == (row.principals, row.attributes, row.chunking)
            if like and _suffix(filename) == _suffix(file.filename):
                return candidate
        return None

    def _named(self, file_id: str, wanted: NewAttachment, *, collection: CollectionRecord, caller: Caller) -> list[schema.Attachment]:
        if file_id == wanted.file_id:
            raise InvalidInput("A file cannot replace itself.", hint="To have it read again, process it.", param="replaces")
        row = self.rows.get(file_id)
        if row is None or not frozenset(row.principals) & caller.principals:
            if wanted.file_id in self.rows:  # a request that is sent again, after it has had its effect
                return []
            raise NotFound(f"There is no file {file_id} in the collection {collection.id} to replace.", param="replaces")
        require_own(row, collection, caller)
        return [row]


def require_own(row: schema.Attachment, collection: CollectionRecord, caller: Caller) -> None:
    """Refuse to change what somebody else attached to somebody else's collection.

    Raises:
        AccessDenied: it is.
    """
    if caller.owner not in (row.owner, collection.owner):
        raise AccessDenied(f"The file {row.file_id} was attached by somebody else.", hint="Ask its owner, or the collection's.")


async def _known(session: AsyncSession, collection: CollectionRecord, wanted: Sequence[NewAttachment], caller: Caller) -> _Known:
    attachment, file = schema.Attachment, schema.File
    files: dict[str, schema.File] = {}
    for some in _parts(each.file_id for each in wanted):
        files |= {row.id: row for row in await session.scalars(select(file).where(file.id.in_(some), file.owner == caller.owner))}
    for each in wanted:
        if each.file_id not in files:
            raise NotFound(f"There is no file {each.file_id}.", param="file_id")
    here = select(attachment).where(attachment.collection_id == collection.id)
    mine = here.where(attachment.owner == caller.owner)
    known = _Known(files=files, rows={})
    for some in _parts(name for each in wanted for name in (each.file_id, *each.replaces)):
        known.rows |= {row.file_id: row for row in await session.scalars(here.where(attachment.file_id.in_(some)))}
    for some in _parts(each.source for each in wanted if each.source):
        for row in await session.scalars(mine.where(attachment.source.in_(some))):
            _add(known.by_source, row.source or "", row)
    if collection.replaces_by_name:
        for some in _parts(row.filename for row in files.values()):
            named = mine.add_columns(file.filename).join(file, file.id == attachment.file_id).where(file.filename.in_(some))
            for row, filename in await session.execute(named):
                _add(known.by_name, filename, row)
    for some in _parts(row.blob_sha256 for row in files.values()):
        same_bytes = (
            mine.add_columns(file.blob_sha256, file.filename)
            .join(file, file.id == attachment.file_id)
            .join(schema.Job, schema.Job.id == attachment.job_id)
            .where(
                attachment.twin_of_id.is_(None),
                file.blob_sha256.in_(some),
                schema.Job.state.not_in([JobState.FAILED, JobState.CANCELLED]),
            )
            .order_by(attachment.id)
        )
        for row, sha256, filename in await session.execute(same_bytes):
            known.primaries.setdefault(sha256, []).append((row, filename))
    return known


# ---------------------------------------------------------------------------------------------------------------------------- the write


def _new_row(
    wanted: NewAttachment, collection: CollectionRecord, before: Sequence[schema.Attachment], *, caller: Caller
) -> schema.Attachment:
    like = before[0] if before else None
    readers = wanted.principals
    if readers is None:
        readers = collection.principals if like is None else frozenset[str](like.principals)
    attributes = wanted.attributes
    if attributes is None:
        attributes = {} if like is None else like.attributes
    return schema.Attachment(
        id=new_id("att"),
        collection_id=collection.id,
        file_id=wanted.file_id,
        owner=caller.owner,
        principals=sorted(readers | {owner_principal(caller.owner)}),
        attributes=dict(attributes),
        chunking=_cut(wanted, collection, like),
        source=wanted.source,
        took_over=[],
        created_at=now(),
    )


def _cut(wanted: NewAttachment, collection: CollectionRecord, like: schema.Attachment | None) -> dict[str, Any] | None:
    if wanted.chunking is None and like is not None:
        return like.chunking
    cut = wanted.chunking or collection.chunking
    return None if cut is None else asdict(cut)


async def _begin(session: AsyncSession, rows: Sequence[schema.Attachment]) -> None:
    """Give new attachments their jobs; the attachments have to be in the database before."""
    for row in rows:
        job = new_ingest_job(attachment_id=row.id, owner=row.owner)
        row.job_id = job.id
        session.add(job)
    await session.flush()


async def _follow(session: AsyncSession, followed: Iterable[tuple[schema.Attachment, Sequence[schema.Attachment]]]) -> tuple[str, ...]:
    """Note what takes whose place; where that can be searched already, let the former go at once."""
    searchable: dict[str, None] = {}
    for row, before in followed:
        for each in before:
            await _link(session, each, row)
        standing = row.twin_of_id or row.id
        if before and await is_searchable(session, standing):
            searchable[standing] = None
    await session.flush()
    return tuple([version for each in searchable for version in await detach_replaced(session, each)])


async def _link(session: AsyncSession, row: schema.Attachment, successor: schema.Attachment) -> None:
    """Put a successor at the end of the chain that begins with an attachment."""
    while row.id != successor.id:
        if row.replaced_by_id is None:
            row.replaced_by_id = successor.id
        row = await session.get_one(schema.Attachment, row.replaced_by_id)


def _add(into: dict[str, list[Value]], key: str, value: Value) -> None:
    known = into.setdefault(key, [])
    if value not in known:
        known.append(value)


def _suffix(filename: str) -> str:
    return PurePath(filename).suffix.lower()


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(ids))
    for first in range(0, len(unique), IDS_PER_STATEMENT):
        yield unique[first : first + IDS_PER_STATEMENT]
