"""Which documents of an owner are nearly the same: noted when a document is stored, shown where its file is, never acted upon."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.fingerprints import bands_of, likeness

NEARLY_THE_SAME = 0.8
"""The likeness from which on documents are called nearly the same; chosen by ``bench.near_duplicates``, see docs/near-duplicates.md."""

_MOST_COMPARED = 200
"""Of many documents alike, as a series of forms, the first so many are compared."""


async def note_near_duplicate(session: AsyncSession, document: schema.Document) -> None:
    """Note which of its owner's other documents one is most like, where one is nearly the same, and make it findable for later ones.

    Args:
        session: the write that the document is stored in.
        document: its row, with a fingerprint or without; the same bytes read by another parser are not another document.
    """
    if document.fingerprint is None:
        return
    bands = bands_of(document.fingerprint, owner=document.owner)
    alike = schema.DocumentBand
    query = (
        select(schema.Document.id, schema.Document.fingerprint, schema.Document.created_at)
        .where(
            schema.Document.id.in_(select(alike.document_id).where(alike.band.in_(bands))),
            schema.Document.owner == document.owner,
            schema.Document.blob_sha256 != document.blob_sha256,
        )
        .order_by(schema.Document.created_at, schema.Document.id)
        .limit(_MOST_COMPARED)
    )
    best, best_likeness = None, NEARLY_THE_SAME
    for row in await session.execute(query):
        found = likeness(document.fingerprint, row.fingerprint) if row.fingerprint else 0.0
        if found > best_likeness or (best is None and found >= best_likeness):
            best, best_likeness = row.id, found
    document.near_duplicate_of_id = best
    await session.flush()
    await session.execute(insert(alike), [{"document_id": document.id, "band": band} for band in sorted(set(bands))])


@dataclass(frozen=True, slots=True)
class DocumentNotes:
    """What people should know of a document: ``notes`` whoever may read it, the name of its likeness its owner alone."""

    notes: tuple[str, ...] = ()
    nearly_the_same_as: str | None = None


async def notes_of_versions(session: AsyncSession, version_ids: Iterable[str | None]) -> dict[str, DocumentNotes]:
    """Return what people should know of the documents that versions are made of, by version."""
    wanted = sorted({version_id for version_id in version_ids if version_id is not None})
    if not wanted:
        return {}
    document = schema.Document
    query = (
        select(schema.Version.id, document.notes, document.near_duplicate_of_id)
        .join(document, document.id == schema.Version.document_id)
        .where(schema.Version.id.in_(wanted))
    )
    rows = (await session.execute(query)).all()
    names = await _names(session, {row.near_duplicate_of_id for row in rows if row.near_duplicate_of_id is not None})
    return {row.id: DocumentNotes(tuple(row.notes), names.get(row.near_duplicate_of_id)) for row in rows}


async def _names(session: AsyncSession, document_ids: Collection[str]) -> dict[str, str]:
    """Return under which name each document's bytes were first uploaded by its owner; one whose files are gone is left out."""
    if not document_ids:
        return {}
    document, file = schema.Document, schema.File
    query = (
        select(document.id, file.filename)
        .join(file, (file.owner == document.owner) & (file.blob_sha256 == document.blob_sha256))
        .where(document.id.in_(document_ids))
        .order_by(file.created_at.desc(), file.id.desc())
    )
    return {row.id: row.filename for row in await session.execute(query)}
