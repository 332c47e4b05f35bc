"""The database: migrations that make what the models say, one writer at a time, and errors that say what to do."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from operator import methodcaller
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from footnote.core.catalog import schema, upgrading
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import MIGRATIONS, Database, sqlite_url
from footnote.core.catalog.moment import now
from footnote.core.errors import CatalogUnavailable, InvalidInput, NotFound, StorageUnavailable
from tests.core.catalog.story import ANN, attach, collection, upload


def alembic_config(connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


# --------------------------------------------------------------------------------------------------------------------------- migrations


def test_the_migrations_make_what_the_models_say(migrated_catalog: Path):
    engine = create_engine(f"sqlite:///{migrated_catalog}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, schema.Base.metadata) == []
    engine.dispose()


def test_going_down_leaves_nothing_and_going_up_again_brings_it_all_back(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}")

    def tables() -> set[str]:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}

    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")
    assert tables() == set(schema.Base.metadata.tables)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert tables() == set()
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")
    assert tables() == set(schema.Base.metadata.tables)
    engine.dispose()


async def test_opening_again_keeps_what_is_there(catalog: Catalog):
    file = await upload(catalog)
    await catalog.open(default_principals=("everyone",))
    assert await catalog.files.get(file.id, owner="ann") == file


async def test_a_catalog_of_a_newer_version_is_refused(catalog: Catalog):
    async with catalog.database.write() as session:
        await (await session.connection()).exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogUnavailable, match=r"9999.*newer version"):
        await catalog.open(default_principals=())


@pytest.fixture
async def older(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> tuple[Catalog, list[Callable[[Connection], object]]]:
    """A catalog with a file in a collection that a migration waits for, and the list of that migration's steps."""
    await attach(catalog, await collection(catalog), await upload(catalog))
    steps: list[Callable[[Connection], object]] = []

    def upgrade(config: Config, _revision: str) -> None:
        for step in steps:
            step(config.attributes["connection"])

    monkeypatch.setattr(upgrading, "_is_newest", lambda *_: False)
    monkeypatch.setattr(upgrading.command, "upgrade", upgrade)
    return catalog, steps


async def n_attachments(catalog: Catalog) -> int | None:
    async with catalog.database.read() as session:
        return await session.scalar(select(func.count()).select_from(schema.Attachment))


@pytest.mark.sqlite
async def test_a_migration_that_replaces_a_table_keeps_what_refers_to_it(older: tuple[Catalog, list[Callable[[Connection], object]]]):
    catalog, steps = older
    for statement in (
        "CREATE TABLE newer AS SELECT * FROM files",
        "DROP TABLE files",
        "ALTER TABLE newer RENAME TO files",
        "CREATE UNIQUE INDEX ux ON files (id)",
    ):
        steps.append(methodcaller("exec_driver_sql", statement))
    await catalog.database.migrate()
    assert await n_attachments(catalog) == 1
    async with catalog.database.read() as session:
        assert (await (await session.connection()).exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.sqlite
async def test_a_migration_that_would_break_references_is_taken_back(older: tuple[Catalog, list[Callable[[Connection], object]]]):
    catalog, steps = older
    steps.append(methodcaller("exec_driver_sql", "DELETE FROM files"))
    with pytest.raises(CatalogUnavailable, match="refer to rows of files"):
        await catalog.database.migrate()
    async with catalog.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(schema.File)) == 1
    assert await n_attachments(catalog) == 1


# ------------------------------------------------------------------------------------------------------------------------- transactions


@pytest.mark.sqlite
async def test_the_settings_of_sqlite_hold_on_every_connection(catalog: Catalog):
    async def pragmas() -> list[object]:
        async with catalog.database.read() as session:
            connection = await session.connection()
            names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
            await asyncio.sleep(0.01)  # let the others open connections of their own
            return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names]

    for found in await asyncio.gather(*(pragmas() for _ in range(4))):
        assert found == ["wal", 2, 1, 1]


