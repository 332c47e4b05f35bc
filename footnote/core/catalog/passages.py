"""The passages of a turn with their text, as somebody may still read them: a turn itself keeps ids and offsets alone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.readers import readable_by
from footnote.core.types import Caller, Passage, StoredPassage, heading_of


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
        found: list[Passage] = []
        async with self._database.read() as session:
            for passage in sorted(passages, key=lambda each: each.n):
                query = _query(passage)
                if caller is not None:
                    query = query.where(readable_by(session, caller), schema.Attachment.collection_id.in_(_collections(caller)))
                row = (await session.execute(query)).one_or_none()
                if row is not None:
                    chunk_id = passage.chunk_ids[0] if passage.chunk_ids else ""
                    found.append(_passage(passage, row, await session.get(schema.Chunk, chunk_id)))
        return tuple(found)

    async def all_of(self, passages: Sequence[StoredPassage], *, caller: Caller) -> tuple[Passage, ...] | None:
        """Return a turn's passages where the caller may read every one of them now; None where one is forbidden, or gone.

        Of one that is gone (its document was replaced, or detached) nobody can say any more whether the caller might have read it: what
        was written from it is then not shown either.
        """
        found = await self.of(passages, caller=caller)
        return found if len(found) == len(passages) else None


def _query(passage: StoredPassage) -> Any:
    attachment, version, document = schema.Attachment, schema.Version, schema.Document
    span = func.substr(document.text, passage.start + 1, passage.end - passage.start)  # SQL counts characters from 1
    return (
        select(attachment.file_id, schema.File.filename, attachment.collection_id, span.label("text"))
        .join(schema.File, schema.File.id == attachment.file_id)
        .join(version, version.id == passage.version_id)
        .join(document, document.id == version.document_id)
        .where(attachment.id == passage.attachment_id)
    )


def _collections(caller: Caller) -> Select[Any]:
    principal = schema.CollectionPrincipal
    return select(principal.collection_id).where(principal.principal.in_(sorted(caller.principals)))


def _passage(passage: StoredPassage, row: Any, chunk: schema.Chunk | None) -> Passage:
    context = "" if chunk is None else chunk.context
    return Passage(
        n=passage.n,
        file_id=row.file_id,
        filename=row.filename,
        collection_id=row.collection_id,
        attachment_id=passage.attachment_id,
        version_id=passage.version_id,
        chunk_ids=passage.chunk_ids,
        page=None if chunk is None else chunk.page,
        heading=heading_of(context),
        context=context,
        start=passage.start,
        end=passage.end,
        text=row.text,
        score=passage.score,
        similarity=passage.similarity,
        page_starts=() if chunk is None else tuple((start, page) for start, page in chunk.page_starts),
    )
