"""Documents as rows: one for each owner's bytes and parser. All within a session that somebody else has open."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Text, cast, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.elements import elements_from_json, elements_to_json
from footnote.core.catalog.json_text import JsonText
from footnote.core.catalog.moment import now
from footnote.core.catalog.near_duplicates import make_findable, nearly_the_same
from footnote.core.ids import new_id
from footnote.core.types import Document


class BytesOfOwner(NamedTuple):
    """What there is one document for: bytes of an owner, read by a parser."""

    owner: str
    blob_sha256: str
    parser: str


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What a parser made of an owner's bytes, ready to be stored. Made by ``read_document``."""

    id: str
    owner: str
    blob_sha256: str
    parser: str
    document: Document
    elements: JsonText

    @property
    def key(self) -> BytesOfOwner:
        """What there is one document for."""
        return BytesOfOwner(self.owner, self.blob_sha256, self.parser)


async def read_document(document: Document, *, owner: str, blob_sha256: str, parser: str) -> ReadDocument:
    """Return a document ready to be stored."""
    elements = await elements_to_json(document.elements)
    return ReadDocument(new_id("doc"), owner, blob_sha256, parser, document, elements)


async def find_document(session: AsyncSession, *conditions: ColumnElement[bool]) -> Row[*tuple[Any, ...]] | None:
    """Return what ``document_of`` makes a document of, where there is one for which all conditions hold."""
    stored = schema.Document
    columns = select(
        stored.id,
        stored.text,
        cast(stored.elements, Text).label("elements"),
        stored.media_type,
        stored.title,
        stored.n_pages,
        stored.language,
        stored.notes,
        stored.redactions,
        stored.fingerprint,
    )
    return (await session.execute(columns.where(*conditions))).one_or_none()


async def document_of(row: Row[*tuple[Any, ...]]) -> Document:
    """Return a document; its session may be closed by now."""
    return Document(
        text=row.text,
        elements=await elements_from_json(row.elements),
        media_type=row.media_type,
        title=row.title,
        n_pages=row.n_pages,
        language=row.language,
        notes=tuple(row.notes),
        redactions=row.redactions,
        fingerprint=row.fingerprint,
    )


async def keep_documents(session: AsyncSession, documents: Sequence[ReadDocument]) -> list[str]:
    """Store documents, and return the id of each; one that is there already stays, and its id is returned.

    Args:
        session: a write beside which nobody stores documents.
        documents: what parsers made.
    """
    known = await known_documents(session, [each.key for each in documents])
    kept: list[str] = []
    for each in documents:
        if each.key not in known:
            await _store(session, each)
            known[each.key] = each.id
        kept.append(known[each.key])
    return kept


async def known_documents(session: AsyncSession, keys: Collection[BytesOfOwner]) -> dict[BytesOfOwner, str]:
    """Return the ids of documents that are there."""
    if not keys:
        return {}
    stored = schema.Document
    key = tuple_(stored.owner, stored.blob_sha256, stored.parser)
    rows = await session.execute(select(stored.id, stored.owner, stored.blob_sha256, stored.parser).where(key.in_(keys)))
    return {BytesOfOwner(row.owner, row.blob_sha256, row.parser): row.id for row in rows}


async def _store(session: AsyncSession, read: ReadDocument) -> None:
    document, fingerprint = read.document, read.document.fingerprint
    values = {
        "id": read.id,
        "owner": read.owner,
        "blob_sha256": read.blob_sha256,
        "parser": read.parser,
        "text": document.text,
        "elements": read.elements,
        "media_type": document.media_type,
        "title": document.title,
        "language": document.language,
        "n_pages": document.n_pages,
        "notes": list(document.notes),
        "fingerprint": fingerprint,
        "near_duplicate_of_id": await nearly_the_same(session, fingerprint, owner=read.owner, blob_sha256=read.blob_sha256),
        "redactions": dict(document.redactions),
        "created_at": now(),
    }
    await session.execute(insert(schema.Document), [values])
    await make_findable(session, read.id, fingerprint, owner=read.owner)
