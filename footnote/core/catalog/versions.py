"""Documents, versions and chunks: what search may see is decided here, by one write."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, Row, Select, Text, bindparam, delete, func, literal, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.building import Beginning, Outcome, Publishing, Step, build, insert_chunks, note_n_chunks
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import WHOLE
from footnote.core.catalog.documents import BytesOfOwner, document_of, find_document, keep_documents, known_documents, read_document
from footnote.core.catalog.jobs import JobLease, require_lease
from footnote.core.catalog.records import TextSpan, VersionRecord, View
from footnote.core.catalog.unused_documents import forget_unused_documents
from footnote.core.catalog.writers import nobody_writes, writer_of
from footnote.core.errors import NotFound
from footnote.core.types import Chunk, Document, PageStarts, StoredChunk, VersionState

CHUNKS_PER_WRITE = 2_000
VERSIONS_PER_STATEMENT = 1_000
"""A statement takes at most 32,766 values in SQLite and 65,535 in PostgreSQL."""


class Versions:
    """Reads and writes what was made of files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- documents ---------------------------------------------------------------------------------------------------------------

    async def find_document(self, *, owner: str, blob_sha256: str, parser: str) -> tuple[str, Document] | None:
        """Return id and document where this parser has read these bytes for this owner before."""
        stored = schema.Document
        async with self._database.read() as session:
            row = await find_document(session, stored.owner == owner, stored.blob_sha256 == blob_sha256, stored.parser == parser)
        return None if row is None else (row.id, await document_of(row))

    async def known_documents(self, keys: Collection[BytesOfOwner]) -> dict[BytesOfOwner, str]:
        """Return which of these bytes there are documents of, by one query, with their ids."""
        async with self._database.read() as session:
            return await known_documents(session, keys)

    async def store_document(self, document: Document, *, owner: str, blob_sha256: str, parser: str, lease: JobLease) -> str:
        """Keep what the parser made, unless there is a document of these bytes already; return the id of what is kept.

        Raises:
            LeaseLost: the job is no longer this worker's.
        """
        read = await read_document(document, owner=owner, blob_sha256=blob_sha256, parser=parser)
        async with self._database.write() as session:
            await require_lease(session, lease)
            (document_id,) = await keep_documents(session, [read])
        return document_id

    async def text_of(self, version_id: str) -> str:
        """Return the text that the version's offsets point into.

        Raises:
            NotFound: there is no such version, or its document was erased.
        """
        query = select(schema.Document.text).join(schema.Version, schema.Version.document_id == schema.Document.id)
        async with self._database.read() as session:
            text = await session.scalar(query.where(schema.Version.id == version_id))
        if text is None:
            raise NotFound(f"There is no document of version {version_id}.")
        return text

    async def spans(self, spans: Sequence[TextSpan]) -> dict[TextSpan, str]:
        """Return the texts of spans, read in one query without the rest of their documents.

        One that reaches over its document's end is cut there; one whose document was erased is left out.
        """
        if not spans:
            return {}
        values = {
            name: value
            for place, span in enumerate(spans)
            for name, value in (
                (f"version_{place}", span.version_id),
                (f"start_{place}", span.start + 1),  # SQL counts characters from 1
                (f"length_{place}", span.end - span.start),
            )
        }
        async with self._database.read() as session:
            rows = (await session.execute(_spans_query(len(spans)), values)).all()
        return {spans[row.place]: row.text for row in rows}

    async def document_of(self, version_id: str) -> Document:
        """Return the document of a version, with its elements.

        Raises:
            NotFound: as in ``text_of``.
        """
        its = select(schema.Version.document_id).where(schema.Version.id == version_id).scalar_subquery()
        async with self._database.read() as session:
            row = await find_document(session, schema.Document.id == its)
        if row is None:
            raise NotFound(f"There is no document of version {version_id}.")
        return await document_of(row)

    # -- versions ----------------------------------------------------------------------------------------------------------------

    async def begin(
        self,
        *,
        attachment_id: str,
        document_id: str,
        content_sha256: str,
        recipe: dict[str, Any],
        recipe_sha256: str,
        lease: JobLease,
        space: str | None = None,
        edition: str | None = None,
    ) -> VersionRecord:
        """Return the job's pending version, made now or by an earlier attempt; see ``Beginning``.

        Raises:
            LeaseLost: the job is no longer this worker's.
            SpaceTaken: the collection's versions lie in another space by now.
        """
        beginning = Beginning(
            attachment_id=attachment_id,
            document=document_id,
            content_sha256=content_sha256,
            recipe=recipe,
            recipe_sha256=recipe_sha256,
            lease=lease,
            space=space,
            edition=edition,
        )
        version = await self._build_one(beginning)
        assert isinstance(version, VersionRecord)
        return version

    async def build_all(self, steps: Sequence[Step]) -> list[Outcome | Exception]:
        """Do steps of different jobs in one write; return, in order, what each one gave, or why it was refused.

        None is done when this raises.
        """
        async with self._database.write() as session:
            return await build(session, steps)

    async def _build_one(self, step: Step) -> Outcome:
        (outcome,) = await self.build_all([step])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def store_chunks(self, version_id: str, chunks: Sequence[Chunk], *, lease: JobLease) -> None:
        """Replace the chunks of a version that is being built; those of a long document in several writes, which keep nobody waiting."""
        for first in range(0, max(len(chunks), 1), CHUNKS_PER_WRITE):
            async with self._database.write(beside=True) as session:
                await require_lease(session, lease)
                if first == 0:
                    await session.execute(delete(schema.Chunk).where(schema.Chunk.version_id == version_id))
                await insert_chunks(session, [(version_id, chunk) for chunk in chunks[first : first + CHUNKS_PER_WRITE]])
                await note_n_chunks(session, {version_id: min(first + CHUNKS_PER_WRITE, len(chunks))})

    async def publish(self, version_id: str, *, n_points: int, lease: JobLease) -> tuple[str, ...]:
        """Make a version the live one of its attachment and complete its job, in one write.

        A version of a re-indexing that its collection does not show (yet) becomes *built*, and stays hidden. With one that is shown the
        attachments go that its own takes the place of.

        Returns:
            The versions that it took the place of: their points have to leave the index.
        """
        retired = await self._build_one(Publishing(version_id=version_id, n_points=n_points, lease=lease))
        assert isinstance(retired, tuple)
        return retired

    async def view(self, collection_ids: Iterable[str], *, preview: str | None = None) -> View:
        """Note what a search in these collections may see.

        It takes two small queries, however many versions wait for a flip or are kept after one: those are told apart by their edition.

        Args:
            collection_ids: what is searched; one that is not there (any more) is left out.
            preview: a re-indexing whose versions are searched in place of what its collection shows.

        Raises:
            NotFound: the re-indexing is not there, or not of these collections.
        """
        wanted = sorted(set(collection_ids))
        async with self._database.read() as session:
            collections = [row for some in _batches(wanted) for row in await session.execute(_shown_by(some))]
            others: set[str] = set()
            for some in _batches([row.id for row in collections]):
                others.update(await session.scalars(select(schema.Reindex.id).where(schema.Reindex.collection_id.in_(some))))
            target = await _previewed(session, preview)
            hidden = frozenset(await session.scalars(_hidden_query(preview)))
        spaces: dict[str, str | None] = {row.id: row.space for row in collections}
        editions: dict[str, str | None] = {row.id: row.edition for row in collections}
        if target is not None:
            if target.collection_id not in editions:
                raise NotFound(f"There is no re-indexing {preview} of what is searched.")
            spaces, editions = {target.collection_id: target.space}, {target.collection_id: target.id}
        return View(
            spaces=spaces, editions=editions, other_editions=frozenset(others - set(editions.values())), hidden=hidden, preview=preview
        )

    async def abandoned(self) -> tuple[str, ...]:
        """Return the versions whose points have to leave the index: retired ones, and failed ones that no job goes on with.

        Those that a worker may still write points of are left out until that has ended.
        """
        given_up = schema.Version.state.in_([VersionState.RETIRED, VersionState.FAILED])
        async with self._database.read() as session:
            return tuple(await session.scalars(select(schema.Version.id).where(given_up, nobody_writes())))

    async def end_writing(self, lease: JobLease) -> None:
        """Say that a worker, whose job was taken away, writes no more points of the version that it was building."""
        writer = writer_of(lease.job_id, lease.fencing_token)
        async with self._database.write() as session:
            ended = update(schema.Version).where(schema.Version.writer == writer)
            await session.execute(ended.values(writer=None, written_until=None))

    async def is_given_up(self, version_id: str) -> bool:
        """Whether a version will never be shown (again): retired, failed, or forgotten already."""
        async with self._database.read() as session:
            state = await session.scalar(select(schema.Version.state).where(schema.Version.id == version_id))
        return state not in (VersionState.PENDING, *WHOLE)

    async def forget(self, version_ids: Sequence[str]) -> None:
        """Forget versions whose points have left the index, with chunks, and with documents that nothing else is made of.

        All but retired and failed ones stay, and so do those that a worker may still write points of: ``abandoned`` names them later.
        """
        if not version_ids:
            return
        given_up = schema.Version.state.in_([VersionState.RETIRED, VersionState.FAILED]) & nobody_writes()
        async with self._database.write() as session:
            for first in range(0, len(version_ids), VERSIONS_PER_STATEMENT):
                these = given_up & schema.Version.id.in_(version_ids[first : first + VERSIONS_PER_STATEMENT])
                documents = await session.scalars(select(schema.Version.document_id).where(these, schema.Version.document_id.is_not(None)))
                document_ids = [document_id for document_id in set(documents) if document_id is not None]
                await session.execute(delete(schema.Version).where(these))
                await forget_unused_documents(session, sorted(document_ids))

    async def live_points(self, *, space: str | None = None) -> dict[str, int]:
        """Return how many points the index should hold of each live version; with ``space``, of those whose vectors lie there."""
        return await self._points(VersionState.LIVE, space=space)

    async def whole_points(self, *, space: str) -> dict[str, int]:
        """Return how many points a space's index should hold of each version that is shown, built or kept."""
        return await self._points(*WHOLE, space=space)

    async def spaces_of(self, version_ids: Sequence[str]) -> frozenset[str]:
        """Return the spaces that these versions' vectors lie in."""
        found: set[str] = set()
        async with self._database.read() as session:
            for some in _batches(version_ids):
                spaces = select(schema.Version.space).where(schema.Version.id.in_(some), schema.Version.space.is_not(None)).distinct()
                found.update(space for space in await session.scalars(spaces) if space is not None)
        return frozenset(found)

    async def by_space(self, version_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Return these versions in groups, one for each space that they lie in; those that are forgotten already with those in none."""
        spaces: dict[str, str | None] = dict.fromkeys(version_ids)
        async with self._database.read() as session:
            for some in _batches(version_ids):
                query = select(schema.Version.id, schema.Version.space).where(schema.Version.id.in_(some))
                spaces.update({row.id: row.space for row in await session.execute(query)})
        groups: dict[str | None, list[str]] = {}
        for version_id, space in spaces.items():
            groups.setdefault(space, []).append(version_id)
        return tuple(tuple(group) for group in groups.values())

    async def spaces_of_attachment(self, attachment_id: str) -> frozenset[str]:
        """Return the spaces that an attachment's versions lie in."""
        query = select(schema.Version.space).where(schema.Version.attachment_id == attachment_id, schema.Version.space.is_not(None))
        async with self._database.read() as session:
            return frozenset(space for space in await session.scalars(query.distinct()) if space is not None)

    async def astray(self) -> tuple[str, ...]:
        """Return live versions that lie in another space than their collection, where no search looks for them."""
        query = (
            select(schema.Version.id)
            .join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
            .join(schema.Collection, schema.Collection.id == schema.Attachment.collection_id)
            .where(schema.Version.state == VersionState.LIVE, schema.Version.space != schema.Collection.space)
        )
        async with self._database.read() as session:
            return tuple(await session.scalars(query))

    async def _points(self, *states: VersionState, space: str | None) -> dict[str, int]:
        query = select(schema.Version.id, schema.Version.n_points).where(schema.Version.state.in_(states))
        if space is not None:
            query = query.where(schema.Version.space == space)
        async with self._database.read() as session:
            return {row.id: row.n_points for row in await session.execute(query)}

    # -- chunks ------------------------------------------------------------------------------------------------------------------

    async def chunks_of(self, version_id: str) -> tuple[Chunk, ...]:
        """Return a version's chunks in the order of the document."""
        async with self._database.read() as session:
            rows = await session.scalars(select(schema.Chunk).where(schema.Chunk.version_id == version_id).order_by(schema.Chunk.ordinal))
            return tuple(_chunk(row) for row in rows)

    async def visible_chunks(self, chunk_ids: Sequence[str], *, view: View) -> dict[str, StoredChunk]:
        """Return those of the chunks that are still to be shown, by id, with what is needed to cite them.

        A chunk is shown when its version is of the edition that the search saw, and is live, or was when the search noted its view and
        has been replaced since; of an attachment whose versions changed in between, the live one's chunks are shown alone.
        """
        if not chunk_ids:
            return {}
        # Columns, not entities: a search waits for this, and making objects of rows takes as long as the query.
        chunk, attachment = schema.Chunk, schema.Attachment
        query = (
            select(
                chunk.id,
                chunk.version_id,
                attachment.id.label("attachment_id"),
                attachment.file_id,
                schema.File.filename,
                attachment.collection_id,
                attachment.attributes,
                chunk.ordinal,
                chunk.start,
                chunk.end,
                chunk.text,
                chunk.context,
                chunk.page,
                chunk.n_tokens,
                chunk.page_starts,
                schema.Version.state,
                schema.Version.edition,
                schema.Version.live_at,
            )
            .join(schema.Version, schema.Version.id == chunk.version_id)
            .join(attachment, attachment.id == schema.Version.attachment_id)
            .join(schema.File, schema.File.id == attachment.file_id)
            .where(chunk.id.in_(chunk_ids))
        )
        async with self._database.read() as session:
            rows = [row for row in (await session.execute(query)).all() if _is_in_view(row, view)]
        with_live = {row.attachment_id for row in rows if row.state == VersionState.LIVE}
        return {row.id: _stored_chunk(row) for row in rows if row.state == VersionState.LIVE or row.attachment_id not in with_live}

    async def neighbours(self, version_id: str, ordinals: Sequence[int]) -> tuple[Chunk, ...]:
        """Return the version's chunks at these places, in order; places that do not exist are left out."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(schema.Chunk)
                .where(schema.Chunk.version_id == version_id, schema.Chunk.ordinal.in_(ordinals))
                .order_by(schema.Chunk.ordinal)
            )
            return tuple(_chunk(row) for row in rows)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), VERSIONS_PER_STATEMENT):
        yield ids[first : first + VERSIONS_PER_STATEMENT]


def _shown_by(collection_ids: Sequence[str]) -> Select[str, str | None, str | None]:
    columns = select(schema.Collection.id, schema.Collection.space, schema.Collection.edition)
    return columns.where(schema.Collection.id.in_(collection_ids))


def _hidden_query(preview: str | None) -> Select[str]:
    """Select the versions that are not whole, of the editions that are shown; orphans are of none that is known, and always hidden."""
    shown = schema.Collection.edition if preview is None else literal(preview)
    return (
        select(schema.Version.id)
        .outerjoin(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
        .outerjoin(schema.Collection, schema.Collection.id == schema.Attachment.collection_id)
        .where(
            schema.Version.state.in_([VersionState.PENDING, VersionState.RETIRED, VersionState.FAILED]),
            or_(schema.Attachment.id.is_(None), schema.Version.edition.is_not_distinct_from(shown)),
        )
    )


async def _previewed(session: AsyncSession, preview: str | None) -> schema.Reindex | None:
    if preview is None:
        return None
    row = await session.get(schema.Reindex, preview)
    if row is None:
        raise NotFound(f"There is no re-indexing {preview}.")
    return row


def _is_in_view(row: Row[*tuple[Any, ...]], view: View) -> bool:
    if row.version_id in view.hidden or row.collection_id not in view.editions or row.edition != view.editions[row.collection_id]:
        return False
    return row.live_at is not None or (view.preview is not None and row.state == VersionState.BUILT)


@cache
def _spans_query(n_spans: int) -> CompoundSelect[int, str]:
    """Return the query for so many spans; building it takes longer than running it. SQLite and PostgreSQL both count code points."""
    return union_all(*(_span_query(place) for place in range(n_spans)))


def _span_query(place: int) -> Select[int, str]:
    text = func.substr(schema.Document.text, bindparam(f"start_{place}"), bindparam(f"length_{place}"), type_=Text)
    query = select(literal(place).label("place"), text.label("text")).join_from(schema.Document, schema.Version)
    return query.where(schema.Version.id == bindparam(f"version_{place}"))


def _chunk(row: schema.Chunk) -> Chunk:
    return Chunk(
        id=row.id,
        ordinal=row.ordinal,
        start=row.start,
        end=row.end,
        text=row.text,
        context=row.context,
        page=row.page,
        n_tokens=row.n_tokens,
        page_starts=_page_starts(row.page_starts),
    )


def _stored_chunk(row: Row[*tuple[Any, ...]]) -> StoredChunk:
    return StoredChunk(
        id=row.id,
        version_id=row.version_id,
        attachment_id=row.attachment_id,
        file_id=row.file_id,
        filename=row.filename,
        collection_id=row.collection_id,
        attributes=row.attributes,
        ordinal=row.ordinal,
        start=row.start,
        end=row.end,
        text=row.text,
        context=row.context,
        page=row.page,
        n_tokens=row.n_tokens,
        page_starts=_page_starts(row.page_starts),
    )


def _page_starts(stored: Sequence[Sequence[int]]) -> PageStarts:
    return tuple((offset, page) for offset, page in stored)
