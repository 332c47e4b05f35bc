"""Copies of a catalog in SQLite. A copy is one consistent state, taken beside whoever writes, from any process."""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from footnote.core.backup.census import TABLES_OF_SQLITE, Census, Vectors, read_vectors, take_census
from footnote.core.errors import CatalogUnavailable, StorageUnavailable, UnusableBackup

BUSY_TIMEOUT_S = 30.0


def copy_catalog(source: Path, destination: Path) -> None:
    """Write the catalog's present state to a new file, without free pages: what was erased is not in it.

    Raises:
        CatalogUnavailable: there is none, or it is damaged.
        StorageUnavailable: the copy cannot be written.
    """
    try:
        with closing(_connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(destination),))
    except sqlite3.Error as error:
        destination.unlink(missing_ok=True)
        if error.sqlite_errorname in ("SQLITE_FULL", "SQLITE_READONLY") or error.sqlite_errorname.startswith("SQLITE_IOERR"):
            raise StorageUnavailable(f"The catalog cannot be copied: {error}.", hint="Free disk space where the backup goes.") from error
        raise CatalogUnavailable(f"The catalog {source} cannot be copied: {error}.", hint="Check the data directory.") from error


def census_of(catalog: Path) -> Census:
    """Count a copy, without changing it.

    Raises:
        UnusableBackup: it is damaged.
    """
    with _opened(catalog) as connection:
        return take_census(lambda statement: _rows(connection, statement), tables=TABLES_OF_SQLITE)


def census_beside(catalog: Path) -> Census:
    """Count a catalog that others may be writing to.

    Raises:
        CatalogUnavailable: it cannot be read.
    """
    try:
        with closing(_connect(catalog)) as connection:
            connection.execute("BEGIN")
            return take_census(lambda statement: _rows(connection, statement), tables=TABLES_OF_SQLITE)
    except (sqlite3.Error, IndexError) as error:
        raise CatalogUnavailable(f"The catalog {catalog} cannot be read: {error}.", hint="Check the data directory.") from error


def vectors_of(catalog: Path) -> Vectors:
    """Read what a copy expects of its index.

    Raises:
        UnusableBackup: it is damaged.
    """
    with _opened(catalog) as connection:
        return read_vectors(lambda statement: _rows(connection, statement))


def check(catalog: Path) -> list[str]:
    """Have SQLite look through a copy; return what it complains about."""
    with _opened(catalog) as connection:
        said = [str(row[0]) for row in _rows(connection, "PRAGMA integrity_check(10)")]
        broken = [f"a row of {row[0]} refers to a row of {row[2]} that is gone" for row in _rows(connection, "PRAGMA foreign_key_check")]
    return [line for line in said if line != "ok"] + broken


def give_id(catalog: Path, installation: str) -> bool:
    """Give a restored catalog another installation's id in place of its own; False where it has none, as those of earlier versions.

    Raises:
        UnusableBackup: it is damaged.
    """
    try:
        with closing(_connect(catalog)) as connection:
            if not _rows(connection, "SELECT name FROM sqlite_master WHERE name = 'installations'"):
                return False
            changed = connection.execute("UPDATE installations SET id = ?", (installation,)).rowcount
            connection.commit()
            return changed > 0
    except sqlite3.Error as error:
        raise UnusableBackup(f"The backup's catalog cannot be used: {error}.", hint="Use another backup.") from error


@contextmanager
def _opened(catalog: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
    except (sqlite3.Error, IndexError) as error:
        raise UnusableBackup(f"The backup's catalog cannot be read: {error}.", hint="Use another backup.") from error


def _connect(catalog: Path) -> sqlite3.Connection:
    # Not read-only: SQLite wants to write the shared memory of a write-ahead log that nobody has open.
    return sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)


def _rows(connection: sqlite3.Connection, statement: str) -> Sequence[Sequence[Any]]:
    return connection.execute(statement).fetchall()
