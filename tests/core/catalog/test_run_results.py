"""What runs came to, told by the database: the same as is told of each case by itself, and without reading the cases."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseScoreDraft, CaseScoreRecord, RunAnswerRecord, RunRecord, RunTally
from footnote.core.catalog.paging import Paging
from footnote.core.errors import NotFound
from serving.api.eval_criteria import Criterion, outcome_of, results_of
from tests.core.catalog.counting import STATEMENTS, counted
from tests.core.catalog.evaluation_story import asked, draft, failure, run_of, value
from tests.core.catalog.story import ANN, BEN

JUDGES = ("labels", "local-1", "Local-1", "ragas:b", "ragas:B", "counts")


def criterion(metric: str, **more: Any) -> Criterion:
    fields: dict[str, Any] = {"type": "footnote", "target": "draft", "judge": None, "threshold": 0.5, "lower_is_better": False}
    return Criterion(**{"name": metric, "metric": metric, **fields, **more})


CRITERIA = (
    criterion("faithfulness"),
    criterion("faithfulness", name="by one judge", judge="local-1", threshold=0.8),
    criterion("citations", target="shown"),
    criterion("latency_ms", target="turn", lower_is_better=True, threshold=0.3),
    criterion("nothing"),
)
MARKS = [each.mark for each in CRITERIA]


def scores(rng: random.Random) -> list[CaseScoreDraft]:
    """Some scores of one judge."""
    wanted = [("faithfulness", "draft"), ("faithfulness", "shown"), ("citations", "shown"), ("latency_ms", "turn")]
    wanted += [("prompt_tokens", "turn"), ("completion_tokens", "turn")]
    made: list[CaseScoreDraft] = []
    for metric, target in wanted:
        if rng.random() < 0.2:
            continue
        figure = float(rng.randrange(500)) if metric.endswith("tokens") else rng.choice((0.0, 0.3, 0.5, 0.8, 1.0))
        made.append(failure(metric, "judge_failed", target=target) if rng.random() < 0.1 else value(metric, figure, target=target))
    return made


async def scored_run(catalog: Catalog, n_cases: int, *, seed: int = 0, **more: Any) -> RunRecord:
    """Begin a run and score it at random: most cases are answered, some not, some are not asked yet."""
    rng = random.Random(seed)
    run = await run_of(catalog, *(draft(f"case {n:03}") for n in range(n_cases)), **more)
    for case in await catalog.evaluation_sets.cases(run.set_id, caller=ANN):
        fate = rng.random()
        if fate < 0.1:
            continue
        answered = {"error_code": "GenerationTimeout"} if fate < 0.2 else {"turn_id": await asked(catalog, run_id=run.id)}
        await catalog.evaluation_runs.note_answer(run.id, case.id, **answered)
        for judge in rng.sample(JUDGES, rng.randrange(4)):
            await catalog.evaluation_runs.note_scores(run.id, case.id, judge=judge, scores=scores(rng))
    return run


def tally_of(answers: Sequence[RunAnswerRecord], by_case: Mapping[str, list[CaseScoreRecord]]) -> RunTally:
    """Count case by case."""
    results = {answer.case_id: results_of(CRITERIA, by_case.get(answer.case_id, [])) for answer in answers}
    outcomes = outcomes_of(answers, by_case)
    found = [[each.outcome for of_case in results.values() for each in of_case if each.criterion == mark] for mark in CRITERIA]
    prompt, completion = (
        sum(
            next((int(each.value) for each in of_case if each.metric == metric and each.value is not None), 0)
            for of_case in by_case.values()
        )
        for metric in ("prompt_tokens", "completion_tokens")
    )
    told = list(outcomes.values())
    return RunTally(
        n_passed=told.count("pass"),
        n_failed=told.count("fail"),
        n_errors=told.count("error"),
        n_answered=sum(answer.turn_id is not None for answer in answers),
        by_mark=tuple((each.count("pass"), each.count("fail")) for each in found),
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def outcomes_of(answers: Sequence[RunAnswerRecord], by_case: Mapping[str, list[CaseScoreRecord]]) -> dict[str, str]:
    return {
        answer.case_id: outcome_of(results_of(CRITERIA, by_case.get(answer.case_id, [])), is_answered=answer.turn_id is not None)
        for answer in answers
    }


async def whole(catalog: Catalog, run: RunRecord) -> tuple[Sequence[RunAnswerRecord], dict[str, list[CaseScoreRecord]]]:
    """Return all answers and scores of a run."""
    by_case: dict[str, list[CaseScoreRecord]] = {}
    async for score in catalog.evaluation_runs.each_score(run.id, caller=ANN):
        by_case.setdefault(score.case_id, []).append(score)
    return await catalog.evaluation_runs.answers(run.id, caller=ANN), by_case


@pytest.mark.parametrize("seed", range(3))
async def test_a_tally_is_what_the_cases_say_one_by_one(catalog: Catalog, seed: int) -> None:
    runs = [await scored_run(catalog, 40, seed=seed), await scored_run(catalog, 7, seed=seed + 10)]
    found = await catalog.run_results.tallies([run.id for run in runs], marks=MARKS, caller=ANN)
    wanted = {run.id: tally_of(*await whole(catalog, run)) for run in runs}
    assert found == wanted
    assert all(min(tally.n_passed, tally.n_failed, tally.n_errors) > 0 for tally in [wanted[runs[0].id]]), "of each kind there is one"
    assert any(passed and failed for passed, failed in wanted[runs[0].id].by_mark)


async def test_a_run_without_answers_has_a_tally_and_somebody_elses_has_none(catalog: Catalog) -> None:
    run, other = await run_of(catalog), await run_of(catalog, by=BEN)
    await catalog.reports.store(run.id, {})
    (found,) = (await catalog.run_results.tallies([run.id, other.id], marks=MARKS, caller=ANN)).items()
    report = await catalog.reports.of_run(run.id, caller=ANN)
    assert report is not None
    assert found == (run.id, RunTally(by_mark=((0, 0),) * len(MARKS), report_id=report.id))


async def test_a_page_of_runs_is_read_by_as_many_statements_as_one_and_without_their_cases(catalog: Catalog) -> None:
    runs = [await scored_run(catalog, 6, seed=seed) for seed in range(4)]
    costs: list[int] = []
    for n in (1, 4):
        with counted(catalog) as counts:
            await catalog.run_results.tallies([run.id for run in runs[:n]], marks=MARKS, caller=ANN)
        assert set(counts) == {STATEMENTS}, "no row of an answer, a score or a case is read"
        costs.append(counts[STATEMENTS])
    assert costs == [3, 3]


@pytest.mark.parametrize("outcome", [None, "pass", "fail", "error"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_answers_are_the_answers_in_order(catalog: Catalog, outcome: Any, order: Any) -> None:
    run = await scored_run(catalog, 40)
    answers, by_case = await whole(catalog, run)
    told = outcomes_of(answers, by_case)
    wanted = [answer for answer in answers if outcome in (None, told[answer.case_id])]
    found: list[RunAnswerRecord] = []
    after: str | None = None
    while True:
        paging = Paging(limit=3, order=order, after=after)
        with counted(catalog) as counts:
            page = await catalog.run_results.answers_page(run.id, paging=paging, caller=ANN, marks=MARKS, outcome=outcome)
        assert (counts["run_answers"] <= 4, counts["case_scores"], counts["evaluation_cases"]) == (True, 0, 0)
        found += page.items
        if not page.has_more:
            break
        after = page.items[-1].case_id
    assert found == (wanted if order == "asc" else wanted[::-1])
    assert len(found) > 1


async def test_pages_after_a_place_an_answer_and_the_scores_of_a_page(catalog: Catalog) -> None:
    run = await scored_run(catalog, 20)
    answers, by_case = await whole(catalog, run)
    results = catalog.run_results
    page = await results.answers_after(run.id, answers[3].ordinal, limit=5, caller=ANN)
    assert (page.items, page.has_more) == (tuple(answers[4:9]), True)
    assert not (await results.answers_after(run.id, answers[-6].ordinal, limit=5, caller=ANN)).has_more
    assert await results.answer(run.id, answers[2].case_id, caller=ANN) == answers[2]
    ids = [answer.case_id for answer in page.items]
    assert await results.scores_of(run.id, ids, caller=ANN) == {each: tuple(by_case[each]) for each in ids if each in by_case}
    assert await results.answers_page(run.id, paging=Paging(after="case_none"), caller=ANN) == type(page)(items=(), has_more=False)
    with pytest.raises(NotFound):
        await results.answer(run.id, "case_none", caller=ANN)


async def test_nobody_else_reads_what_a_run_came_to(catalog: Catalog) -> None:
    run = await scored_run(catalog, 5)
    answers, _ = await whole(catalog, run)
    for reading in (
        catalog.run_results.answers_page(run.id, paging=Paging(), caller=BEN),
        catalog.run_results.answers_after(run.id, -1, limit=5, caller=BEN),
        catalog.run_results.answer(run.id, answers[0].case_id, caller=BEN),
        catalog.run_results.scores_of(run.id, [answers[0].case_id], caller=BEN),
    ):
        with pytest.raises(NotFound):
            await reading


async def test_pages_of_cases_and_chosen_cases_are_the_cases_of_the_set(catalog: Catalog) -> None:
    run = await run_of(catalog, *(draft(f"case {n}", "tides.txt") for n in range(7)))
    sets = catalog.evaluation_sets
    cases = await sets.cases(run.set_id, caller=ANN)
    first = await sets.cases_page(run.set_id, caller=ANN, limit=4)
    assert (first.items, first.has_more) == (cases[:4], True)
    assert await sets.cases_page(run.set_id, caller=ANN, limit=4, after="case_none") == first
    with counted(catalog) as counts:
        rest = await sets.cases_page(run.set_id, caller=ANN, limit=3, after=cases[3].id)
        assert await sets.cases(run.set_id, caller=ANN, of=[cases[5].id, cases[2].id, "case_none"]) == (cases[2], cases[5])
    assert (rest.items, rest.has_more, counts["evaluation_cases"]) == (cases[4:], False, 5)
    for reading in (sets.cases_page(run.set_id, caller=BEN, limit=1), sets.cases(run.set_id, caller=BEN, of=[cases[0].id])):
        with pytest.raises(NotFound):
            await reading
