"""Collections: who may read them, what is in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import retire_versions_of
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.catalog.records import CollectionRecord
from footnote.core.errors import AccessDenied, Conflict, InvalidInput, NotFound
from footnote.core.ids import new_id
from footnote.core.owners import SYSTEM_OWNER
from footnote.core.types import Caller, ChunkingRecipe

DEFAULT_COLLECTION = "vs_default"
DEFAULT_COLLECTION_NAME = "default"

USE_NOTED_EVERY_S = 3_600.0
"""Collections expire by days: that one was used need not be written at each question."""


class Collections:
    """Reads and writes collections. One that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure_default(self, *, principals: Iterable[str] | None) -> None:
        """Create the collection ``default`` where it does not exist.

        Args:
            principals: its readers from now on; None leaves them as they are, and a new one without any.
        """
        async with self._database.write() as session:
            if await session.get(schema.Collection, DEFAULT_COLLECTION) is None:
                session.add(_row(DEFAULT_COLLECTION, owner=SYSTEM_OWNER, name=DEFAULT_COLLECTION_NAME))
                await session.flush()
            if principals is not None:
                await _set_principals(session, DEFAULT_COLLECTION, principals)

    async def create(
        self,
        *,
        caller: Caller,
        principals: Iterable[str],
        name: str,
        description: str | None = None,
        details: Mapping[str, str] | None = None,
        chunking: ChunkingRecipe | None = None,
        expires_after_days: int | None = None,
        replaces_by_name: bool = False,
    ) -> CollectionRecord:
        """Create a collection that ``principals`` and its owner may read.

        With ``replaces_by_name`` a file takes the place of the one of the same name that its owner attached before.
        """
        row = _row(
            new_id("vs"),
            owner=caller.owner,
            name=name,
            description=description,
            details=details,
            chunking=chunking,
            expires_after_days=expires_after_days,
            replaces_by_name=replaces_by_name,
        )
        readers = frozenset(principals) | {owner_principal(caller.owner)}
        async with self._database.write() as session:
            session.add(row)
            await session.flush()
            await _set_principals(session, row.id, readers)
        return _record(row, readers)

    async def get(self, collection_id: str, *, caller: Caller) -> CollectionRecord:
        """Return a collection by its id, or the default one by its name.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            return await _readable(session, collection_id, caller)

    async def owned(self, collection_id: str, *, caller: Caller) -> CollectionRecord:
        """Return a collection that the caller may change as a whole.

        Raises:
            NotFound: as in ``get``.
            AccessDenied: it is somebody else's, or the default one and the caller does not run the server.
        """
        async with self._database.read() as session:
            return await require_owned(session, collection_id, caller)

    async def readable(self, wanted: Sequence[str] | None, *, caller: Caller) -> tuple[CollectionRecord, ...]:
        """Return the collections named by id (all that the caller may read where none is named), in the order of their ids.

        Those that have expired are left out where none is named.

        Raises:
            NotFound: one that is named does not exist, or the caller may not read it.
            Conflict: one that is named has expired.
        """
        async with self._database.read() as session:
            if wanted is not None:
                unique = sorted({DEFAULT_COLLECTION if name == DEFAULT_COLLECTION_NAME else name for name in wanted})
                return tuple([require_unexpired(await _readable(session, name, caller)) for name in unique])
            rows = await session.scalars(_readable_query(caller).order_by(schema.Collection.id))
            found = [_record(row, await _principals(session, row.id)) for row in rows]
        return tuple([each for each in found if not _has_expired(each)])

    async def list(self, *, caller: Caller, paging: Paging) -> Page[CollectionRecord]:
        """Return the collections that the caller may read."""
        async with self._database.read() as session:
            page = await page_of(session, _readable_query(caller), schema.Collection, paging, lambda row: row)
            return Page(tuple([_record(row, await _principals(session, row.id)) for row in page.items]), page.has_more)

    async def update(
        self,
        collection_id: str,
        *,
        caller: Caller,
        name: str | None = None,
        details: Mapping[str, str] | None = None,
        expires_after_days: int | None = None,
        replaces_by_name: bool | None = None,
    ) -> CollectionRecord:
        """Change what is given, leave the rest. Another expiry counts from now on, also for a collection that has expired.

        Raises:
            NotFound: as in ``get``.
            AccessDenied: the caller may read it, but does not own it.
            InvalidInput: it is the default collection, which is everybody's.
        """
        async with self._database.write() as session:
            collection = await _readable(session, collection_id, caller)
            if collection.id == DEFAULT_COLLECTION:
                raise InvalidInput("The default collection cannot be changed.", hint="Create one of your own.")
            _refuse_strangers(collection, caller)
            row = await session.get_one(schema.Collection, collection.id)
            row.name = row.name if name is None else name
            row.details = row.details if details is None else dict(details)
            if expires_after_days is not None:
                row.expires_after_days, row.last_active_at = expires_after_days, now()
            row.replaces_by_name = row.replaces_by_name if replaces_by_name is None else replaces_by_name
            return _record(row, await _principals(session, row.id))

    async def delete(self, collection_id: str, *, caller: Caller) -> tuple[str, ...]:
        """Forget a collection and what is attached to it; return the versions whose points have to leave the index.

        Raises:
            InvalidInput: the default collection cannot be deleted.
            NotFound, AccessDenied: as in ``update``.
        """
        async with self._database.write() as session:
            collection = await _readable(session, collection_id, caller)
            if collection.id == DEFAULT_COLLECTION:
                raise InvalidInput("The default collection cannot be deleted.", hint="Delete the files in it instead.")
            _refuse_strangers(collection, caller)
            attachments = select(schema.Attachment.id).where(schema.Attachment.collection_id == collection_id)
            retired = await retire_versions_of(session, attachments)
            await session.execute(delete(schema.Collection).where(schema.Collection.id == collection_id))
        return retired

    async def touch(self, collection_ids: Iterable[str], *, older_than_s: float = 0.0) -> None:
        """Note that the collections were used; nothing is written of those of which that was noted less than ``older_than_s`` ago."""
        ids, moment = list(collection_ids), now()
        stale = schema.Collection.id.in_(ids) & (schema.Collection.last_active_at <= moment - timedelta(seconds=older_than_s))
        if older_than_s:
            async with self._database.read() as session:
                if await session.scalar(select(schema.Collection.id).where(stale).limit(1)) is None:
                    return
        async with self._database.write() as session:
            await session.execute(update(schema.Collection).where(stale).values(last_active_at=moment))


def owner_principal(owner: str) -> str:
    """Return the principal that only this owner has."""
    return f"owner:{owner}"


def require_unexpired(collection: CollectionRecord) -> CollectionRecord:
    """Return the collection.

    Raises:
        Conflict: it has expired.
    """
    if _has_expired(collection):
        raise Conflict(
            f"The collection {collection.id} expired on {collection.expires_at:%Y-%m-%d}.",
            hint="Give it another expires_after, and attach its files again; or create a new one.",
            param="vector_store_id",
        )
    return collection


def _has_expired(collection: CollectionRecord) -> bool:
    return collection.expires_at is not None and collection.expires_at <= now()


async def require_owned(session: AsyncSession, collection_id: str, caller: Caller) -> CollectionRecord:
    """Return a collection that the caller may change as a whole: its own, or the default one where it is who runs the server.

    Raises:
        NotFound: there is none, or the caller may not read it.
        AccessDenied: it is somebody else's, or everybody's.
    """
    collection = await _readable(session, collection_id, caller)
    _refuse_strangers(collection, caller)
    return collection


async def require_open(session: AsyncSession, collection_id: str, caller: Caller) -> CollectionRecord:
    """Return a collection that the caller may attach files to: its own, or the default one, which takes everybody's.

    Raises:
        NotFound, AccessDenied: as in ``require_owned``.
    """
    collection = await _readable(session, collection_id, caller)
    if collection.owner != SYSTEM_OWNER:
        _refuse_strangers(collection, caller)
    return collection


def _refuse_strangers(collection: CollectionRecord, caller: Caller) -> None:
    if collection.owner == SYSTEM_OWNER:
        if not caller.is_operator:
            raise AccessDenied(
                f"The collection {collection.id} is everybody's: only the user who runs the server may change it as a whole.",
                hint="Use footnote's command line on its machine, without a key; or create a collection of your own.",
            )
    elif collection.owner != caller.owner:
        raise AccessDenied(f"The collection {collection.id} belongs to somebody else.", hint="Ask its owner, or create one of your own.")


async def require_readable(session: AsyncSession, collection_id: str, caller: Caller) -> CollectionRecord:
    """Return a collection that the caller may read."""
    return await _readable(session, collection_id, caller)


def _row(
    collection_id: str,
    *,
    owner: str,
    name: str,
    description: str | None = None,
    details: Mapping[str, str] | None = None,
    chunking: ChunkingRecipe | None = None,
    expires_after_days: int | None = None,
    replaces_by_name: bool = False,
) -> schema.Collection:
    moment = now()
    return schema.Collection(
        id=collection_id,
        owner=owner,
        name=name,
        description=description,
        details=dict(details or {}),
        chunking=None if chunking is None else asdict(chunking),
        embedding_recipe=None,
        created_at=moment,
        last_active_at=moment,
        expires_after_days=expires_after_days,
        replaces_by_name=replaces_by_name,
    )


def _readable_query(caller: Caller):  # noqa: ANN202 - the type is SQLAlchemy's own and says nothing here
    allowed = select(schema.CollectionPrincipal.collection_id).where(schema.CollectionPrincipal.principal.in_(sorted(caller.principals)))
    return select(schema.Collection).where(schema.Collection.id.in_(allowed))


async def _readable(session: AsyncSession, collection_id: str, caller: Caller) -> CollectionRecord:
    if collection_id == DEFAULT_COLLECTION_NAME:
        collection_id = DEFAULT_COLLECTION
    row = await session.get(schema.Collection, collection_id)
    principals = frozenset[str]() if row is None else await _principals(session, collection_id)
    if row is None or not principals & caller.principals:
        raise NotFound(f"There is no collection {collection_id}.", param="vector_store_id")
    return _record(row, principals)


async def _principals(session: AsyncSession, collection_id: str) -> frozenset[str]:
    found = await session.scalars(
        select(schema.CollectionPrincipal.principal).where(schema.CollectionPrincipal.collection_id == collection_id)
    )
    return frozenset(found)


async def _set_principals(session: AsyncSession, collection_id: str, principals: Iterable[str]) -> None:
    await session.execute(delete(schema.CollectionPrincipal).where(schema.CollectionPrincipal.collection_id == collection_id))
    session.add_all(schema.CollectionPrincipal(collection_id=collection_id, principal=name) for name in sorted(set(principals)))


def _record(row: schema.Collection, principals: frozenset[str]) -> CollectionRecord:
    return CollectionRecord(
        id=row.id,
        owner=row.owner,
        principals=principals,
        name=row.name,
        description=row.description,
        details=row.details,
        chunking=None if row.chunking is None else ChunkingRecipe(**row.chunking),
        created_at=row.created_at,
        last_active_at=row.last_active_at,
        expires_after_days=row.expires_after_days,
        replaces_by_name=row.replaces_by_name,
        space=row.space,
        embedding_model=None if row.embedding_recipe is None else row.embedding_recipe["model"],
    )
