"""Upgrading the schema: by whoever starts first, the others wait and find nothing to do."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from footnote.core.catalog.engines import WRITERS_LOCK
from footnote.core.errors import CatalogUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Bring the schema up to the newest revision in one transaction, beside which nobody writes.

    Raises:
        CatalogUnavailable: it was made by a newer footnote, or would be left with broken references.
    """
    if connection.dialect.name == "sqlite":
        _upgrade_sqlite(connection.execution_options(footnote_write=True))
        return
    with connection.begin():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"))
        _upgrade(connection)


def _upgrade_sqlite(connection: Connection) -> None:
    """Upgrade without foreign keys: a migration replaces tables, and dropping the old one would delete all that refers to its rows.

    SQLite's own procedure (https://www.sqlite.org/lang_altertable.html): off before the transaction begins, within which it cannot be
    changed; and what refers to what is checked before it ends.
    """
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            if _upgrade(connection):
                _refuse_broken_references(connection)
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _upgrade(connection: Connection) -> bool:
    """Run the migrations that are missing; say whether there were any."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    if _is_newest(connection, config):
        return False
    command.upgrade(config, "head")
    return True


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
