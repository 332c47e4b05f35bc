"""Runs: what is done is noted once, what was cut off is gone on with, and everything goes with the run."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseScoreDraft, RunCounts, RunRecord, RunState
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.leases import HeldLease, lease_of_run
from footnote.core.catalog.paging import Paging
from footnote.core.errors import Conflict, NotFound
from tests.core.catalog.evaluation_story import asked, draft, failure, imported, run_of, value
from tests.core.catalog.story import ANN, BEN, attach, caller, collection, erase, upload


async def case_ids(catalog: Catalog, run: RunRecord, by=ANN) -> list[str]:
    return [case.id for case in await catalog.evaluation_sets.cases(run.set_id, caller=by)]


async def scores_of(catalog: Catalog, run: RunRecord, **paging: int) -> list[tuple[object, ...]]:
    found = [each async for each in catalog.evaluation_runs.each_score(run.id, caller=ANN, **paging)]
    return [(each.ordinal, each.metric, each.judge, each.target, each.value, each.failure_code) for each in found]


async def test_what_is_noted_comes_back_in_the_order_of_the_cases(catalog: Catalog):
    run = await run_of(catalog)
    a, b, c = await case_ids(catalog, run)
    turn_b, turn_a = [await asked(catalog, run_id=run.id) for _ in range(2)]
    runs = catalog.evaluation_runs
    await runs.note_answer(run.id, b, turn_id=turn_b)
    await runs.note_answer(run.id, a, turn_id=turn_a)
    await runs.note_answer(run.id, c, error_code="generation_timeout")
    await runs.note_scores(
        run.id, b, judge="local-1", scores=[value("faithfulness", 0.5, claims=2), value("faithfulness", 1, target="shown")]
    )
    await runs.note_scores(run.id, b, judge="labels", scores=[])
    await runs.note_scores(run.id, a, judge="local-1", scores=[failure("faithfulness", "judge_timeout")])
    answers = await runs.answers(run.id, caller=ANN)
    assert [(each.case_id, each.turn_id, each.error_code, each.judges) for each in answers] == [
        (a, turn_a, None, {"local-1"}),
        (b, turn_b, None, {"local-1", "labels"}),
        (c, None, "generation_timeout", frozenset()),
    ]
    for n_cases in (1, 200):
        assert await scores_of(catalog, run, n_cases=n_cases) == [
            (0, "faithfulness", "local-1", "draft", None, "judge_timeout"),
            (1, "faithfulness", "local-1", "draft", 0.5, None),
            (1, "faithfulness", "local-1", "shown", 1.0, None),
        ]
    (*_, drafted, _) = await runs.scores_page(run.id, caller=ANN)
    assert (drafted.details, drafted.turn_id) == ({"claims": 2}, turn_b)
    assert await runs.counts(run.id, caller=ANN) == RunCounts(cases=3, answered=2, errors=1, scores=2, failures=1)


async def test_the_same_scores_again_change_nothing_and_new_ones_take_their_place(catalog: Catalog):
    run = await run_of(catalog)
    a, *_ = await case_ids(catalog, run)
    await catalog.evaluation_runs.note_answer(run.id, a, turn_id=await asked(catalog, run_id=run.id))
    for scores in (
        [failure("faithfulness", "judge_timeout"), value("faithfulness", 0.5, target="shown")],
        [value("faithfulness", 0.75)],
        [value("faithfulness", 0.75)],
    ):
        await catalog.evaluation_runs.note_scores(run.id, a, judge="local-1", scores=scores)
    await catalog.evaluation_runs.note_scores(run.id, a, judge="labels", scores=[value("faithfulness", 0.1)])
    assert await scores_of(catalog, run) == [
        (0, "faithfulness", "labels", "draft", 0.1, None),
        (0, "faithfulness", "local-1", "draft", 0.75, None),
        (0, "faithfulness", "local-1", "shown", 0.5, None),
    ]


async def test_another_answer_drops_what_was_scored_of_the_first_and_the_same_one_does_not(catalog: Catalog):
    run = await run_of(catalog)
    a, *_ = await case_ids(catalog, run)
    first, second = [await asked(catalog, run_id=run.id) for _ in range(2)]
    runs = catalog.evaluation_runs
    await runs.note_answer(run.id, a, turn_id=first)
    await runs.note_scores(run.id, a, judge="labels", scores=[value("answer_f1", 0.5)])
    await runs.note_answer(run.id, a, turn_id=first)
    assert len(await scores_of(catalog, run)) == 1
    await runs.note_answer(run.id, a, turn_id=second)
    assert await scores_of(catalog, run) == []
    ((answer),) = await runs.answers(run.id, caller=ANN)
    assert (answer.turn_id, answer.judges) == (second, frozenset())


async def test_scores_of_an_answer_that_was_replaced_are_refused(catalog: Catalog):
    run = await run_of(catalog, draft("a"))
    (case,) = await catalog.evaluation_sets.cases(run.set_id, caller=ANN)
    first, second = await asked(catalog), await asked(catalog)
    await catalog.evaluation_runs.note_answer(run.id, case.id, turn_id=first)
    await catalog.evaluation_runs.note_answer(run.id, case.id, turn_id=second)
    with pytest.raises(Conflict, match="Another answer"):
        await catalog.evaluation_runs.note_scores(run.id, case.id, judge="j", scores=[value("m", 1.0)], turn_id=first)
    await catalog.evaluation_runs.note_scores(run.id, case.id, judge="j", scores=[value("m", 0.5)], turn_id=second)
    assert [(score.value, score.turn_id) async for score in catalog.evaluation_runs.each_score(run.id, caller=ANN)] == [(0.5, second)]


async def test_what_does_not_belong_to_the_run_is_refused(catalog: Catalog):
    run = await run_of(catalog)
    other = await imported(catalog, draft("x"), name="other")
    ((foreign),) = await catalog.evaluation_sets.cases(other.set.id, caller=ANN)
    a, *_ = await case_ids(catalog, run)
    with pytest.raises(NotFound, match="case"):
        await catalog.evaluation_runs.note_answer(run.id, foreign.id, error_code="x")
    with pytest.raises(NotFound, match="No answer"):
        await catalog.evaluation_runs.note_scores(run.id, a, judge="labels", scores=[value("answer_f1", 0.5)])
    with pytest.raises(NotFound, match="run"):
        await catalog.evaluation_runs.note_answer("run_none", a, error_code="x")


@pytest.mark.parametrize("of", [float("nan"), float("inf"), None])
def test_a_score_is_a_number_or_a_failure(of: float | None):
    with pytest.raises(ValueError, match="failure"):
        CaseScoreDraft(metric="faithfulness", target="draft", value=of)
    with pytest.raises(ValueError, match="either"):
        CaseScoreDraft(metric="faithfulness", target="draft", value=1, failure_code="x")


# ------------------------------------------------------------------------------------------------------------------ the way of a run


async def test_a_run_goes_from_queued_to_completed_with_its_counts(catalog: Catalog):
    run = await run_of(catalog)
    a, *_ = await case_ids(catalog, run)
    runs = catalog.evaluation_runs
    assert (run.state, run.counts, run.finished_at) == (RunState.QUEUED, RunCounts(), None)
    started = await runs.start(run.id, job_id="job_1")
    assert (started.state, await runs.by_job("job_1")) == (RunState.RUNNING, started)
    assert (await runs.start(run.id)).job_id == "job_1", "one that was cut off starts again"
    await runs.note_answer(run.id, a, error_code="x")
    finished = await runs.finish(run.id)
    assert (finished.state, finished.counts) == (RunState.COMPLETED, RunCounts(cases=3, errors=1))
    assert finished.finished_at is not None
    assert await runs.get(run.id, caller=ANN) == await runs.by_id(run.id) == finished
    for late in (
        runs.start(run.id),
        runs.finish(run.id),
        runs.cancel(run.id, caller=ANN),
        runs.note_answer(run.id, a, turn_id="turn_1"),
        runs.note_scores(run.id, a, judge="labels", scores=[]),
    ):
        with pytest.raises(Conflict, match="completed"):
            await late


async def test_a_run_that_failed_says_why_and_one_that_was_cancelled_stays_so(catalog: Catalog):
    runs = catalog.evaluation_runs
    failed = await runs.finish((await run_of(catalog)).id, error_code="model_unavailable")
    assert (failed.state, failed.error_code) == (RunState.FAILED, "model_unavailable")
    run = await run_of(catalog)
    with pytest.raises(NotFound):
        await runs.cancel(run.id, caller=BEN)
    cancelled = await runs.cancel(run.id, caller=ANN)
    assert (cancelled.state, cancelled.counts.cases) == (RunState.CANCELLED, 3)
    assert await runs.cancel(run.id, caller=ANN) == cancelled
    with pytest.raises(Conflict, match="cancelled"):
        await runs.finish(run.id)


async def test_a_run_that_was_cancelled_has_no_report_whichever_came_first(catalog: Catalog):
    before, after = await run_of(catalog), await run_of(catalog)
    await catalog.reports.store(before.id, {"n": 1})
    for run in (before, after):
        await catalog.evaluation_runs.cancel(run.id, caller=ANN)
    with pytest.raises(Conflict):
        await catalog.reports.store(after.id, {"n": 1})
    assert [await catalog.reports.of_run(run.id, caller=ANN) for run in (before, after)] == [None, None]


async def test_runs_that_are_not_finished_are_known_oldest_first(catalog: Catalog):
    made = [await run_of(catalog, by=by) for by in (ANN, BEN, ANN, ANN, ANN)]
    runs = catalog.evaluation_runs
    await runs.start(made[1].id)
    await runs.finish(made[2].id)
    await runs.cancel(made[3].id, caller=ANN)
    await runs.finish(made[4].id, error_code="x")
    assert await runs.unfinished() == (made[0].id, made[1].id)


@pytest.mark.parametrize("another", ["another", None])
async def test_a_worker_that_lost_its_run_writes_nothing(catalog: Catalog, another: str | None):
    run = await run_of(catalog)
    a, *_ = await case_ids(catalog, run)
    name = lease_of_run(run.id)
    lease = HeldLease(name=name, holder="a worker")
    await catalog.leases.take(name, holder=lease.holder, ttl_s=0)
    runs = catalog.evaluation_runs
    await runs.start(run.id, lease=lease)
    await runs.note_answer(run.id, a, turn_id=await asked(catalog, run_id=run.id), lease=lease)
    before = (await runs.by_id(run.id), await runs.answers(run.id, caller=ANN))
    await catalog.leases.let_go(name, holder=lease.holder)
    if another is not None:
        await catalog.leases.take(name, holder=another, ttl_s=60)
    for late in (
        runs.start(run.id, lease=lease),
        runs.note_answer(run.id, a, error_code="x", lease=lease),
        runs.note_scores(run.id, a, judge="labels", scores=[value("answer_f1", 1)], lease=lease),
        runs.finish(run.id, lease=lease),
        runs.finish(run.id, error_code="x", lease=lease),
        catalog.reports.store(run.id, {}, lease=lease),
    ):
        with pytest.raises(LeaseLost):
            await late
    assert (await runs.by_id(run.id), await runs.answers(run.id, caller=ANN)) == before
    assert await scores_of(catalog, run) == []
    assert await catalog.reports.of_run(run.id, caller=ANN) is None


async def test_tombstones_are_counted_apart(catalog: Catalog):
    file = await upload(catalog)
    await attach(catalog, await collection(catalog), file)
    run = await run_of(catalog, draft("a", "tides.txt"), draft("b"))
    await erase(catalog, file)
    assert await catalog.evaluation_runs.counts(run.id, caller=ANN) == RunCounts(cases=1, tombstones=1)


# ------------------------------------------------------------------------------------------------------------------- turns of a run


async def test_a_run_goes_with_its_turns_scores_and_report_and_leaves_those_of_others(catalog: Catalog):
    kept, run = await run_of(catalog), await run_of(catalog)
    a, *_ = await case_ids(catalog, run)
    live, of_kept = await asked(catalog), await asked(catalog, run_id=kept.id)
    turn_id = await asked(catalog, run_id=run.id)
    assert (await catalog.turns.get(turn_id, caller=ANN)).run_id == run.id
    runs = catalog.evaluation_runs
    for each, turn in ((kept, of_kept), (run, turn_id)):
        await runs.note_answer(each.id, a, turn_id=turn)
        await runs.note_scores(each.id, a, judge="labels", scores=[value("answer_f1", 0.5)])
        await catalog.reports.store(each.id, {})
    with pytest.raises(Conflict, match="under way"):
        await runs.delete(run.id, caller=ANN)
    await runs.finish(run.id)
    with pytest.raises(NotFound):
        await runs.delete(run.id, caller=BEN)
    await runs.delete(run.id, caller=ANN)
    async with catalog.database.read() as session:
        turns = set(await session.scalars(select(schema.Turn.id)))
        of_runs = [set(await session.scalars(select(table.run_id))) for table in (schema.RunAnswer, schema.CaseScore, schema.Report)]
    assert turns == {live, of_kept}
    assert of_runs == [{kept.id}] * 3
    with pytest.raises(NotFound, match="run"):
        await asked(catalog, run_id=run.id)


# ------------------------------------------------------------------------------------------------------------------------------ access


async def test_a_run_needs_a_set_and_a_release_that_its_owner_may_read(catalog: Catalog):
    run = await run_of(catalog)
    create = catalog.evaluation_runs.create
    for wrong in (
        {"set_id": run.set_id, "release_id": run.release_id, "caller": BEN},
        {"set_id": "set_none", "release_id": run.release_id, "caller": ANN},
        {"set_id": run.set_id, "release_id": "rel_none", "caller": ANN},
    ):
        with pytest.raises(NotFound):
            await create(**wrong)
    async with catalog.database.write() as session:
        await session.execute(update(schema.Release).values(principals=["owner:ben"]))
    with pytest.raises(NotFound, match="release"):
        await create(set_id=run.set_id, release_id=run.release_id, caller=ANN)


async def test_a_run_is_its_owners_alone_until_somebody_is_named(catalog: Catalog):
    run = await run_of(catalog)
    shared = await catalog.evaluation_runs.create(
        set_id=run.set_id, release_id=run.release_id, caller=ANN, principals=["group:team"], configuration={"metrics": ["recall@5"]}
    )
    team, nothing = caller("cleo", "group:team"), replace(ANN, principals=frozenset())
    runs = catalog.evaluation_runs
    for stranger in (BEN, team, nothing):
        for read in (
            runs.get(run.id, caller=stranger),
            runs.answers(run.id, caller=stranger),
            runs.scores_page(run.id, caller=stranger),
            runs.counts(run.id, caller=stranger),
        ):
            with pytest.raises(NotFound):
                await read
    assert [each.id for each in (await runs.list(caller=team, paging=Paging())).items] == [shared.id]
    assert (await runs.get(shared.id, caller=team)).configuration == {"metrics": ["recall@5"]}
    assert (await runs.list(caller=nothing, paging=Paging())).items == ()
    assert {each.id for each in (await runs.list(caller=ANN, paging=Paging(), set_name="tides")).items} == {run.id, shared.id}
    assert (await runs.list(caller=ANN, paging=Paging(), set_name="moon")).items == ()


# ----------------------------------------------------------------------------------------------------------------------------- reports


async def test_reports_come_newest_first_and_know_those_before_them(catalog: Catalog):
    reports = []
    for n in range(4):
        run = await run_of(catalog, draft(str(n // 2)), model=f"model-{n}")
        reports.append(await catalog.reports.store(run.id, {"n": n}))
    await catalog.reports.store((await run_of(catalog, name="moon")).id, {"n": "moon"})
    await catalog.reports.store((await run_of(catalog, by=BEN)).id, {"n": "ben"})
    bodies = [report.body["n"] for report in reports]
    assert bodies == [0, 1, 2, 3]
    by_id = sorted(reports, key=lambda report: report.id)
    last = by_id[-1]
    wanted = {"is_alike": lambda _: True, "limit": 9}
    before = await catalog.reports.previous(reports[-1].run_id, caller=ANN, **wanted)
    assert sorted(report.body["n"] for report in before) == [0, 1, 2], "of another version and release too"
    assert await catalog.reports.previous(reports[0].run_id, caller=ANN, **wanted) == ()
    page = await catalog.reports.list(caller=ANN, paging=Paging(limit=3), set_name="tides")
    assert (page.items, page.has_more) == (tuple(reversed(by_id[1:])), True)
    assert len((await catalog.reports.list(caller=ANN, paging=Paging())).items) == 5
    with pytest.raises(NotFound):
        await catalog.reports.get(last.id, caller=BEN)
    with pytest.raises(NotFound):
        await catalog.reports.previous(last.run_id, caller=BEN, **wanted)


async def test_the_reports_before_are_those_of_runs_alike_however_many_others_came_between(catalog: Catalog):
    made = await imported(catalog)
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    reports = []
    for n in range(9):
        run = await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=ANN, configuration={"n": n})
        reports.append(await catalog.reports.store(run.id, {"n": n}))
    found = await catalog.reports.previous(reports[-1].run_id, caller=ANN, is_alike=lambda asked: asked["n"] in (0, 1, 8), limit=2)
    assert found == tuple(sorted(reports[:2], key=lambda report: report.id, reverse=True)), "not itself, and in spite of six others"
    (newest,) = await catalog.reports.previous(reports[-1].run_id, caller=ANN, is_alike=lambda asked: asked["n"] < 2, limit=1)
    assert newest == found[0]


async def test_a_run_has_one_report_which_may_be_made_again(catalog: Catalog):
    run = await run_of(catalog)
    assert await catalog.reports.of_run(run.id, caller=ANN) is None
    first = await catalog.reports.store(run.id, {"mean": 0.5})
    again = await catalog.reports.store(run.id, {"mean": 0.75})
    assert (again.id, again.body, again.principals) == (first.id, {"mean": 0.75}, run.principals)
    assert await catalog.reports.of_run(run.id, caller=ANN) == await catalog.reports.get(first.id, caller=ANN) == again
    assert await catalog.reports.of_run(run.id, caller=BEN) is None
    with pytest.raises(NotFound):
        await catalog.reports.store("run_none", {})
