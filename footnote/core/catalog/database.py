"""The catalog's database: opening it, migrating it, and the one place where anything is committed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog.database_errors import translated
from footnote.core.catalog.engines import create_engine, for_reading, is_sqlite, take_turn, vacuum
from footnote.core.catalog.upgrading import MIGRATIONS, upgrade
from footnote.core.errors import CatalogUnavailable, DependencyError, InvalidSettings

__all__ = ["MIGRATIONS", "Database", "sqlite_path", "sqlite_url"]

Result = TypeVar("Result")


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


def sqlite_path(url: str) -> Path | None:
    """Return the file that a URL names, or None where it names another database than SQLite."""
    parsed = _url(url)
    return Path(parsed.database or "") if is_sqlite(parsed) else None


class Database:
    """An engine with two doors: ``read`` sees one consistent state, ``write`` is one transaction that commits when the block ends."""

    def __init__(self, url: str) -> None:
        self.url = _url(url)
        self._is_sqlite = is_sqlite(self.url)
        self._engine = create_engine(self.url)
        self._reading = for_reading(self._engine)
        # SQLite has one writer at a time: waiting for it here costs nothing, inside the database it would poll.
        self._writer = asyncio.Lock() if self._is_sqlite else None

    async def migrate(self) -> None:
        """Bring the schema up to the newest revision; running it again changes nothing.

        Raises:
            CatalogUnavailable: the database does not answer, was made by a newer footnote, or would be left with broken references.
            StorageUnavailable: the file cannot be written.
        """
        engine = create_engine(self.url, for_migration=True)
        try:
            async with translated(), engine.connect() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def revision(self) -> str | None:
        """Return the revision that the database is at, or None before the first migration."""
        async with self.read() as session:
            return await session.scalar(text("SELECT version_num FROM alembic_version"))

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """Open a session that reads; nothing is written back."""
        async with translated(), AsyncSession(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def write(self, *, beside: bool = False) -> AsyncGenerator[AsyncSession]:
        """Open a transaction: committed when the block ends, rolled back when it raises. Within ``together`` it is a part of that one.

        Nobody else writes meanwhile, in this process or another, unless both are ``beside``: for writes that are many or long, touch
        rows that no other write touches (a worker's own job and what it builds, a turn), and lock those rows where others might.
        """
        session = _within.get().get(self)
        if session is not None:
            async with translated(), session.begin_nested():
                yield session
            return
        async with translated(), _held(self._writer), AsyncSession(self._engine, expire_on_commit=False) as session:
            await session.connection(execution_options={"footnote_write": True})
            await take_turn(session, beside=beside)
            yield session
            await session.commit()

    async def together(self, writes: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result | Exception]:
        """Do several writes in one transaction, each whole or not at all; return what each one gave, in order.

        What a write raises stands in the place of what it would have given, and touches no other. None is done when this raises.

        Raises:
            CatalogUnavailable, StorageUnavailable: the database failed under one of them, or would not commit.
        """
        outcomes: list[Result | Exception] = []
        async with self.write() as session:
            within = _within.set({**_within.get(), self: session})
            try:
                for write in writes:
                    outcomes.append(await _outcome(write))
                    session.expunge_all()  # what one has read or rolled back is not the next one's
            finally:
                _within.reset(within)
        return outcomes

    async def checkpoint(self) -> None:
        """Move SQLite's write-ahead log into the file and empty it; elsewhere nothing.

        Raises:
            CatalogUnavailable: somebody reads for so long that it could not be emptied.
        """
        if self._is_sqlite:
            async with translated(), self._engine.connect() as connection:
                busy, *_ = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()
            if busy:
                raise CatalogUnavailable("The catalog's write-ahead log is read and cannot be emptied.", hint="Try again in a moment.")

    async def scrub(self) -> None:
        """Leave nothing in SQLite's files of what was deleted; elsewhere nothing.

        The file is written anew: ``secure_delete`` overwrites what is deleted, but where rows move between pages copies of them stay in
        the gaps. That takes as long as copying the file, needs room for two of it, and keeps writers waiting.

        Raises:
            StorageUnavailable: the disk has no room for it.
            CatalogUnavailable: as ``checkpoint``.
        """
        if self._is_sqlite:
            async with translated(), _held(self._writer), self._engine.connect() as connection:
                await connection.run_sync(vacuum)
            await self.checkpoint()

    async def close(self) -> None:
        await self._engine.dispose()


_within: ContextVar[Mapping[Database, AsyncSession]] = ContextVar("transactions that writes are a part of", default=MappingProxyType({}))


async def _outcome(write: Callable[[], Awaitable[Result]]) -> Result | Exception:
    try:
        return await write()
    except DependencyError:  # whether anything before it will be committed is open: nobody may believe so
        raise
    except Exception as error:  # noqa: BLE001 - handed to whom it concerns
        return error


def _url(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # Without its cause: that quotes the URL, and so perhaps a password.
        raise InvalidSettings("catalog.url is no database URL.", param="catalog.url") from None


@asynccontextmanager
async def _held(lock: asyncio.Lock | None) -> AsyncGenerator[None]:
    if lock is None:
        yield
        return
    async with lock:
        yield
