"""Nights: each set has one run of each night, whoever begins it, and however often."""

import asyncio
from datetime import timedelta

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import SetKind
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Paging
from footnote.core.errors import NotFound
from tests.core.catalog.evaluation_story import asked, draft, imported
from tests.core.catalog.story import ANN, BEN

NIGHT = now().replace(microsecond=0)


async def begin(catalog: Catalog, made, *, at=NIGHT, by=ANN):
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    return await catalog.nights.begin_run(
        at, set_id=made.set.id, set_name=made.set.name, release_id=release.id, configuration={"principals": []}, caller=by
    )


async def test_a_set_has_one_run_of_a_night_and_another_one_of_the_next(catalog: Catalog):
    made = await imported(catalog)
    first = await begin(catalog, made)
    newer = await imported(catalog, draft("d"))
    assert await begin(catalog, made) is await begin(catalog, newer) is None, "also of its newer version"
    second = await begin(catalog, newer, at=NIGHT + timedelta(days=1))
    assert await catalog.evaluation_runs.unfinished() == (first, second)
    assert (await catalog.evaluation_runs.by_id(first)).owner == ANN.owner


async def test_two_processes_that_begin_a_nights_run_at_once_begin_one(catalog: Catalog, catalog_url: str):
    made, other = await imported(catalog), Catalog(catalog_url)
    begun = await asyncio.gather(*(begin(each, made) for each in (catalog, other) * 4))
    await other.close()
    assert len([run_id for run_id in begun if run_id is not None]) == 1
    assert len((await catalog.evaluation_runs.list(caller=ANN, paging=Paging())).items) == 1


async def test_a_run_that_was_deleted_is_not_begun_again_that_night(catalog: Catalog):
    made = await imported(catalog)
    run_id = await begin(catalog, made)
    await catalog.evaluation_runs.cancel(run_id, caller=ANN)
    await catalog.evaluation_runs.delete(run_id, caller=ANN)
    assert await begin(catalog, made) is None


async def test_nobody_begins_a_run_over_a_strangers_set(catalog: Catalog):
    made = await imported(catalog)
    with pytest.raises(NotFound):
        await begin(catalog, made, by=BEN)
    assert await catalog.evaluation_runs.unfinished() == ()


async def test_the_last_night_is_the_newest_that_was_begun_whole(catalog: Catalog):
    assert await catalog.nights.last() is None
    for moment in (NIGHT, NIGHT + timedelta(days=1), NIGHT + timedelta(days=1), NIGHT - timedelta(days=1)):
        await catalog.nights.finish(moment)
    last = await catalog.nights.last()
    assert last is not None
    assert last.moment == NIGHT + timedelta(days=1)


async def test_the_newest_version_of_each_owners_sets(catalog: Catalog):
    await imported(catalog)
    newest = await imported(catalog, draft("d"), draft("e"))
    bens = await imported(catalog, by=BEN, kind=SetKind.GENERATED)
    other = await imported(catalog, name="moons")
    found = await catalog.evaluation_sets.newest_of_each()
    assert [each.id for each in found] == [other.set.id, newest.set.id, bens.set.id]
    assert [each.n_cases for each in found] == [3, 2, 3]


async def test_owners_and_support_of_live_turns(catalog: Catalog):
    since, until = now() - timedelta(minutes=1), now() + timedelta(minutes=1)
    assert await catalog.live_turns.owners(since, until) == await catalog.live_turns.support(since, until) == ()
    await asked(catalog, verdicts="ssu")
    await asked(catalog, by=BEN, verdicts="nus")
    await asked(catalog, by=BEN, verdicts="nn")
    await asked(catalog, verdicts="uuu", error_code="generation_timeout")
    await asked(catalog, verdicts="uuu", at=until)
    assert await catalog.live_turns.owners(since, until) == (ANN.owner, BEN.owner)
    assert [(turn.n_claims, turn.n_supported) for turn in await catalog.live_turns.support(since, until)] == [(3, 2), (2, 1)]