async def test_a_write_that_raises_leaves_nothing(catalog: Catalog):
    async def fail() -> None:
        async with catalog.database.write() as session:
            session.add(schema.Blob(sha256="0" * 64, size_bytes=1, n_references=1, created_at=now()))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await catalog.files.known_blobs(["0" * 64]) == frozenset()


async def test_what_a_reader_changes_is_not_kept(catalog: Catalog):
    file = await upload(catalog)
    async with catalog.database.read() as session:
        row = await session.get_one(schema.File, file.id)
        row.filename = "changed"
    assert (await catalog.files.get(file.id, owner="ann")).filename == file.filename


async def test_a_reader_sees_one_state_while_others_write(catalog: Catalog):
    first = await upload(catalog)
    async with catalog.database.read() as session:
        before = (await session.scalars(select(schema.File.id))).all()
        await upload(catalog)
        assert (await session.scalars(select(schema.File.id))).all() == before == [first.id]


async def test_many_writers_at_once_lose_nothing(catalog: Catalog):
    """All count references of one blob: a write that were lost would be missing in the count."""
    files = await asyncio.gather(*(upload(catalog) for _ in range(40)))
    async with catalog.database.read() as session:
        blob = await session.get_one(schema.Blob, files[0].blob_sha256)
    assert blob.n_references == 40


async def test_two_processes_that_write_wait_for_each_other(catalog: Catalog, catalog_url: str):
    sea = await collection(catalog)
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys\n"
        "from footnote.core.catalog.catalog import Catalog\n"
        "async def main():\n"
        "    catalog = Catalog(sys.argv[1])\n"
        "    for _ in range(30): await catalog.collections.touch([sys.argv[2]])\n"
        "    await catalog.close()\n"
        "asyncio.run(main())",
        catalog_url,
        sea,
    )
    while other.returncode is None:
        await catalog.collections.touch([sea])
        await asyncio.sleep(0)
    assert other.returncode == 0


async def test_a_constraint_that_is_violated_stays_what_it_is(catalog: Catalog):
    with pytest.raises(IntegrityError):
        async with catalog.database.write() as session:
            session.add(schema.CollectionPrincipal(collection_id="vs_none", principal="everyone"))


