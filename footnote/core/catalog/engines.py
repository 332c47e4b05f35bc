"""Engines for the two databases, set up so that both behave the same: one consistent state for a reader, one order of writes."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from footnote.core.catalog.one_trip_sqlite import BEGIN, connect
from footnote.core.errors import InvalidSettings

BUSY_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 120.0
"""How long PostgreSQL may take for a statement, waiting for other writes included; a network that swallows packets ends here too."""

IDLE_IN_TRANSACTION_MS = 60_000
"""A process that stands still in a write keeps all others from writing: PostgreSQL ends its transaction after this."""

POOL_SIZE = 10
POOL_OVERFLOW = 10

WRITERS_LOCK = 0x666F6F74
"""The advisory lock that orders writes on PostgreSQL: "foot". It belongs to one database of the server."""


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def create_engine(url: URL, *, for_migration: bool = False) -> AsyncEngine:
    """Return an engine for ``sqlite+aiosqlite`` or ``postgresql+asyncpg``.

    Args:
        url: the database.
        for_migration: for one connection whose statements may take as long as they need.

    Raises:
        InvalidSettings: the URL names another database or driver, or the driver is not installed.
    """
    if is_sqlite(url):
        return _sqlite_engine(url)
    if url.drivername != "postgresql+asyncpg":
        raise InvalidSettings(
            f"catalog.url begins with `{url.drivername}`, which is no database that footnote uses.",
            hint="PostgreSQL's URLs begin with `postgresql+asyncpg://`.",
            param="catalog.url",
        )
    try:
        return _postgres_engine(url, for_migration=for_migration)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            "catalog.url names PostgreSQL, whose driver is not installed.",
            hint="Install footnote with the extra `postgres`.",
            param="catalog.url",
        ) from error


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that see one state of the database from beginning to end, as SQLite's always do."""
    if is_sqlite(engine.url):
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


async def take_turn(session: AsyncSession, *, beside: bool) -> None:
    """Wait until nobody else writes, and keep it so until the transaction ends; ``beside`` others that say so too, but not beside the rest.

    SQLite has one writer by itself. On PostgreSQL the transaction reads what is committed: after the wait, all that was written before.
    """
    if session.get_bind().dialect.name == "postgresql":
        kind = "_shared" if beside else ""
        await session.execute(text(f"SELECT pg_advisory_xact_lock{kind}({WRITERS_LOCK})"))


def _postgres_engine(url: URL, *, for_migration: bool) -> AsyncEngine:
    server_settings = {
        "application_name": "footnote",
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        # The server notices within a minute that a machine is gone, and lets go of what its processes held.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    arguments: dict[str, Any] = {"timeout": CONNECT_TIMEOUT_S, "server_settings": server_settings}
    if for_migration:
        return create_async_engine(url, poolclass=NullPool, connect_args=arguments)
    arguments["command_timeout"] = COMMAND_TIMEOUT_S
    return create_async_engine(url, pool_pre_ping=True, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, connect_args=arguments)


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine.sync_engine, "do_connect", _connect_in_one_trip)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _connect_in_one_trip(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
    options["async_creator_fn"] = connect


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
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("footnote_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else BEGIN)


def vacuum(connection: Connection) -> None:
    """Write SQLite's file anew. Its temporary copy lies beside it: that disk has to have the room, and a container's /tmp may have none."""
    folder = Path(connection.engine.url.database or ".").absolute().parent
    os.environ.setdefault("SQLITE_TMPDIR", str(folder))
    cursor = connection.connection.cursor()  # not through SQLAlchemy, which would begin a transaction first
    try:
        cursor.execute("VACUUM")
    finally:
        cursor.close()
