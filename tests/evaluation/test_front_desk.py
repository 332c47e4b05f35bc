"""The front desk: who asks for a run at the same moment as another gets the same one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from evaluation.front_desk import FrontDesk
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.paging import Paging
from serving.evaluating import BegunRun, WantedRun
from tests.core.catalog.evaluation_story import imported
from tests.core.catalog.story import ANN


async def desks(catalog: Catalog, n: int) -> list[FrontDesk]:
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    return [FrontDesk(catalog=catalog, release_id=release.id, wake=lambda: None) for _ in range(n)]


async def begun_at_once(catalog: Catalog, *wanted: WantedRun, resume: bool = True) -> list[BegunRun]:
    return await asyncio.gather(
        *(desk.begin(each, caller=ANN, resume=resume) for desk, each in zip(await desks(catalog, len(wanted)), wanted, strict=True))
    )


@pytest.mark.parametrize("n", [2, 8])
async def test_of_several_who_ask_for_the_same_run_at_once_one_begins_it(catalog: Catalog, n: int, monkeypatch: pytest.MonkeyPatch):
    set_id = (await imported(catalog)).set.id
    write, all_are_there = catalog.database.write, asyncio.Barrier(n)

    @asynccontextmanager
    async def together(**options: bool) -> AsyncGenerator[Any]:
        """Let nobody write before everybody wants to: whoever has looked before, and not in the write, has seen nothing."""
        async with asyncio.timeout(20):
            await all_are_there.wait()
        async with write(**options) as session:
            yield session

    made = await desks(catalog, n)
    monkeypatch.setattr(catalog.database, "write", together)
    begun = await asyncio.gather(*(desk.begin(WantedRun(set_id=set_id, limit=2), caller=ANN, resume=True) for desk in made))
    assert len({each.run.id for each in begun}) == 1
    assert sorted(each.is_resumed for each in begun) == [False, *[True] * (n - 1)]
    assert len((await catalog.evaluation_runs.list(caller=ANN, paging=Paging())).items) == 1


async def test_what_is_not_the_same_or_not_to_be_gone_on_with_is_begun_beside_it(catalog: Catalog):
    set_id = (await imported(catalog)).set.id
    wanted = [WantedRun(set_id=set_id, limit=limit) for limit in (1, 2)]
    assert len({each.run.id for each in await begun_at_once(catalog, *wanted)}) == 2
    again = await begun_at_once(catalog, wanted[0], wanted[0], resume=False)
    assert [each.is_resumed for each in again] == [False, False]
    assert len((await catalog.evaluation_runs.list(caller=ANN, paging=Paging())).items) == 4
    ((newest),) = await begun_at_once(catalog, wanted[0])
    assert newest.run.id == max(each.run.id for each in again), "the newest one is gone on with"


async def test_an_unfinished_run_is_found_behind_however_many_others(catalog: Catalog):
    set_id = (await imported(catalog)).set.id
    (first,) = await begun_at_once(catalog, WantedRun(set_id=set_id))
    for _ in range(101):
        run = await catalog.evaluation_runs.create(set_id=set_id, release_id=first.run.release_id, caller=ANN)
        await catalog.evaluation_runs.cancel(run.id, caller=ANN)
    (again,) = await begun_at_once(catalog, WantedRun(set_id=set_id))
    assert (again.run.id, again.is_resumed) == (first.run.id, True)
