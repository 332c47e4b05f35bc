"""What is left of erasing a file, for a catalog: its rows are gone."""

from sqlalchemy import delete

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import FileRecord


async def forget(catalog: Catalog, file: FileRecord) -> None:
    """Remove a file that is attached nowhere, and the record of its blob."""
    async with catalog.database.write() as session:
        await session.execute(delete(schema.File).where(schema.File.id == file.id))
        await session.execute(delete(schema.Blob).where(schema.Blob.sha256 == file.blob_sha256))
