"""Replacements: which versions that are being built will take something's place that searches find, and whether they have."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import WHOLE
from footnote.core.types import VersionState

VERSIONS_PER_STATEMENT = 1_000


class Replacements:
    """Tells a search what may go under its hands. It costs nothing where no document is being read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under_way(self, version_ids: Collection[str], *, collection_ids: Collection[str]) -> frozenset[str]:
        """Return those of some pending versions in these collections that will take the place of something that is whole.

        One that is whole itself by now is taken for one that has done so.
        """
        if not version_ids or not collection_ids:
            return frozenset()
        found: set[str] = set()
        async with self._database.read() as session:
            for some in _parts(sorted(version_ids)):
                query = (
                    select(schema.Version.id)
                    .join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
                    .where(
                        schema.Version.id.in_(some),
                        schema.Attachment.collection_id.in_(collection_ids),
                        or_(
                            schema.Version.state.in_(WHOLE),
                            (schema.Version.state == VersionState.PENDING) & or_(_has_older_version(), _has_predecessor()),
                        ),
                    )
                )
                found.update(await session.scalars(query))
        return frozenset(found)

    async def have_happened(self, version_ids: Collection[str]) -> bool:
        """Say whether any of these pending versions may have been published since: it is neither pending nor given up."""
        if not version_ids:
            return False
        at_rest = schema.Version.state.in_([VersionState.PENDING, VersionState.FAILED])
        async with self._database.read() as session:
            n_at_rest = 0
            for some in _parts(sorted(version_ids)):
                query = select(func.count()).select_from(schema.Version).where(schema.Version.id.in_(some), at_rest)
                n_at_rest += await session.scalar(query) or 0
        return n_at_rest < len(version_ids)


def _has_older_version() -> ColumnElement[bool]:
    """Whether the attachment has another version, of the same edition, that is found."""
    older = aliased(schema.Version)
    of_it = older.attachment_id == schema.Version.attachment_id
    same_edition = older.edition.is_not_distinct_from(schema.Version.edition)
    return select(older.id).where(of_it, same_edition, older.id != schema.Version.id, older.state.in_(WHOLE)).exists()


def _has_predecessor() -> ColumnElement[bool]:
    """Whether the attachment, or a twin of it, takes another's place."""
    predecessor, shown = aliased(schema.Attachment), aliased(schema.Attachment)
    query = select(predecessor.id).join(shown, shown.id == predecessor.replaced_by_id)
    return query.where(or_(shown.id == schema.Version.attachment_id, shown.twin_of_id == schema.Version.attachment_id)).exists()


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + VERSIONS_PER_STATEMENT] for first in range(0, len(ids), VERSIONS_PER_STATEMENT)]
