"""Nights begin by themselves: each run once, whatever dies in between, and nothing where there is nothing to evaluate."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from evaluation.nightly import LIVE, LIVE_BESIDE_A_WRITTEN_ONE, Nightly
from evaluation.running import RunConfiguration, caller_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, SetKind
from footnote.core.errors import CatalogUnavailable, InvalidSettings
from footnote.core.ids import new_id
from footnote.core.settings import EvaluationSettings, LiveSampleSettings
from tests.core.catalog.evaluation_story import asked, imported
from tests.core.catalog.story import ANN, BEN

EVENING = datetime(2026, 7, 1, 20, tzinfo=UTC)
NIGHT = datetime(2026, 7, 2, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NO_LIVE = LiveSampleSettings(random=0, correction=0, thumbs_down=0, low_support=0, abstention=0)


def case(key: str) -> CaseDraft:
    return CaseDraft(key=key, labels={"id": key, "question": f"When is {key}?"})


class Clock:
    def __init__(self, at: datetime = EVENING) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


async def nightly(catalog: Catalog, clock: Clock, **settings) -> Nightly:
    await catalog.releases.ensure_champion({"model": "smollm2"})
    return Nightly(catalog=catalog, settings=EvaluationSettings(**settings), now=clock)


async def runs(catalog: Catalog) -> list[tuple[str, str]]:
    """Who runs what, in the order of beginning."""
    found = []
    for run_id in await catalog.evaluation_runs.unfinished():
        run = await catalog.evaluation_runs.by_id(run_id)
        of_set = await catalog.evaluation_sets.get(run.set_id, caller=caller_of(run))
        found.append((run.owner, of_set.label))
    return found


async def test_each_night_runs_the_newest_version_of_every_written_set_once(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock, live_sample=NO_LIVE)
    await imported(catalog, case("a"))
    await imported(catalog, case("a"), case("b"))
    await imported(catalog, case("c"), by=BEN, kind=SetKind.GENERATED)
    await night.begin_due()
    assert await runs(catalog) == [], "it begins with the next night"
    for clock.at in (NIGHT - timedelta(seconds=1), NIGHT, NIGHT + timedelta(seconds=5), NIGHT + DAY / 2):
        await night.begin_due()
        assert await runs(catalog) == ([] if clock.at < NIGHT else [("ann", "tides@2"), ("ben", "tides@1")])
    clock.at = NIGHT + DAY
    await (await nightly(catalog, clock, live_sample=NO_LIVE)).begin_due()
    assert Counter(await runs(catalog)) == {("ann", "tides@2"): 2, ("ben", "tides@1"): 2}


async def test_a_run_asks_as_its_owner_with_what_everyone_may_read_and_says_which_night_it_is_of(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock)
    await imported(catalog, case("a"), principals=["group:divers"])
    await night.begin_due()
    clock.at = NIGHT + timedelta(minutes=3)
    await night.begin_due()
    (run_id,) = await catalog.evaluation_runs.unfinished()
    run = await catalog.evaluation_runs.by_id(run_id)
    asks = RunConfiguration.from_json(run.configuration)
    assert run.owner == ANN.owner
    assert sorted(asks.principals) == ["everyone", "owner:ann"]
    assert run.principals == {"owner:ann"}
    assert asks.scheduled_for == NIGHT.isoformat()


@pytest.mark.parametrize("cut_off_before", [0, 1, 2, 3])
async def test_a_night_that_is_cut_off_anywhere_is_gone_on_with(catalog: Catalog, cut_off_before: int, monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    await (await nightly(catalog, clock)).begin_due()
    for name in ("ebb", "flood"):
        await imported(catalog, case("a"), name=name)
    await asked(catalog, at=NIGHT - timedelta(hours=1))
    clock.at = NIGHT
    begin_run, n_begun = catalog.nights.begin_run, 0

    async def dying(*args, **kwargs):
        nonlocal n_begun
        if n_begun == cut_off_before:
            raise CatalogUnavailable("the process dies")
        n_begun += 1
        return await begin_run(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(catalog.nights, "begin_run", dying)
        if cut_off_before < 3:
            with pytest.raises(CatalogUnavailable):
                await (await nightly(catalog, clock)).begin_due()
        else:
            await (await nightly(catalog, clock)).begin_due()
    await imported(catalog, case("a"), case("b"), name="ebb")  # a version that came in between doubles nothing
    clock.at = NIGHT + timedelta(minutes=1)
    for _ in range(2):
        await (await nightly(catalog, clock)).begin_due()
    names = [label.partition("@")[0] for _, label in await runs(catalog)]
    assert sorted(names) == ["ebb", "flood", LIVE]


async def test_two_processes_begin_a_night_once(catalog: Catalog, catalog_url: str):
    clock, other = Clock(), Catalog(catalog_url)
    await (await nightly(catalog, clock)).begin_due()
    await imported(catalog, case("a"))
    await asked(catalog, at=NIGHT - timedelta(hours=1))
    clock.at = NIGHT
    both = [await nightly(each, clock) for each in (catalog, other)]
    await asyncio.gather(*(each.begin_due() for each in both))
    for each in both:
        await each.begin_due()
    await other.close()
    assert sorted(await runs(catalog)) == [("ann", "live@1"), ("ann", "tides@1")]


async def test_what_each_owner_asked_since_the_last_night_is_sampled_for_them(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock)
    await night.begin_due()
    await asked(catalog, at=EVENING - timedelta(hours=1))  # before the schedule began
    tonight = {await asked(catalog, at=EVENING + timedelta(hours=n)) for n in (1, 2)}
    await asked(catalog, by=BEN, at=EVENING + timedelta(hours=1))
    await asked(catalog, at=NIGHT + timedelta(hours=1))
    clock.at = NIGHT
    await night.begin_due()
    assert await runs(catalog) == [("ann", "live@1"), ("ben", "live@1")]
    live = await catalog.evaluation_sets.find(LIVE, caller=ANN)
    assert {each.turn_id for each in await catalog.evaluation_sets.cases(live.id, caller=ANN)} == tonight
    clock.at = NIGHT + DAY
    await night.begin_due()
    assert (await runs(catalog))[2:] == [("ann", "live@2")], "ben asked nothing more"


async def test_a_written_set_called_live_is_left_alone(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock)
    await night.begin_due()
    await imported(catalog, case("a"), name=LIVE)
    await asked(catalog, at=EVENING + timedelta(hours=1))
    clock.at = NIGHT
    await night.begin_due()
    assert await runs(catalog) == [("ann", "live@1"), ("ann", f"{LIVE_BESIDE_A_WRITTEN_ONE}@1")]


async def test_sets_can_be_named_with_their_version(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock, sets=("tides@1", "moons", "nothing", "tides@7"), live_sample=NO_LIVE)
    await imported(catalog, case("a"))
    await imported(catalog, case("b"))
    await imported(catalog, case("a"), name="moons")
    await imported(catalog, case("a"), name="stars")
    await night.begin_due()
    clock.at = NIGHT
    await night.begin_due()
    assert sorted(await runs(catalog)) == [("ann", "moons@1"), ("ann", "tides@1")]


@pytest.mark.parametrize("is_named", [False, True])
async def test_cases_that_a_run_of_an_eval_has_brought_are_run_at_night_where_somebody_names_them(catalog: Catalog, is_named: bool):
    clock, eval_id = Clock(), new_id("eval")
    night = await nightly(catalog, clock, sets=(eval_id,) if is_named else None, live_sample=NO_LIVE)
    await imported(catalog, case("a"), name=eval_id)
    await imported(catalog, case("a"), name="eval_ebb")
    await night.begin_due()
    clock.at = NIGHT
    await night.begin_due()
    assert await runs(catalog) == [("ann", f"{eval_id}@1" if is_named else "eval_ebb@1")]


async def test_with_nothing_to_evaluate_there_is_no_run(catalog: Catalog):
    clock = Clock()
    night = await nightly(catalog, clock)
    await imported(catalog, CaseDraft(key="gone", tombstone=True))
    await night.begin_due()
    clock.at = NIGHT
    await night.begin_due()
    assert await runs(catalog) == []
    last = await catalog.nights.last()
    assert last is not None
    assert last.moment == NIGHT


@pytest.mark.parametrize("schedule", ["off", ""])
async def test_a_schedule_that_is_off_begins_nothing(catalog: Catalog, schedule: str):
    clock = Clock()
    night = await nightly(catalog, clock, schedule=schedule)
    await imported(catalog, case("a"))
    for clock.at in (EVENING, NIGHT, NIGHT + DAY):
        await night.begin_due()
    assert await runs(catalog) == []
    assert await catalog.nights.last() is None


async def test_a_schedule_that_is_none_stops_the_start(catalog: Catalog):
    with pytest.raises(InvalidSettings, match="no time that comes round"):
        await nightly(catalog, Clock(), schedule="each night")
