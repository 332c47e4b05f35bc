"""Deleting sets and runs: all that was made of them goes, is counted, and nothing else does."""

from typing import Any

import pytest
from sqlalchemy import func, select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import DeletedEvaluation, RunRecord
from footnote.core.catalog.leases import lease_of_run
from footnote.core.errors import Conflict, NotFound
from footnote.core.types import Caller, StoredPassage
from tests.core.catalog.evaluation_story import asked, draft, imported, run_of, value
from tests.core.catalog.story import ANN, BEN, attach, caller, collection, upload

OPERATOR = caller("local", is_operator=True)
PASSAGE = StoredPassage(n=1, attachment_id="att_1", version_id="ver_1", chunk_ids=("chunk_1",), start=0, end=4, score=0.5, similarity=0.5)
TABLES = (
    schema.EvaluationSet,
    schema.EvaluationCase,
    schema.EvaluationCaseAttachment,
    schema.EvaluationRun,
    schema.RunAnswer,
    schema.CaseScore,
    schema.Report,
    schema.Delivery,
    schema.Turn,
    schema.TurnPassage,
    schema.Feedback,
    schema.Lease,
)


async def rows(catalog: Catalog) -> dict[str, int]:
    async with catalog.database.read() as session:
        counted: dict[str, int] = {}
        for table in TABLES:
            counted[table.__tablename__] = await session.scalar(select(func.count()).select_from(table)) or 0
        return counted


async def done(catalog: Catalog, run: RunRecord, *, by: Caller = ANN) -> None:
    """Ask the run's first case, score it, report it, owe that to somebody, and leave the lease of a process that was killed."""
    runs = catalog.evaluation_runs
    case, *_ = await catalog.evaluation_sets.cases(run.set_id, caller=by)
    turn_id = await asked(catalog, by=by, run_id=run.id, passages=(PASSAGE,))
    await catalog.feedback.keep(turn_id, rating="up", caller=by)
    await runs.note_answer(run.id, case.id, turn_id=turn_id)
    await runs.note_scores(run.id, case.id, judge="labels", scores=[value("answer_f1", 0.5), value("bleu", 0.5)])
    await catalog.reports.store(run.id, {"n": 1})
    await runs.finish(run.id, owe_report_to=["webhook", "email"])
    assert await catalog.leases.take(lease_of_run(run.id), holder="killed", ttl_s=60)


async def second_run(catalog: Catalog, run: RunRecord, *, by: Caller = ANN) -> RunRecord:
    return await catalog.evaluation_runs.create(set_id=run.set_id, release_id=run.release_id, caller=by)


async def test_a_set_goes_with_all_that_was_made_of_it_and_is_counted(catalog: Catalog):
    await attach(catalog, await collection(catalog), await upload(catalog))
    kept = await run_of(catalog, draft("k", "tides.txt"), name="kept")
    await done(catalog, kept)
    live = await asked(catalog)
    before = await rows(catalog)
    first = await run_of(catalog, draft("a", "tides.txt"), draft("b"))
    second = await run_of(catalog, draft("a", "tides.txt"))
    third = await second_run(catalog, second)
    for run in (first, second, third):
        await done(catalog, run)
    case, *_ = await catalog.evaluation_sets.cases(third.set_id, caller=ANN)
    assert await rows(catalog) != before
    gone = await catalog.evaluation_sets.delete("tides", caller=ANN)
    assert gone == DeletedEvaluation(sets=2, cases=3, runs=3, answers=3, scores=6, reports=3, deliveries=6, turns=3)
    assert await rows(catalog) == before
    assert (await catalog.turns.get(live, caller=ANN)).id == live
    assert await catalog.evaluation_sets.is_erased(case.id)
    assert (await catalog.evaluation_runs.get(kept.id, caller=ANN)).counts.scores == 2
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.delete("tides", caller=ANN)
    assert (await imported(catalog)).set.number == 1, "the name is free again"


async def test_one_version_goes_alone_by_its_number_or_its_id(catalog: Catalog):
    runs = [await run_of(catalog, draft(key)) for key in "abc"]
    for run in runs:
        await done(catalog, run)
    assert (await catalog.evaluation_sets.delete("tides@2", caller=ANN)).runs == 1
    assert (await catalog.evaluation_sets.delete(runs[0].set_id, caller=ANN)).sets == 1
    assert (await catalog.evaluation_sets.find("tides", caller=ANN)).number == 3
    for wanted in ("tides@2", "tides@x", "tides@", "@3", "tides@99999999999", "set_none", "", runs[0].set_id):
        with pytest.raises(NotFound):
            await catalog.evaluation_sets.delete(wanted, caller=ANN)
    assert (await rows(catalog))["evaluation_sets"] == 1


