"""Reports from the catalog's rows: what they compare with, and what a reader gets to see of the cases."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evaluation.label_metrics import LabelScorer
from evaluation.report import findings
from evaluation.report.body import ReportBody, body_from_json
from evaluation.report.rendering.texts import CaseTexts, Missing
from evaluation.report_texts import questions_of, texts_of
from evaluation.reporting import N_TREND, Reporter
from evaluation.running import RunConfiguration
from evaluation.scores import Scorer
from evaluation.sets import case_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, CaseRecord, CaseScoreDraft, RunRecord, SetKind
from footnote.core.types import Caller, Message, StoredPassage
from retrieval.embedder.port import Embedder
from tests.core.catalog.counting import STATEMENTS, counted
from tests.core.catalog.evaluation_story import asked, failure, imported, value
from tests.core.catalog.story import ANN, BEN, attach, build, claim, collection, erase, upload

NO_EMBEDDER = cast("Embedder", None)  # written questions are the same each night: nobody asks for their vectors


def case(key: str, *documents: str) -> CaseDraft:
    gold = [{"document": document, "quote": "at six"} for document in documents]
    labels = {"id": key, "question": f"When is {key}?", "answerable": True, "reference_answer": "At six.", "answers": ["six"], "gold": gold}
    return CaseDraft(key=key, labels=labels, documents=documents)


def missing_scores(record: CaseRecord) -> list[CaseScoreDraft]:
    scores = LabelScorer().missing(case_of(record), "answer_failed")
    return [CaseScoreDraft(score.metric, score.target, score.value, score.failure_code) for score in scores]


async def run_over(
    catalog: Catalog, found: dict[str, float | None], *, by: Caller = ANN, passages: tuple[StoredPassage, ...] = (), **more: Any
) -> RunRecord:
    """Do a run over cases whose answers were found, or not; None where nothing answered."""
    made = more.get("made") or await imported(catalog, *(more.get("cases") or [case(key) for key in found]), by=by)
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    asks = RunConfiguration(**{"principals": tuple(sorted(by.principals)), **more.get("asks", {})})
    run = await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=by, configuration=asks.as_json())
    for record in await catalog.evaluation_sets.cases(made.set.id, caller=by):
        figure = found[record.key]
        if figure is None:
            await catalog.evaluation_runs.note_answer(run.id, record.id, error_code="GenerationTimeout")
            await catalog.evaluation_runs.note_scores(run.id, record.id, judge="labels", scores=missing_scores(record))
            continue
        turn_id = await asked(catalog, by=by, verdicts="su", run_id=run.id, passages=passages)
        await catalog.evaluation_runs.note_answer(run.id, record.id, turn_id=turn_id)
        scores = [value("answer_found", figure), value("recall@10", 1.0, target="turn"), failure("citations", "answer_erased")]
        await catalog.evaluation_runs.note_scores(run.id, record.id, judge="labels", scores=scores)
    return run


def reporter(catalog: Catalog) -> Reporter:
    without = cast("Scorer", SimpleNamespace(metrics=("answer_found",), not_measured={"answer_relevancy": "needs_language_model"}))
    return Reporter(catalog=catalog, embedder=NO_EMBEDDER, scorers=[without], judges=())


async def body_of(catalog: Catalog, run: RunRecord) -> ReportBody:
    return body_from_json((await reporter(catalog).report(run.id)).body)


async def test_a_report_says_what_was_scored_what_failed_and_what_nobody_measures(catalog: Catalog) -> None:
    body = await body_of(catalog, await run_over(catalog, {"ebb": 1.0, "flood": 0.0, "slack": None}))
    assert (body.run.n_cases, body.run.n_unanswered_cases, body.run.set_number) == (3, 1, 1)
    found = body.scores["answer_found"]
    assert (found.mean, found.scored, found.total) == (0.5, 2, 3), "what was not answered is missing, and counted"
    assert [len(case_ids) for case_ids in found.failures.values()] == [1]
    assert (body.scores["citations"].mean, body.scores["citations"].n_failures) == (None, 2)
    assert body.scores["answer_relevancy"].reason == "needs_language_model"
    assert body.comparison is None


async def test_the_run_before_is_compared_case_by_case_also_over_versions_of_the_set(catalog: Catalog) -> None:
    keys = [f"tide {n}" for n in range(12)]
    before = await run_over(catalog, dict.fromkeys(keys, 1.0))
    await reporter(catalog).report(before.id)
    strangers = await run_over(catalog, dict.fromkeys(keys, 0.5), by=BEN)
    await reporter(catalog).report(strangers.id)
    body = await body_of(catalog, await run_over(catalog, {**dict.fromkeys(keys, 0.0), "new": 0.0}))
    assert body.comparison is not None
    assert (body.run.set_number, body.comparison.run_id) == (2, before.id), "somebody else's set of the same name is another"
    moved = next(each for each in body.comparison.differences if each.metric == "answer_found")
    assert (moved.n, moved.difference, moved.is_worse) == (12, -1.0, True)


async def test_a_report_of_many_cases_costs_no_more_statements_than_one_of_few(catalog: Catalog) -> None:
    costs: list[int] = []
    for by, n_cases in ((ANN, 2), (BEN, 30)):
        run = await run_over(catalog, {f"tide {n}": 1.0 for n in range(n_cases)}, by=by)
        with counted(catalog) as counts:
            assert (await body_of(catalog, run)).run.n_cases == n_cases
        costs.append(counts[STATEMENTS])
    assert costs[0] == costs[1]


async def test_an_earlier_report_that_cannot_be_read_costs_no_later_one(catalog: Catalog) -> None:
    first = await run_over(catalog, {"ebb": 1.0})
    await reporter(catalog).report(first.id)
    broken = await run_over(catalog, {"ebb": 1.0})
    await catalog.reports.store(broken.id, {"format": "of another time"})
    body = await body_of(catalog, await run_over(catalog, {"ebb": 1.0}))
    assert body.comparison is not None
    assert body.comparison.run_id == first.id


async def test_a_report_made_again_takes_the_place_of_the_first(catalog: Catalog) -> None:
    run = await run_over(catalog, {"ebb": 1.0})
    first, again = [await reporter(catalog).report(run.id) for _ in range(2)]
    assert again.id == first.id
    assert body_from_json(again.body).comparison is None, "a run is not compared with itself"


async def test_a_reader_sees_questions_drafts_claims_and_no_other_readers_text(catalog: Catalog) -> None:
    body = await body_of(catalog, await run_over(catalog, {"ebb": 0.0, "flood": None}))
    texts = await texts_of(catalog, body, caller=ANN)
    answered = next(each for each in texts.values() if isinstance(each, CaseTexts) and each.question == "When is ebb?")
    assert (answered.draft, answered.expected, [claim.text for claim in answered.claims]) == ("At six [1].", "At six.", ["A", "t"])
    silent = next(each for each in texts.values() if isinstance(each, CaseTexts) and each.question == "When is flood?")
    assert (silent.draft, silent.passages) == ("", ())
    assert set((await texts_of(catalog, body, caller=BEN)).values()) == {Missing.FORBIDDEN}
    assert await questions_of(catalog, body, caller=BEN) == {}


async def test_the_texts_of_a_page_cost_no_more_statements_where_more_cases_failed(catalog: Catalog) -> None:
    costs: list[int] = []
    for by, n_cases in ((ANN, 20), (BEN, 60)):
        body = await body_of(catalog, await run_over(catalog, {f"tide {n}": 0.0 for n in range(n_cases)}, by=by))
        with counted(catalog) as counts:
            texts = await texts_of(catalog, body, caller=by)
        costs.append(counts[STATEMENTS])
        found = [each for each in texts.values() if isinstance(each, CaseTexts)]
        assert {each.question for each in found} == {f"When is tide {n}?" for n in range(n_cases)}
        assert sum(bool(each.draft) for each in found) == len(body.worst_cases) < n_cases
    assert costs[0] == costs[1]


async def test_what_may_be_read_of_the_set_alone_is_no_right_to_the_answers(catalog: Catalog) -> None:
    run = await run_over(catalog, {"ebb": 0.0})
    await imported(catalog, case("ebb"), principals=["owner:ben"])
    body = await body_of(catalog, run)
    assert list((await questions_of(catalog, body, caller=BEN)).values()) == ["When is ebb?"]
    assert list((await texts_of(catalog, body, caller=BEN)).values()) == [CaseTexts("When is ebb?", expected="At six.")]


async def test_an_answer_from_what_its_reader_may_not_read_any_more_is_not_shown(catalog: Catalog) -> None:
    sea = await collection(catalog, BEN)
    held = await attach(catalog, sea, await upload(catalog, BEN), BEN)
    version_id = await build(catalog, *await claim(catalog), text="Tides follow the moon.")
    passage = StoredPassage(n=1, attachment_id=held.id, version_id=version_id, chunk_ids=(), start=0, end=22, score=1.0, similarity=0.9)
    body = await body_of(catalog, await run_over(catalog, {"ebb": 0.0}, passages=(passage,)))
    assert list((await texts_of(catalog, body, caller=ANN)).values()) == [Missing.FORBIDDEN]


@pytest.mark.parametrize("kind", ["first question", "no passages", "follow-up"])
async def test_who_runs_the_server_sees_no_answer_of_others_that_may_rest_on_more_than_its_passages(catalog: Catalog, kind: str) -> None:
    held = await attach(catalog, await collection(catalog, BEN, "everyone"), await upload(catalog, BEN), BEN)
    version_id = await build(catalog, *await claim(catalog), text="Tides follow the moon.")
    passage = StoredPassage(n=1, attachment_id=held.id, version_id=version_id, chunk_ids=(), start=0, end=22, score=1.0, similarity=0.9)
    dialogue = (Message(role="user", content="When is the settlement due?"),) if kind == "follow-up" else ()
    turn_id = await asked(catalog, by=BEN, passages=() if kind == "no passages" else (passage,), history=dialogue)
    operator = replace(ANN, is_operator=True)
    live = await imported(catalog, replace(case("ebb"), turn_id=turn_id), by=operator)
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    asks = RunConfiguration(principals=tuple(sorted(ANN.principals)))
    run = await catalog.evaluation_runs.create(set_id=live.set.id, release_id=release.id, caller=operator, configuration=asks.as_json())
    (record,) = await catalog.evaluation_sets.cases(live.set.id, caller=operator)
    await catalog.evaluation_runs.note_answer(run.id, record.id, turn_id=turn_id)
    await catalog.evaluation_runs.note_scores(run.id, record.id, judge="labels", scores=[value("answer_found", 0.0)])
    (found,) = (await texts_of(catalog, await body_of(catalog, run), caller=operator)).values()
    if kind == "first question":
        assert isinstance(found, CaseTexts)
        assert [each.text for each in found.passages] == ["Tides follow the moon."]
    else:
        assert found is Missing.FORBIDDEN


async def test_an_answer_that_its_reader_might_not_read_stays_hidden_when_its_document_is_replaced_or_detached(catalog: Catalog) -> None:
    file = await upload(catalog, BEN)
    held = await attach(catalog, await collection(catalog, BEN), file, BEN)
    version_id = await build(catalog, *await claim(catalog), text="Tides follow the moon.")
    passage = StoredPassage(n=1, attachment_id=held.id, version_id=version_id, chunk_ids=(), start=0, end=22, score=1.0, similarity=0.9)
    body = await body_of(catalog, await run_over(catalog, {"ebb": 0.0}, passages=(passage,)))
    await catalog.attachments.detach(held.collection_id, file.id, caller=BEN)
    assert await catalog.passages.of([passage], caller=None) == ()
    assert list((await texts_of(catalog, body, caller=ANN)).values()) == [Missing.FORBIDDEN]


async def test_what_was_erased_is_said_to_be(catalog: Catalog) -> None:
    file = await upload(catalog, filename="tides.txt")
    await attach(catalog, await collection(catalog), file)
    await build(catalog, *await claim(catalog), text="Tides follow the moon.")
    run = await run_over(catalog, {"ebb": 0.0, "flood": 0.0}, cases=[case("ebb", "tides.txt"), case("flood")])
    body = await body_of(catalog, run)
    assert len(body.text_ids()) == 2
    await erase(catalog, file)
    texts = await texts_of(catalog, body, caller=ANN)
    assert sorted(type(each).__name__ for each in texts.values()) == ["CaseTexts", "Missing"]
    assert Missing.ERASED in texts.values()


ERRED = {"error_code": "generation_failed", "draft": "", "shown": ""}
STOPPED = {"finish_reason": "cancelled", "draft": ""}


@pytest.mark.parametrize(("lost", "n_errors"), [(None, 12), (ERRED, 12), (STOPPED, 0)])
async def test_an_answer_that_was_not_given_is_neither_one_that_declines_nor_one_that_does_not(
    catalog: Catalog, lost: dict[str, Any] | None, n_errors: int
) -> None:
    cases = [replace(each, labels={**each.labels, "answerable": False}) for each in (case(f"tide {n}") for n in range(12))]
    run = await begun(catalog, *cases)
    for record in await catalog.evaluation_sets.cases(run.set_id, caller=ANN):
        turn_id = None if lost is None else await asked(catalog, run_id=run.id, **lost)
        error = "GenerationTimeout" if turn_id is None else None
        await catalog.evaluation_runs.note_answer(run.id, record.id, turn_id=turn_id, error_code=error)
    body = await body_of(catalog, run)
    assert body.run.n_unanswered_cases == n_errors
    assert [finding.code for finding in body.findings] == [findings.ANSWERS_FAILED] * bool(n_errors)
    assert body.unanswered == ()


async def begun(catalog: Catalog, *cases: CaseDraft, by: Caller = ANN, kind: SetKind = SetKind.GOLDEN, **asks: Any) -> RunRecord:
    made = await imported(catalog, *cases, by=by, kind=kind)
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    configuration = RunConfiguration(principals=tuple(sorted(by.principals)), **asks).as_json()
    return await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=by, configuration=configuration)


async def live_run(
    catalog: Catalog,
    n_per_kind: dict[str, int],
    *,
    judge: str = "labels",
    figure: float = 1.0,
    set_kind: SetKind = SetKind.LIVE,
    **more: Any,
) -> RunRecord:
    """Do a run over live turns, so many of each stratum; the turns that were looked for found nothing and are not faithful."""
    cases: list[CaseDraft] = []
    for kind, n_turns in n_per_kind.items():
        for n in range(n_turns):
            abstained: dict[str, Any] = {} if kind == "random" else {"abstained": True, "prompt": (), "draft": ""}
            turn_id = await asked(catalog, **abstained)
            cases.append(CaseDraft(key=turn_id, labels={"id": turn_id, "question": f"{kind} {n}?", "kind": kind}, turn_id=turn_id))
    run = await begun(catalog, *cases, kind=set_kind, **more)
    for record in await catalog.evaluation_sets.cases(run.set_id, caller=ANN):
        await catalog.evaluation_runs.note_answer(run.id, record.id, turn_id=record.turn_id)
        told = value("faithfulness", figure if record.labels["kind"] == "random" else 0.0)
        await catalog.evaluation_runs.note_scores(run.id, record.id, judge=judge, scores=[told])
    return run


async def test_live_means_and_drift_are_over_the_turns_drawn_at_random(catalog: Catalog, embedder: Embedder) -> None:
    made = Reporter(catalog=catalog, embedder=embedder, scorers=(), judges=())
    await made.report((await live_run(catalog, {"random": 22})).id)
    body = body_from_json((await made.report((await live_run(catalog, {"random": 22, "abstention": 25})).id)).body)
    assert (body.run.n_cases, body.run.n_drawn_at_random) == (47, 22)
    assert (body.scores["faithfulness"].mean, body.scores["faithfulness"].scored) == (1.0, 22)
    assert body.drift.questions is not None
    assert body.drift.without_good_hit is not None
    assert (body.drift.questions.n_before, body.drift.questions.n_now) == (22, 22)
    assert (body.drift.without_good_hit.count_now, body.drift.without_good_hit.n_now) == (0, 22)
    assert [drift.mean_now for drift in body.drift.scores] == [1.0]
    assert body.findings == ()
    assert len(body.unanswered) == 25


async def test_a_written_set_made_of_live_turns_that_were_looked_for_counts_as_a_whole(catalog: Catalog) -> None:
    run = await live_run(catalog, {"abstention": 12, "thumbs_down": 8}, set_kind=SetKind.GOLDEN)
    body = await body_of(catalog, run)
    assert (body.scores["faithfulness"].mean, body.scores["faithfulness"].scored) == (0.0, 20)
    assert body.run.n_drawn_at_random is None
    assert {group.name: group.n_cases for group in body.by_kind} == {"abstention": 12, "thumbs_down": 8}
    assert findings.INVENTS in {finding.code for finding in body.findings}


@pytest.mark.parametrize(
    "asks",
    [{"limit": 12}, {"part": "test"}, {"collection_ids": ("vs_default",)}, {"principals": (*sorted(ANN.principals), "group:hr")}],
)
async def test_a_run_that_asked_otherwise_is_nothing_to_compare_with(catalog: Catalog, asks: dict[str, Any]) -> None:
    found = {f"tide {n}": 1.0 for n in range(12)}
    await reporter(catalog).report((await run_over(catalog, found, asks=asks)).id)
    body = await body_of(catalog, await run_over(catalog, found))
    assert body.comparison is None
    assert all(len(series) == 1 for series in body.trend.values())
    again = await body_of(catalog, await run_over(catalog, found))
    assert again.comparison is not None
    assert again.comparison.run_id == body.run.run_id


async def test_reports_of_other_questions_never_hide_the_run_to_compare_with(catalog: Catalog) -> None:
    found = {f"tide {n}": 1.0 for n in range(2)}
    whole = await run_over(catalog, found)
    await reporter(catalog).report(whole.id)
    for _ in range(N_TREND + 1):
        await catalog.reports.store((await begun(catalog, *map(case, found), limit=1)).id, {"of": "its first case"})
    body = await body_of(catalog, await run_over(catalog, found, asks={"scheduled_for": "2026-01-01T03:00:00+00:00", "n_cases": 2}))
    assert body.comparison is not None
    assert body.comparison.run_id == whole.id


async def test_another_owners_set_of_the_same_name_is_another_set(catalog: Catalog) -> None:
    found = {f"tide {n}": 1.0 for n in range(3)}
    bens = await imported(catalog, *(case(key) for key in found), by=BEN, principals=[f"owner:{ANN.owner}"])
    await reporter(catalog).report((await run_over(catalog, found, made=bens)).id)
    assert (await body_of(catalog, await run_over(catalog, found))).comparison is None


async def test_an_earlier_report_that_cannot_be_read_hinders_no_other(catalog: Catalog) -> None:
    run = await run_over(catalog, {"ebb": 1.0})
    await catalog.reports.store(run.id, {"format": 0})
    assert (await body_of(catalog, await run_over(catalog, {"ebb": 1.0}))).comparison is None
