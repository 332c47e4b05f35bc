"""Migrations on data that the previous one made: nothing is lost, and today's code goes on with it."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import RunCounts, RunState
from footnote.core.catalog.paging import Paging
from footnote.core.types import EVERYONE
from tests.core.catalog import first_catalog
from tests.core.catalog.story import ANN, BEN, erase
from tests.core.catalog.test_database import alembic_config
from tests.databases import Databases

GONE = {("attachments", "replaces_id"), ("evaluation_cases", "attachment_id")}
"""Columns that a later schema has no more; nothing was ever written into them, or it stands elsewhere now."""


@pytest.fixture
def empty_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    url = databases.create_empty(tmp_path)
    yield url
    databases.drop(url)


async def run(url: str, work: Any) -> Any:
    engine: AsyncEngine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def fill_the_first_schema(connection: Connection) -> None:
    """Write by the tables as they are then, not by today's models."""
    command.upgrade(alembic_config(connection), "0001")
    metadata = MetaData()
    metadata.reflect(connection)
    rows = first_catalog.rows()
    assert {*rows} == {*metadata.tables} - {"alembic_version"}, "every table has rows"
    for table, content in rows.items():
        for row in content:
            connection.execute(metadata.tables[table].insert().values(_written(metadata.tables[table], row)))


