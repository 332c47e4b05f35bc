"""SQLite in one trip for each statement: the same rows as by the driver's own cursors, also where a result is read bit by bit."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.one_trip_sqlite import FIRST_ROWS, OneTripConnection

pytestmark = pytest.mark.sqlite

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) SELECT i FROM n"


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counted: Counter[str] = Counter()
    run = OneTripConnection.run

    async def count(self: OneTripConnection, function: Callable[..., Any]) -> Any:
        counted["trips"] += 1
        return await run(self, function)

    monkeypatch.setattr(OneTripConnection, "run", count)
    return counted


async def test_a_statement_is_one_trip(catalog: Catalog, trips: Counter[str]) -> None:
    async with catalog.database.read() as session:
        await session.execute(text("SELECT 1"))
        trips.clear()
        assert (await session.execute(text("SELECT 2"))).scalars().all() == [2]
        assert trips["trips"] == 1


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
