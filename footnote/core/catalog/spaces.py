"""Spaces: the embedding recipes that versions were made with, and how the embedder of each is built again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.errors import NotFound
from footnote.core.types import EmbeddingRecipe


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """A space. ``embedder`` holds the settings that its embedder was last built with, without keys; None where they are not known."""

    name: str
    recipe: EmbeddingRecipe
    embedder: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CollectionInSpace:
    """A collection whose vectors lie in another space than was asked for."""

    id: str
    name: str
    space: str
    model: str


class SpaceRegister:
    """Reads and writes what is known about spaces. It opens none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(self, recipe: EmbeddingRecipe, *, embedder: Mapping[str, Any] | None) -> SpaceRecord:
        """Note a space, and how its embedder is built now: a model's folder may have moved."""
        try:
            return await self._remember(recipe, embedder)
        except IntegrityError:  # another process noted it at the same moment
            return await self._remember(recipe, embedder)

    async def _remember(self, recipe: EmbeddingRecipe, embedder: Mapping[str, Any] | None) -> SpaceRecord:
        async with self._database.write() as session:
            row = await session.get(schema.Space, recipe.space, with_for_update=True)
            if row is None:
                row = schema.Space(name=recipe.space, embedding_recipe=asdict(recipe), embedder=None, created_at=now())
                session.add(row)
            if embedder is not None and row.embedder != dict(embedder):
                row.embedder = dict(embedder)
        return _record(row)

    async def get(self, name: str) -> SpaceRecord:
        """Return a space.

        Raises:
            NotFound: no version was ever made in it.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Space, name)
        if row is None:
            raise NotFound(f"There is no space {name}.")
        return _record(row)

    async def all(self) -> tuple[SpaceRecord, ...]:
        """Return all spaces, by name."""
        async with self._database.read() as session:
            return tuple([_record(row) for row in await session.scalars(select(schema.Space).order_by(schema.Space.name))])

    async def in_use(self) -> frozenset[str]:
        """Return the spaces that versions or collections lie in."""
        async with self._database.read() as session:
            versions = await session.scalars(select(schema.Version.space).where(schema.Version.space.is_not(None)).distinct())
            collections = await session.scalars(select(schema.Collection.space).where(schema.Collection.space.is_not(None)).distinct())
            reindexes = await session.scalars(select(schema.Reindex.space).where(schema.Reindex.finished_at.is_(None)).distinct())
            return frozenset(name for names in (versions, collections, reindexes) for name in names if name is not None)

    async def elsewhere(self, space: str) -> tuple[CollectionInSpace, ...]:
        """Return the collections with content whose vectors lie in another space than this, by id."""
        has_live = select(schema.Version.id).join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
        query = (
            select(schema.Collection.id, schema.Collection.name, schema.Collection.space, schema.Space.embedding_recipe)
            .join(schema.Space, schema.Space.name == schema.Collection.space)
            .where(schema.Collection.space != space)
            .where(has_live.where(schema.Attachment.collection_id == schema.Collection.id).exists())
            .order_by(schema.Collection.id)
        )
        async with self._database.read() as session:
            rows = (await session.execute(query)).all()
        return tuple(CollectionInSpace(id=row.id, name=row.name, space=row.space, model=row.embedding_recipe["model"]) for row in rows)

    async def forget(self, name: str) -> None:
        """Forget a space that nothing lies in any longer."""
        async with self._database.write() as session:
            await session.execute(delete(schema.Space).where(schema.Space.name == name))


def _record(row: schema.Space) -> SpaceRecord:
    return SpaceRecord(name=row.name, recipe=EmbeddingRecipe(**row.embedding_recipe), embedder=row.embedder)