async def test_a_collection_whose_files_came_in_a_batch_can_be_deleted(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    async with catalog.database.write() as session:
        session.add(schema.FileBatch(id="batch_1", collection_id=sea, owner="ann", created_at=now()))
        await session.flush()
        (await session.get_one(schema.Attachment, attachment.id)).batch_id = "batch_1"
    await catalog.collections.delete(sea, caller=ANN)


# ------------------------------------------------------------------------------------------------------------------------------ moments


async def test_moments_keep_their_instant_and_come_back_in_utc(catalog: Catalog):
    moment = datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    async with catalog.database.write() as session:
        session.add(schema.Blob(sha256="0" * 64, size_bytes=1, created_at=moment))
    async with catalog.database.read() as session:
        found = (await session.get_one(schema.Blob, "0" * 64)).created_at
    assert found == moment
    assert found.tzinfo == UTC


async def test_a_moment_without_a_time_zone_is_refused(catalog: Catalog):
    with pytest.raises(StatementError, match="time zone"):
        async with catalog.database.write() as session:
            session.add(schema.Blob(sha256="0" * 64, size_bytes=1, created_at=datetime(2026, 7, 1)))  # noqa: DTZ001 - the point


# -------------------------------------------------------------------------------------------------------------------------------- text


async def test_characters_that_cannot_be_stored_are_replaced_where_they_stand(catalog: Catalog):
    file = await upload(catalog, filename="a\x00b\ud800c🌊.txt")
    assert (await catalog.files.get(file.id, owner="ann")).filename == "a\ufffdb\ufffdc🌊.txt"


async def test_json_may_hold_what_text_may_not(catalog: Catalog):
    attributes = {"nul": "a\x00b", "half": "\ud800", "whole": "🌊"}
    attachment = await attach(catalog, await collection(catalog), await upload(catalog), attributes=attributes)
    assert (await catalog.attachments.by_id(attachment.id)).attributes == attributes


@pytest.mark.parametrize("name", ["file-\x00", "file-\ud800"])
async def test_nobody_finds_what_cannot_be_asked_for(catalog: Catalog, name: str):
    with pytest.raises((NotFound, InvalidInput)):
        await catalog.files.get(name, owner="ann")


async def test_numbers_beyond_32_bits_are_kept(catalog: Catalog):
    file = await upload(catalog)
    async with catalog.database.write() as session:
        (await session.get_one(schema.File, file.id)).size_bytes = 2**40
    assert (await catalog.files.get(file.id, owner="ann")).size_bytes == 2**40


# ----------------------------------------------------------------------------------------------------------------------------- failures


async def unavailable(path: Path, error: type[Exception]) -> str:
    n_threads = threading.active_count()
    database = Database(sqlite_url(path))
    try:
        with pytest.raises(error) as caught:
            await database.migrate()
    finally:
        await database.close()
    async with asyncio.timeout(10):  # a connection that failed leaves no thread behind, once its thread has come to its end
        while threading.active_count() > n_threads:
            await asyncio.sleep(0.01)
    return str(caught.value)


async def test_a_file_in_a_folder_that_is_not_there_is_explained(tmp_path: Path):
    assert "permissions" in await unavailable(tmp_path / "absent" / "catalog.sqlite", StorageUnavailable)


async def test_a_file_that_is_no_database_is_explained(tmp_path: Path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database at all" * 100)
    assert "backup" in await unavailable(tmp_path / "catalog.sqlite", CatalogUnavailable)


async def test_a_catalog_that_does_not_answer_is_not_ready(tmp_path: Path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database at all" * 100)
    broken = Catalog(sqlite_url(tmp_path / "catalog.sqlite"))
    health = await broken.health()
    await broken.close()
    assert not health.ready
    assert "cannot be read" in health.detail


async def test_a_catalog_that_answers_is_ready(catalog: Catalog):
    health = await catalog.health()
    assert (health.ready, health.facts["revision"]) == (True, await catalog.database.revision())


@pytest.mark.sqlite
async def test_a_full_database_is_explained_and_keeps_what_it_has(catalog: Catalog):
    """SQLite's own limit on pages gives the very error of a full disk."""
    file = await upload(catalog)

    async def fill() -> None:
        async with catalog.database.write() as session:
            connection = await session.connection()
            await connection.exec_driver_sql("PRAGMA max_page_count = 1")
            session.add(
                schema.Collection(id="vs_big", owner="ann", name="x" * 10_000_000, details={}, created_at=now(), last_active_at=now())
            )

    with pytest.raises(StorageUnavailable, match=r"full.*Free disk space"):
        await fill()
    assert await catalog.files.get(file.id, owner="ann") == file


async def test_a_file_that_may_not_be_written_is_explained(migrated_catalog: Path):
    read_only = Catalog(f"sqlite+aiosqlite:///file:{migrated_catalog}?mode=ro&uri=true")
    with pytest.raises(StorageUnavailable, match=r"cannot be written: .*readonly"):
        await read_only.collections.touch(["vs_default"])
    await read_only.close()


@pytest.mark.sqlite
async def test_deleted_text_is_overwritten_in_the_file(catalog: Catalog, tmp_path: Path):
    secret = "the-captain-is-to-be-dismissed"
    made = await catalog.collections.create(caller=ANN, principals=[], name=secret)
    await catalog.database.checkpoint()
    assert secret.encode() in (tmp_path / "catalog.sqlite").read_bytes()
    await catalog.collections.delete(made.id, caller=ANN)
    await catalog.database.checkpoint()
    assert secret.encode() not in (tmp_path / "catalog.sqlite").read_bytes()
    assert (tmp_path / "catalog.sqlite-wal").stat().st_size == 0
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
