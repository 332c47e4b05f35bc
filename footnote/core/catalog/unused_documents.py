"""Documents that nothing is made of any more: another parser has read their bytes since, or no collection has those."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from footnote.core.catalog import schema


async def forget_unused_documents(session: AsyncSession, document_ids: Sequence[str]) -> None:
    """Forget those of the documents that have no version and will get none.

    One whose owner still has its bytes in a collection stays until another parser's document has taken its place: a job may just have
    found it, and be about to make a version of it.
    """
    if not document_ids:
        return
    document, version = schema.Document, schema.Version
    newer = aliased(schema.Document)
    has_versions = exists().where(version.document_id == document.id)
    is_attached = (
        exists()
        .where(
            schema.Attachment.file_id == schema.File.id,
            schema.Attachment.owner == document.owner,
            schema.File.blob_sha256 == document.blob_sha256,
        )
        .correlate(document)
    )
    is_superseded = exists().where(
        newer.owner == document.owner,
        newer.blob_sha256 == document.blob_sha256,
        newer.id != document.id,
        version.document_id == newer.id,
    )
    unused = select(document.id).where(document.id.in_(document_ids), ~has_versions, or_(~is_attached, is_superseded))
    gone = (await session.scalars(unused)).all()
    if gone:
        await session.execute(update(document).where(document.near_duplicate_of_id.in_(gone)).values(near_duplicate_of_id=None))
        await session.execute(delete(document).where(document.id.in_(gone)))
