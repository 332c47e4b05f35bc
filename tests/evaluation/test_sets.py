"""Sets of cases go into the catalog and come out as they were; live sets are made of turns."""

from datetime import timedelta

import pytest

from evaluation.cases import Case, GoldPassage, Tombstone
from evaluation.sets import case_of, case_or_tombstone, import_cases, import_live_turns, scorable
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import SetKind
from footnote.core.catalog.moment import now
from footnote.core.types import Message
from tests.core.catalog.evaluation_story import asked
from tests.core.catalog.story import ANN, BEN, attach, caller, collection, erase, upload

CASES = (
    Case(id="b", question="When?", gold=(GoldPassage(document="tides.txt", page=2, quote="at six"),), answerable=True, answers=("six",)),
    Case(id="a", question="And then?", history=(Message(role="user", content="When?"),), part="test", document="moon.txt"),
    Tombstone(id="c"),
)


async def test_cases_go_in_and_come_out_as_they_were(catalog: Catalog):
    made = await import_cases(catalog, CASES, name="tides", caller=ANN)
    records = await catalog.evaluation_sets.cases(made.set.id, caller=ANN)
    assert tuple(case_or_tombstone(record) for record in records) == CASES
    assert scorable(records) == CASES[:2]
    assert made.unresolved == ("moon.txt", "tides.txt")
    with pytest.raises(ValueError, match="tombstone"):
        case_of(records[2])


async def test_what_is_exported_after_an_erasure_is_imported_as_it_is(catalog: Catalog):
    file = await upload(catalog)
    await attach(catalog, await collection(catalog), file)
    made = await import_cases(catalog, CASES, name="tides", caller=ANN)
    await erase(catalog, file)
    exported = [case_or_tombstone(record) for record in await catalog.evaluation_sets.cases(made.set.id, caller=ANN)]
    assert exported == [Tombstone(id="b"), CASES[1], CASES[2]]
    again = await import_cases(catalog, exported, name="tides", caller=ANN)
    assert (again.set.number, again.set.n_tombstones) == (2, 2)


async def test_a_live_set_holds_a_sample_with_what_people_said(catalog: Catalog):
    since = now()
    bad = await asked(catalog, verdicts="uu", question="Why six?", history=(Message(role="user", content="Hello"),))
    fine = await asked(catalog, verdicts="ss")
    await catalog.feedback.keep(fine, rating="down", correction="At seven.", caller=ANN)
    await asked(catalog, by=BEN, verdicts="u")
    sampling = {"since": since, "until": now() + timedelta(minutes=1), "sizes": {"correction": 5, "low_support": 5}, "seed": 7}
    made = await import_live_turns(catalog, name="live", caller=ANN, **sampling)
    assert made is not None
    assert made.set.kind == SetKind.LIVE
    cases = scorable(await catalog.evaluation_sets.cases(made.set.id, caller=ANN))
    assert {case.id: (case.kind, case.question, case.reference_answer, case.turn_id, case.answerable) for case in cases} == {
        bad: ("low_support", "Why six?", "", bad, None),
        fine: ("correction", "When is high tide?", "At seven.", fine, None),
    }
    assert next(case for case in cases if case.id == bad).history == (Message(role="user", content="Hello"),)
    everybody = await import_live_turns(catalog, name="live", caller=caller("local", is_operator=True), **sampling)
    assert everybody is not None
    assert everybody.set.n_cases == 3
    of_operator = scorable(await catalog.evaluation_sets.cases(everybody.set.id, caller=caller("local")))
    assert {case.reference_answer for case in of_operator} == {"", "At seven."}


async def test_without_turns_no_set_is_made(catalog: Catalog):
    sampling = {"since": now(), "until": now(), "sizes": {"random": 5}, "seed": 7}
    assert await import_live_turns(catalog, name="live", caller=ANN, **sampling) is None
