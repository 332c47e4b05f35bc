"""Which installation a catalog is of: an id that also stands beside its blobs, and that no copy of the catalog has when it was restored."""

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.ids import new_id


class Installation:
    """Reads the installation's id, and gives it one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def id(self) -> tuple[str, bool]:
        """Return the id, and whether the catalog has been given it by this very call.

        Raises:
            CatalogUnavailable, StorageUnavailable: the database cannot be used.
        """
        async with self._database.write() as session:
            found = await session.scalar(select(schema.Installation.id))
            if found is not None:
                return found, False
            made = new_id("ins")
            session.add(schema.Installation(id=made, created_at=now()))
            return made, True
