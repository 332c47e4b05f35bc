"""Nothing that was deleted is left in SQLite's files after scrubbing: secure_delete alone leaves copies of rows that moved."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database, sqlite_url
from footnote.core.catalog.moment import now

SECRET, KEPT = "kestrel", "curlew"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(tmp_path / "catalog.sqlite"))
    await database.migrate()
    yield database
    await database.close()


async def test_no_copy_of_a_row_that_was_emptied_is_left(database: Database, tmp_path: Path):
    draw = random.Random(1)
    for _ in range(30):  # until a page was split between two such rows
        await write_and_empty(database, draw)
        await database.checkpoint()
        if SECRET.encode() in content(tmp_path):
            break
    else:
        pytest.fail("secure_delete has left nothing: this shows nothing of scrubbing")
    await database.scrub()
    assert SECRET.encode() not in content(tmp_path)
    assert KEPT.encode() in content(tmp_path)
    await database.close()
    assert SECRET.encode() not in content(tmp_path)
    assert names(tmp_path) == ["catalog.sqlite"]


async def write_and_empty(database: Database, draw: random.Random) -> None:
    """Write rows of many sizes in no order, and empty every second of them."""
    async with database.write() as session:
        session.add_all([row(n, draw) for n in range(600)])
    async with database.write() as session:
        secret = schema.EvaluationSet.owner.startswith(SECRET)
        await session.execute(update(schema.EvaluationSet).where(secret).values(owner=""))


def row(n: int, draw: random.Random) -> schema.EvaluationSet:
    return schema.EvaluationSet(
        id=f"set_{draw.random()}",
        owner=(SECRET if n % 2 else KEPT) * draw.randrange(1, 400),
        principals=[],
        name=f"{n} {draw.random()}",
        number=1,
        kind="golden",
        sha256="0" * 64,
        created_at=now(),
    )


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
