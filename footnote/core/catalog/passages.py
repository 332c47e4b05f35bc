"""The passages of a turn with their text, as somebody may still read them: a turn itself keeps ids and offsets alone."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.readers import readable_by
from footnote.core.types import Caller, Passage, StoredPassage, heading_of

Item = TypeVar("Item")

IDS_PER_STATEMENT = 500
SPANS_PER_STATEMENT = 100
"""SQLite puts at most 500 selections into one statement."""


class Passages:
    """Reads passages again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, passages: Sequence[StoredPassage], *, caller: Caller | None) -> tuple[Passage, ...]:
        """Return those of a turn's passages that are still there and that the caller may read now, by number.

        What is gone is left out: a document that was erased, detached or replaced, a version that was forgotten. Page, heading and context
        are those of the first chunk; where a later version has taken the chunks' place they are empty.

        Args:
            passages: as the turn keeps them.
            caller: who reads; None for the process's own use, where nobody's access is checked.
        """
        async with self._database.read() as session:
            places = await _places(session, passages, caller)
            known = [passage for passage in sorted(passages, key=lambda each: each.n) if passage.attachment_id in places]
            texts = await _texts(session, known)
            chunks = await _first_chunks(session, known)
        return tuple(
            _passage(passage, places[passage.attachment_id], text, chunks.get(passage.chunk_ids[0]) if passage.chunk_ids else None)
            for passage, text in zip(known, texts, strict=True)
            if text is not None
        )

    async def readable(self, passages: Sequence[StoredPassage], *, caller: Caller) -> frozenset[StoredPassage]:
        """Return those passages, of one turn or of many, that ``of`` would find; their text is not read."""
        async with self._database.read() as session:
            places = await _places(session, passages, caller)
            version_ids = await _versions_with_text(session, passages)
        return frozenset(passage for passage in passages if passage.attachment_id in places and passage.version_id in version_ids)

    async def all_of(self, passages: Sequence[StoredPassage], *, caller: Caller) -> tuple[Passage, ...] | None:
        """Return a turn's passages where the caller may read every one of them now; None where one is forbidden, or gone.

        Of one that is gone (its document was replaced, or detached) nobody can say any more whether the caller might have read it: what
        was written from it is then not shown either.
        """
        found = await self.of(passages, caller=caller)
        return found if len(found) == len(passages) else None


async def _places(session: AsyncSession, passages: Sequence[StoredPassage], caller: Caller | None) -> dict[str, Any]:
    """Return by the ids of the passages' attachments the file and collection, where they are still there and the caller may read them."""
    attachment, file = schema.Attachment, schema.File
    query = select(attachment.id, attachment.file_id, file.filename, attachment.collection_id).join(file, file.id == attachment.file_id)
    if caller is not None:
        query = query.where(readable_by(session, caller), attachment.collection_id.in_(_collections(caller)))
    found: dict[str, Any] = {}
    for some in _parts(sorted({passage.attachment_id for passage in passages}), IDS_PER_STATEMENT):
        found.update({row.id: row for row in await session.execute(query.where(attachment.id.in_(some)))})
    return found


async def _versions_with_text(session: AsyncSession, passages: Sequence[StoredPassage]) -> frozenset[str]:
    version, document = schema.Version, schema.Document
    query = select(version.id).join(document, document.id == version.document_id)
    found: set[str] = set()
    for some in _parts(sorted({passage.version_id for passage in passages}), IDS_PER_STATEMENT):
        found.update(await session.scalars(query.where(version.id.in_(some))))
    return frozenset(found)


async def _texts(session: AsyncSession, passages: Sequence[StoredPassage]) -> list[str | None]:
    """Return the text of each passage; None where its version is gone. A document may be long: of each only the spans are read."""
    texts: list[str | None] = [None] * len(passages)
    for some in _parts(list(enumerate(passages)), SPANS_PER_STATEMENT):
        for row in await session.execute(union_all(*(_span(place, passage) for place, passage in some))):
            texts[row.place] = row.text
    return texts


def _span(place: int, passage: StoredPassage) -> Any:
    version, document = schema.Version, schema.Document
    span = func.substr(document.text, passage.start + 1, passage.end - passage.start)  # SQL counts characters from 1
    return (
        select(literal(place).label("place"), span.label("text"))
        .join_from(version, document, document.id == version.document_id)
        .where(version.id == passage.version_id)
    )


async def _first_chunks(session: AsyncSession, passages: Sequence[StoredPassage]) -> dict[str, schema.Chunk]:
    ids = sorted({chunk_id for passage in passages for chunk_id in passage.chunk_ids[:1]})
    found: dict[str, schema.Chunk] = {}
    for some in _parts(ids, IDS_PER_STATEMENT):
        found.update({chunk.id: chunk for chunk in await session.scalars(select(schema.Chunk).where(schema.Chunk.id.in_(some)))})
    return found


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _collections(caller: Caller) -> Select[Any]:
    principal = schema.CollectionPrincipal
    return select(principal.collection_id).where(principal.principal.in_(sorted(caller.principals)))


def _passage(passage: StoredPassage, place: Any, text: str, chunk: schema.Chunk | None) -> Passage:
    context = "" if chunk is None else chunk.context
    return Passage(
        n=passage.n,
        file_id=place.file_id,
        filename=place.filename,
        collection_id=place.collection_id,
        attachment_id=passage.attachment_id,
        version_id=passage.version_id,
        chunk_ids=passage.chunk_ids,
        page=None if chunk is None else chunk.page,
        heading=heading_of(context),
        context=context,
        start=passage.start,
        end=passage.end,
        text=text,
        score=passage.score,
        similarity=passage.similarity,
        page_starts=() if chunk is None else tuple((start, page) for start, page in chunk.page_starts),
    )
