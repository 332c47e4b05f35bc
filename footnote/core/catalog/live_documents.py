"""The documents that somebody can search, one by one: for work that reads many, a few at a time."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.documents import document_of, find_document
from footnote.core.catalog.readers import readable_by
from footnote.core.types import Caller, Document, VersionState


@dataclass(frozen=True, slots=True)
class LiveDocument:
    """A document that search shows, without its text.

    Args:
        attachment_id: whose live version it is made for; twins have none of their own.
        collection_id: where it is attached.
        filename: the file's.
        content_sha256: the hash of the file's bytes.
        title: as the parser found it.
    """

    attachment_id: str
    version_id: str
    collection_id: str
    filename: str
    content_sha256: str
    title: str | None


class LiveDocuments:
    """Reads documents of live versions, those alone that the caller may read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, *, caller: Caller) -> tuple[LiveDocument, ...]:
        """Return what the caller can search, by file name, bytes and attachment."""
        attachment, version = schema.Attachment, schema.Version
        columns = (
            attachment.id.label("attachment_id"),
            version.id.label("version_id"),
            attachment.collection_id,
            schema.File.filename,
            version.content_sha256,
            schema.Document.title,
        )
        async with self._database.read() as session:
            query = _shown(select(*columns), session, caller)
            rows = (await session.execute(query.order_by(schema.File.filename, version.content_sha256, attachment.id))).all()
        return tuple(
            LiveDocument(
                attachment_id=row.attachment_id,
                version_id=row.version_id,
                collection_id=row.collection_id,
                filename=row.filename,
                content_sha256=row.content_sha256,
                title=row.title,
            )
            for row in rows
        )

    async def read(self, version_id: str, *, caller: Caller) -> Document | None:
        """Return a document with its elements; None where it is not live any more, or the caller may not read it now."""
        async with self._database.read() as session:
            query = _shown(select(schema.Document.id), session, caller).where(schema.Version.id == version_id)
            document_id = (await session.scalars(query)).first()
            row = None if document_id is None else await find_document(session, schema.Document.id == document_id)
        return None if row is None else await document_of(row)


def _shown(query: Any, session: AsyncSession, caller: Caller) -> Select[Any]:
    attachment, version, principal = schema.Attachment, schema.Version, schema.CollectionPrincipal
    collections = select(principal.collection_id).where(principal.principal.in_(sorted(caller.principals)))
    return (
        query.select_from(version)
        .join(schema.Document, schema.Document.id == version.document_id)
        .join(attachment, attachment.id == version.attachment_id)
        .join(schema.File, schema.File.id == attachment.file_id)
        .where(version.state == VersionState.LIVE, attachment.collection_id.in_(collections), readable_by(session, caller))
    )
