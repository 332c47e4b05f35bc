"""SQLite in one trip for each statement: the same rows as by the driver's own cursors, also where a result is read bit by bit."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiosqlite import Connection
from sqlalchemy import text

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.one_trip_sqlite import FIRST_ROWS, OneTripConnection

pytestmark = pytest.mark.sqlite

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) SELECT i FROM n"


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The trips of this thread; a server of other tests may be at work in its own."""
    counted: Counter[str] = Counter()
    here = threading.get_ident()
    run = OneTripConnection.run

    async def count(self: OneTripConnection, function: Callable[..., Any]) -> Any:
        counted["trips"] += threading.get_ident() == here
        return await run(self, function)

    ends = {name: getattr(Connection, name) for name in ("commit", "rollback")}

    def counting(name: str) -> Callable[[OneTripConnection], Any]:
        async def end(self: OneTripConnection) -> None:
            counted["ends"] += threading.get_ident() == here
            await ends[name](self)

        return end

    monkeypatch.setattr(OneTripConnection, "run", count)
    for name in ends:
        monkeypatch.setattr(Connection, name, counting(name))
    return counted


async def test_a_statement_is_one_trip(catalog: Catalog, trips: Counter[str]) -> None:
    async with catalog.database.read() as session:
        await session.execute(text("SELECT 1"))
        trips.clear()
        assert (await session.execute(text("SELECT 2"))).scalars().all() == [2]
        assert trips["trips"] == 1


async def test_beginning_to_read_is_no_trip_and_a_transaction_ends_in_one(catalog: Catalog, trips: Counter[str]) -> None:
    async with catalog.database.read() as session:
        await session.execute(text("SELECT 1"))
    assert trips == {"trips": 1, "ends": 1}
    trips.clear()
    async with catalog.database.write() as session:
        await session.execute(text("SELECT 1"))
    assert trips == {"trips": 2, "ends": 1}, "a write takes its lock before its first statement"
    trips.clear()
    async with catalog.database.read() as session:
        await session.connection()
    assert trips == {}


async def test_a_reader_sees_one_state_from_its_first_statement_on(catalog: Catalog) -> None:
    count = text("SELECT count(*) FROM leases")
    async with catalog.database.read() as session:
        before = await session.scalar(count)
        assert await catalog.leases.take("anything", holder="a", ttl_s=60)
        assert await session.scalar(count) == before
    async with catalog.database.read() as session:
        assert await session.scalar(count) == (before or 0) + 1


async def test_a_write_that_is_cancelled_is_rolled_back_before_its_connection_is_lent_again(catalog: Catalog) -> None:
    updated = asyncio.Event()

    async def write() -> None:
        async with catalog.database.write() as session:
            await session.execute(text("UPDATE collections SET name = 'lost'"))
            updated.set()
            await session.execute(text(f"SELECT max(i) FROM ({NUMBERS})"), {"count": 10**5})
            await asyncio.Event().wait()

    writing = asyncio.create_task(write())
    await updated.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with catalog.database.write() as session:
        assert await session.scalar(text("SELECT count(*) FROM collections WHERE name = 'lost'")) == 0
        await session.execute(text("UPDATE collections SET name = 'kept'"))
    async with catalog.database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM collections WHERE name = 'kept'")) == 1


@pytest.mark.parametrize("count", [1, FIRST_ROWS - 1, FIRST_ROWS, FIRST_ROWS + 1, 3 * FIRST_ROWS + 7])
async def test_a_long_result_is_whole_however_it_is_read(catalog: Catalog, count: int) -> None:
    expected = list(range(count))
    async with catalog.database.read() as session:
        assert (await session.execute(text(NUMBERS), {"count": count})).scalars().all() == expected
        streamed = await session.stream(text(NUMBERS), {"count": count})
        assert [row.i async for row in streamed] == expected
        streamed = await session.stream(text(NUMBERS).execution_options(yield_per=11), {"count": count})
        assert [i async for some in streamed.scalars().partitions() for i in some] == expected


async def test_a_result_that_is_left_in_the_middle_holds_nothing_up(catalog: Catalog) -> None:
    async with catalog.database.read() as session:
        streamed = await session.stream(text(NUMBERS), {"count": 10 * FIRST_ROWS})
        assert await anext(aiter(streamed.scalars())) == 0
        await streamed.close()
    assert await catalog.leases.take("anything", holder="a", ttl_s=60)
    await catalog.database.checkpoint()


async def test_a_write_says_how_many_rows_it_was(catalog: Catalog) -> None:
    async with catalog.database.write() as session:
        done = await session.execute(text("UPDATE collections SET name = name"))
    assert done.rowcount == 1  # type: ignore[attr-defined]