async def test_a_live_turn_that_a_run_scored_stays(catalog: Catalog):
    run = await run_of(catalog)
    live = await asked(catalog)
    case, *_ = await catalog.evaluation_sets.cases(run.set_id, caller=ANN)
    await catalog.evaluation_runs.note_answer(run.id, case.id, turn_id=live)
    await catalog.evaluation_runs.finish(run.id)
    assert (await catalog.evaluation_sets.delete("tides", caller=ANN)).turns == 0
    assert (await catalog.turns.get(live, caller=ANN)).id == live


async def test_while_a_run_over_it_is_under_way_nothing_of_a_set_is_deleted(catalog: Catalog):
    ended, going = await run_of(catalog, draft("a")), await run_of(catalog, draft("b"))
    await done(catalog, ended)
    before = await rows(catalog)
    with pytest.raises(Conflict, match=rf"{going.id} is under way.*Cancel it first"):
        await catalog.evaluation_sets.delete("tides", caller=ANN)
    assert await rows(catalog) == before
    await catalog.evaluation_runs.cancel(going.id, caller=ANN)
    assert (await catalog.evaluation_sets.delete("tides", caller=ANN)).runs == 2


async def test_runs_of_others_over_a_shared_set_go_with_it(catalog: Catalog):
    run = await run_of(catalog)
    await imported(catalog, principals=["owner:ben"])
    theirs = await second_run(catalog, run, by=BEN)
    await done(catalog, theirs, by=BEN)
    await catalog.evaluation_runs.cancel(run.id, caller=ANN)
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.delete(run.set_id, caller=BEN)
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.delete("tides", caller=BEN)
    gone = await catalog.evaluation_sets.delete("tides", caller=ANN)
    assert (gone.runs, gone.turns, gone.reports) == (2, 1, 1)
    assert not any((await rows(catalog)).values())


async def test_the_operator_deletes_and_cancels_what_is_somebody_elses_by_id(catalog: Catalog):
    run = await run_of(catalog)
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.delete("tides", caller=OPERATOR)
    await catalog.evaluation_runs.cancel(run.id, caller=OPERATOR)
    assert (await catalog.evaluation_runs.delete(run.id, caller=OPERATOR)).runs == 1
    assert (await catalog.evaluation_sets.delete(run.set_id, caller=OPERATOR)).sets == 1


async def test_a_run_goes_with_what_was_made_of_it_and_its_set_stays(catalog: Catalog):
    kept = await run_of(catalog)
    await done(catalog, kept)
    before = await rows(catalog)
    run = await second_run(catalog, kept)
    with pytest.raises(Conflict, match="under way"):
        await catalog.evaluation_runs.delete(run.id, caller=ANN)
    await done(catalog, run)
    for stranger in (BEN, caller("cleo", "owner:ann")):
        with pytest.raises(NotFound):
            await catalog.evaluation_runs.delete(run.id, caller=stranger)
    gone = await catalog.evaluation_runs.delete(run.id, caller=ANN)
    assert gone == DeletedEvaluation(runs=1, answers=1, scores=2, reports=1, deliveries=2, turns=1)
    assert await rows(catalog) == before


async def test_an_eval_leaves_nothing_of_its_runs_either(catalog: Catalog):
    run = await run_of(catalog)
    await catalog.evaluation_runs.cancel(run.id, caller=ANN)
    before = await rows(catalog)
    fields: dict[str, Any] = {"metadata": {}, "data_source": {}, "criteria": []}
    made = await catalog.evals.create(name="an eval", caller=ANN, **fields)
    of_eval = await catalog.evaluation_runs.create(set_id=run.set_id, release_id=run.release_id, caller=ANN, eval_id=made.id)
    with pytest.raises(Conflict, match=of_eval.id):
        await catalog.evals.delete(made.id, caller=ANN)
    await done(catalog, of_eval)
    await catalog.evals.delete(made.id, caller=ANN)
    assert await rows(catalog) == before
