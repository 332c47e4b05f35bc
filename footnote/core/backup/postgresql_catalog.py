"""Copies of a catalog in PostgreSQL, by its own programs ``pg_dump`` and ``pg_restore``.

They are told where the database is by their environment: what stands in a command line, other users of the machine can read.
"""

import asyncio
import getpass
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from footnote.core.backup.census import TABLES_OF_POSTGRESQL, Census, Vectors, read_vectors, take_census
from footnote.core.catalog.database_errors import translated
from footnote.core.errors import CatalogUnavailable, Conflict, StorageUnavailable

_ERROR_CHARS = 600
_TRUTHS = {"true": "require", "on": "require", "1": "require", "false": "disable", "off": "disable", "0": "disable"}
_OF_THE_URL = {"ssl": "PGSSLMODE", "sslmode": "PGSSLMODE", "application_name": "PGAPPNAME"}


async def dump_catalog(url: str, destination: Path) -> Census:
    """Write the catalog's present state to a new file, and return what was in it at that very moment.

    Raises:
        CatalogUnavailable: the database does not answer, or ``pg_dump`` failed or is not installed.
    """
    async with _connected(url) as connection:
        snapshot = (await connection.exec_driver_sql("SELECT pg_export_snapshot()")).scalar_one()
        census = await connection.run_sync(_census)
        await _run(
            "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={destination}", url=url
        )
    return census


async def restore_catalog(url: str, dump: Path) -> None:
    """Fill an empty database from a dump, in one transaction.

    Raises:
        Conflict: the database is not empty.
        CatalogUnavailable: as in ``dump_catalog``.
    """
    await require_empty(url)
    environment = environment_of(make_url(url))
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", f"--dbname={environment['PGDATABASE']}")
    await _run("pg_restore", *options, str(dump), url=url)


async def give_id(url: str, installation: str) -> bool:
    """Give a restored catalog another installation's id in place of its own; False where it has none, as those of earlier versions.

    Raises:
        CatalogUnavailable: the database does not answer.
    """
    async with _connected(url) as connection:
        if (await connection.exec_driver_sql("SELECT to_regclass('installations')")).scalar_one() is None:
            return False
        changed = await connection.execute(text("UPDATE installations SET id = :id"), {"id": installation})
        await connection.commit()
        return changed.rowcount > 0


async def drop_restored(url: str, rows: Mapping[str, int]) -> None:
    """Remove the tables of a restore that was broken off; where they do not have these very rows they stay: somebody has used them.

    Raises:
        CatalogUnavailable: the database does not answer.
    """
    async with _connected(url) as connection:
        found = {str(row[0]) for row in (await connection.exec_driver_sql(TABLES_OF_POSTGRESQL)).all()}
        if not found or (await connection.run_sync(_census)).rows != dict(rows):
            return
        for table in sorted(found):
            await connection.exec_driver_sql(f'DROP TABLE "{table}" CASCADE')
        await connection.commit()


async def require_empty(url: str) -> None:
    """Refuse a database that has tables.

    Raises:
        Conflict: it has some.
        CatalogUnavailable: it does not answer.
    """
    async with _connected(url) as connection:
        found = (await connection.exec_driver_sql(TABLES_OF_POSTGRESQL)).first()
    if found is not None:
        raise Conflict("The database at catalog.url is not empty.", hint="Create an empty one, and set catalog.url to it.")


async def census_of(url: str) -> Census:
    """Count a database.

    Raises:
        CatalogUnavailable: it does not answer.
    """
    async with _connected(url) as connection:
        return await connection.run_sync(_census)


async def vectors_of(url: str) -> Vectors:
    """Read what a database expects of its index.

    Raises:
        CatalogUnavailable: it does not answer.
    """
    async with _connected(url) as connection:
        return await connection.run_sync(lambda same: read_vectors(lambda statement: same.exec_driver_sql(statement).all()))


async def check(dump: Path) -> list[str]:
    """Have ``pg_restore`` read a dump's table of contents; return what it complains about. Without that program nothing is said."""
    if shutil.which("pg_restore") is None:
        return []
    try:
        await _run("pg_restore", "--list", str(dump), url=None)
    except CatalogUnavailable as error:
        return [error.message]
    return []


def environment_of(url: URL) -> dict[str, str]:
    """Return the environment variables by which PostgreSQL's programs find a database."""
    named = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password, "PGDATABASE": url.database}
    found = {name: str(value) for name, value in named.items() if value is not None}
    for key, value in url.query.items():
        if isinstance(value, str):
            if key in ("host", "port"):
                found[f"PG{key.upper()}"] = value
            elif key in _OF_THE_URL:
                found[_OF_THE_URL[key]] = value
    if "PGSSLMODE" in found:
        found["PGSSLMODE"] = _TRUTHS.get(found["PGSSLMODE"].lower(), found["PGSSLMODE"])
    # What the driver takes where the address names none; pg_restore has to be told.
    found.setdefault("PGDATABASE", os.environ.get("PGDATABASE") or found.get("PGUSER") or os.environ.get("PGUSER") or getpass.getuser())
    return found


def place_of(url: str) -> str:
    """Return where a database is, without user and password."""
    environment = environment_of(make_url(url))
    return f"{environment.get('PGHOST', '')}:{environment.get('PGPORT', '')}/{environment['PGDATABASE']}"


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[AsyncConnection]:
    """Open a transaction that sees one state for its whole length."""
    engine = create_async_engine(url, isolation_level="REPEATABLE READ")
    try:
        async with translated(), engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _census(connection: Connection) -> Census:
    return take_census(lambda statement: connection.exec_driver_sql(statement).all(), tables=TABLES_OF_POSTGRESQL)


async def _run(program: str, *arguments: str, url: str | None) -> None:
    found = shutil.which(program)
    if found is None:
        raise CatalogUnavailable(
            f"{program} is not installed, which copies a catalog in PostgreSQL.",
            hint="Install PostgreSQL's client programs (Debian: postgresql-client), of the server's version or newer.",
        )
    environment: Mapping[str, str] = {**os.environ, **(environment_of(make_url(url)) if url else {}), "LC_ALL": "C"}
    process = await asyncio.create_subprocess_exec(
        found,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    if process.returncode == 0:
        return
    said = errors.decode(errors="replace")[-_ERROR_CHARS:].strip()
    if "No space left on device" in said:
        raise StorageUnavailable(f"{program} failed: {said}", hint="Free disk space where the backup goes.")
    raise CatalogUnavailable(f"{program} failed: {said}", hint="It has to be of the server's version or newer.")