def _written(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    assert {*row} == {*table.columns.keys()}, table.name
    return row


def content_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    metadata = MetaData()
    metadata.reflect(connection)
    return {name: [dict(row._mapping) for row in connection.execute(select(table))] for name, table in metadata.tables.items()}


def plain(value: Any) -> Any:
    """Moments come back without a time zone from SQLite."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


@pytest.fixture
async def migrated(empty_url: str) -> str:
    await run(empty_url, fill_the_first_schema)
    opened = Catalog(empty_url)
    await opened.open(default_principals=(EVERYONE,))
    await opened.close()
    return empty_url


async def test_every_row_and_column_of_the_first_schema_is_still_there(migrated: str):
    found = await run(migrated, content_of)
    changed = {("collections", "embedding_recipe")}  # filled in by the migration
    for table, rows in first_catalog.rows().items():
        columns = [name for name in rows[0] if (table, name) not in GONE | changed]
        kept = [{name: plain(row[name]) for name in columns} for row in found[table]]
        for row in rows:
            assert {name: row[name] for name in columns} in kept, table
        assert len(kept) == len(rows), table


async def test_versions_and_collections_are_told_the_space_of_their_vectors(migrated: str):
    found = await run(migrated, content_of)

    def space(embedding: dict[str, Any]) -> str:
        return hashlib.sha256(json.dumps(embedding, sort_keys=True).encode()).hexdigest()[:16]

    newer, older = space(first_catalog.EMBEDDING), space(first_catalog.OLDER_EMBEDDING)
    assert {row["id"]: row["space"] for row in found["versions"]} == {"ver_0": older, "ver_1": newer, "ver_2": newer, "ver_3": older}
    assert {row["id"]: row["space"] for row in found["collections"]} == {"vs_1": newer, "vs_default": newer}
    assert {row["name"] for row in found["spaces"]} == {newer, older}


def fill_the_second_schema(connection: Connection) -> None:
    """Go on from the first schema, and add what only later code could have written."""
    fill_the_first_schema(connection)
    command.upgrade(alembic_config(connection), "0002")
    metadata = MetaData()
    metadata.reflect(connection)
    rows = first_catalog.rows()
    case, feedback = rows["evaluation_cases"][0], rows["feedback"][0]
    new = {
        "evaluation_cases": [
            {**case, "id": "case_2", "key": "l", "attachment_id": None},
            {**case, "id": "case_0", "key": "j"},
            {**case, "id": "case_3", "key": "j"},
        ],
        "feedback": [
            {**feedback, "id": "fb_2", "rating": "down", "comment": "doch nicht"},
            {**feedback, "id": "fb_3", "owner": "ben"},
        ],
    }
    for table, added in new.items():
        for row in added:
            connection.execute(metadata.tables[table].insert().values(_written(metadata.tables[table], row)))


async def test_what_the_second_schema_held_of_evaluation_goes_on(empty_url: str):
    await run(empty_url, fill_the_second_schema)
    catalog = Catalog(empty_url)
    await catalog.open(default_principals=(EVERYONE,))
    cases = await catalog.evaluation_sets.cases("set_1", caller=ANN)
    assert [(case.id, case.key, case.ordinal, case.attachment_ids) for case in cases] == [
        ("case_0", "j", 0, ("att_1",)),
        ("case_1", "k", 1, ("att_1",)),
        ("case_2", "l", 2, ()),
        ("case_3", "j#case_3", 3, ("att_1",)),
    ], "two cases of one set differ by their keys"
    told = await catalog.feedback.of("turn_1", caller=ANN)
    assert told is not None
    assert (told.id, told.rating, told.comment) == ("fb_2", "down", "doch nicht")
    assert {row["id"] for row in (await run(empty_url, content_of))["feedback"]} == {"fb_2", "fb_3"}
    started = await catalog.evaluation_runs.start("run_1")
    assert (started.state, started.counts) == (RunState.RUNNING, RunCounts())
    (score,) = await catalog.evaluation_runs.scores_page("run_1", caller=ANN)
    assert (score.value, score.details) == (0.5, {})
    assert (await catalog.turns.get("turn_1", caller=ANN)).run_id is None
    await erase(catalog, await catalog.files.get("file-1", owner="ann"))
    assert [case.tombstone for case in await catalog.evaluation_sets.cases("set_1", caller=ANN)] == [True] * 4
    await catalog.close()


@pytest.fixture
async def opened(migrated: str) -> AsyncIterator[Catalog]:
    catalog = Catalog(migrated)
    yield catalog
    await catalog.close()


async def test_todays_code_goes_on_with_it(opened: Catalog):
    files = await opened.files.list(owner="ann", paging=Paging())
    assert {file.filename for file in files.items} == {"Gezeiten – März.txt"}
    assert (await opened.files.get("file-4", owner="ben")).size_bytes == 9_000_000_000
    assert await opened.versions.text_of("ver_1") == first_catalog.TEXT
    assert [chunk.text for chunk in await opened.versions.chunks_of("ver_1")] == [
        first_catalog.TEXT[start:end] for start, end in first_catalog.SPANS
    ]
    attachment = await opened.attachments.get("vs_1", "file-2", caller=ANN)
    assert (attachment.attributes, attachment.live_version_id) == ({"year": 2026, "draft": False, "name": "é"}, "ver_1")
    assert (await opened.attachments.get("vs_default", "file-3", caller=BEN)).job.state == "queued"
    turn = await opened.turns.get("turn_1", caller=ANN)
    assert (turn.shown, turn.claims[0].citations[0].quote) == ("Dem Mond [1].", first_catalog.TEXT[:30])
    claimed = await opened.jobs.claim_many(worker_id="w", lease_s=60, max_attempts=4, n=9)
    assert {job.id for job, _ in claimed} == {"job_2", "job_4"}, "what waited, and what a dead worker held"


async def test_processes_that_start_at_once_migrate_once(empty_url: str):
    await run(empty_url, fill_the_first_schema)
    script = (
        "import asyncio, sys\n"
        "from footnote.core.catalog.catalog import Catalog\n"
        "async def main():\n"
        "    catalog = Catalog(sys.argv[1])\n"
        "    sys.stdin.readline()\n"
        "    await catalog.open(default_principals=('everyone',))\n"
        "    await catalog.close()\n"
        "asyncio.run(main())"
    )
    pipe = asyncio.subprocess.PIPE
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, empty_url, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        for _ in range(4)
    ]
    outputs = await asyncio.gather(*(process.communicate(b"now\n") for process in starting))
    assert [process.returncode for process in starting] == [0] * 4, outputs
    found = await run(empty_url, content_of)
    assert len(found["alembic_version"]) == 1
    assert len(found["spaces"]) == 2


async def test_going_back_leaves_what_the_first_schema_knew(migrated: str):
    def go_back(connection: Connection) -> None:
        command.downgrade(alembic_config(connection), "0001")

    await run(migrated, go_back)
    found = await run(migrated, content_of)
    assert {name for name in found if name != "alembic_version"} == {*first_catalog.rows()}
    assert [row["text"] for row in found["documents"]] == [first_catalog.TEXT]
    assert [row["attachment_id"] for row in found["evaluation_cases"]] == ["att_1"]
