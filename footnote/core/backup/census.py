"""What a catalog holds, counted: read from one consistent state, for the manifest and for comparing with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory

from footnote.core.catalog.database import MIGRATIONS
from footnote.core.errors import UnusableBackup
from footnote.core.types import VersionState

Query = Callable[[str], Sequence[Sequence[Any]]]
"""Runs one SQL statement and returns its rows."""

TABLES_OF_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
TABLES_OF_POSTGRESQL = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
)


@dataclass(frozen=True, slots=True)
class Census:
    """A catalog in numbers.

    Args:
        revision: the schema's.
        rows: rows of each table.
        blobs: size of each blob that a file refers to, by sha256.
    """

    revision: str
    rows: dict[str, int]
    blobs: dict[str, int]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What a catalog expects of its index.

    Args:
        known: the ids of all versions; points of others belong to nobody.
        expected: points of each version that is searched or may be again, by id.
    """

    known: frozenset[str]
    expected: dict[str, int]


def read_vectors(query: Query) -> Vectors:
    """Read what the index should hold, in one transaction; the columns are there since the first revision."""
    rows = query("SELECT id, n_points, state FROM versions")
    whole = (VersionState.LIVE, VersionState.BUILT, VersionState.KEPT)
    return Vectors(known=frozenset(str(row[0]) for row in rows), expected={str(row[0]): int(row[1]) for row in rows if row[2] in whole})


def take_census(query: Query, *, tables: str) -> Census:
    """Count a catalog.

    Args:
        query: the catalog, in one transaction.
        tables: the statement that lists its tables.
    """
    names = sorted(str(row[0]) for row in query(tables))
    revision = str(query("SELECT version_num FROM alembic_version")[0][0])
    rows = {name: int(query(f'SELECT count(*) FROM "{name}"')[0][0]) for name in names}  # noqa: S608 - names that the database gave
    blobs = {str(sha256): int(size) for sha256, size in query("SELECT sha256, size_bytes FROM blobs WHERE n_references > 0")}
    return Census(revision=revision, rows=rows, blobs=blobs)


def require_known_revision(revision: str) -> None:
    """Refuse a catalog that a newer footnote has written.

    Raises:
        UnusableBackup: this version has no such revision.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise UnusableBackup(
            f"The backup's catalog is at revision {revision}, which this version of footnote does not know.",
            hint="It was made by a newer version: install that one.",
        )
