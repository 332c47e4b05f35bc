"""The catalog's database: opening it, migrating it, and the one place where anything is committed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from footnote.core.errors import CatalogUnavailable, DependencyError, StorageUnavailable

Result = TypeVar("Result")

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 30_000


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


class Database:
    """An engine with two doors: ``read`` sees one consistent state, ``write`` is one transaction that commits when the block ends."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _create_engine(url, is_sqlite=self._is_sqlite)
        # SQLite has one writer at a time: waiting for it here costs nothing, inside the database it would poll.
        self._writer = asyncio.Lock() if self._is_sqlite else None

    async def migrate(self) -> None:
        """Bring the schema up to the newest revision; running it again changes nothing.

        Raises:
            CatalogUnavailable: the database does not answer, was made by a newer footnote, or would be left with broken references.
            StorageUnavailable: the file cannot be written.
        """
        async with _translated(), self._engine.connect() as connection:
            await connection.run_sync(_upgrade_sqlite if self._is_sqlite else _upgrade)

    async def revision(self) -> str | None:
        """Return the revision that the database is at, or None before the first migration."""
        async with self.read() as session:
            return await session.scalar(text("SELECT version_num FROM alembic_version"))

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """Open a session that reads; nothing is written back."""
        async with _translated(), AsyncSession(self._engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        """Open a transaction: committed when the block ends, rolled back when it raises. Within ``together`` it is a part of that one."""
        session = _within.get().get(self)
        if session is not None:
            async with _translated(), session.begin_nested():
                yield session
            return
        async with _translated(), _held(self._writer), AsyncSession(self._engine, expire_on_commit=False) as session:
            await session.connection(execution_options={"footnote_write": True})
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
        """Move SQLite's write-ahead log into the file and empty it; elsewhere nothing."""
        if self._is_sqlite:
            async with _translated(), self._engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

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


def _create_engine(url: str, *, is_sqlite: bool) -> AsyncEngine:
    if not is_sqlite:
        return create_async_engine(url, pool_pre_ping=True)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction handling is switched off: it begins too late (SQLAlchemy's documentation on SQLite and pysqlite).
    connection.isolation_level = None
    try:
        _set_pragmas(connection)
    except BaseException:
        # The pool does not know the connection yet and would leave its thread running.
        connection.close()
        raise


def _set_pragmas(connection: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("footnote_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _upgrade_sqlite(connection: Connection) -> None:
    """Upgrade without foreign keys: a migration replaces tables, and dropping the old one would delete all that refers to its rows.

    SQLite's own procedure (https://www.sqlite.org/lang_altertable.html): off before the transaction begins, within which it cannot be
    changed; and what refers to what is checked before it ends.
    """
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        _upgrade(connection)
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    with connection.begin():
        if _is_newest(connection, config):
            return
        command.upgrade(config, "head")
        if connection.dialect.name == "sqlite":
            _refuse_broken_references(connection)


def _is_newest(connection: Connection, config: Config) -> bool:
    """Whether there is nothing to migrate.

    Raises:
        CatalogUnavailable: the revision is not known.
    """
    from alembic.migration import MigrationContext  # noqa: PLC0415 - only needed here, and slow to import

    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise CatalogUnavailable(
            f"The catalog is at revision {current}, which this version of footnote does not know.",
            hint="It was written by a newer version: install that one.",
        )
    return current == scripts.get_current_head()


def _refuse_broken_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise CatalogUnavailable(
            f"The catalog cannot be brought up to this version: rows of {broken[0]} refer to rows of {broken[2]} that are not there.",
            hint="Nothing was changed. Restore it from a backup, or go on with the version before.",
        )


@asynccontextmanager
async def _held(lock: asyncio.Lock | None) -> AsyncGenerator[None]:
    if lock is None:
        yield
        return
    async with lock:
        yield


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    """Turn the database's errors into ours; a violated constraint stays what it is, for the caller to explain."""
    try:
        yield
    except OperationalError as error:
        message = str(error.orig)
        if any(sign in message for sign in ("disk is full", "readonly", "disk I/O", "unable to open")):
            raise StorageUnavailable(
                f"The catalog cannot be written: {message}.", hint="Free disk space or check the data directory's permissions."
            ) from error
        raise CatalogUnavailable(f"The catalog does not answer: {message}.", hint="Check that its database runs.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise CatalogUnavailable("The connection to the catalog was lost.", hint="Check that its database runs.") from error
        if type(error) is DatabaseError:  # none of its subclasses: SQLite says so of a file that is damaged, or no database
            raise CatalogUnavailable(f"The catalog cannot be read: {error.orig}.", hint="Restore it from a backup.") from error
        raise
    except PoolTimeoutError as error:
        raise CatalogUnavailable("The catalog has too much to do.", hint="Try again in a moment.") from error
    except OSError as error:
        raise CatalogUnavailable(f"The catalog does not answer: {error}.", hint="Check that its database runs.") from error
