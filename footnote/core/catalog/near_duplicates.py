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


async def nearly_the_same(session: AsyncSession, fingerprint: str | None, *, owner: str, blob_sha256: str) -> str | None:
    """Return which of an owner's documents one is most like that is about to be stored, where one is nearly the same.

    Args:
        session: the write that it is stored in.
        fingerprint: the document's, if it has one.
        owner: whose documents are looked through.
        blob_sha256: what it is made of; the same bytes read by another parser are not another document.
    """
    if fingerprint is None:
        return None
    query = (
        select(schema.Document.id, schema.Document.fingerprint, schema.Document.created_at)
        .where(
            schema.Document.id.in_(
                select(schema.DocumentBand.document_id).where(schema.DocumentBand.band.in_(bands_of(fingerprint, owner=owner)))
            ),
            schema.Document.owner == owner,
            schema.Document.blob_sha256 != blob_sha256,
        )
        .order_by(schema.Document.created_at, schema.Document.id)
        .limit(_MOST_COMPARED)
    )
    best, best_likeness = None, NEARLY_THE_SAME
    for row in await session.execute(query):
        found = likeness(fingerprint, row.fingerprint) if row.fingerprint else 0.0
        if found > best_likeness or (best is None and found >= best_likeness):
            best, best_likeness = row.id, found
    return best


async def make_findable(session: AsyncSession, document_id: str, fingerprint: str | None, *, owner: str) -> None:
    """Let later documents find one that has just been stored, where it has a fingerprint."""
    if fingerprint is not None:
        bands = sorted(set(bands_of(fingerprint, owner=owner)))
        await session.execute(insert(schema.DocumentBand), [{"document_id": document_id, "band": band} for band in bands])


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
