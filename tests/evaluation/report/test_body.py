"""A report's body: computed from rows, numbers and ids alone, and the same after it was kept."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.report.body import Drift, JudgeQuality, ReportBody, body_from_json
from evaluation.report.building import Context, PreviousRun, build, worst_cases
from evaluation.report.drift import share_change
from footnote.core.errors import InvalidInput
from tests.evaluation.report.simulated import JUDGE, facts, questions_of, run_of, simulated_cases

CASES = simulated_cases(80)


def a_body(**differs) -> ReportBody:
    before = run_of(CASES, seed=1)
    context = Context(
        previous=PreviousRun(facts(night=1), before),
        earlier=(build(facts(night=1), before, questions=questions_of(CASES), context=Context()),),
        drift=Drift(without_good_hit=share_change(3, 90, 5, 90)),
        judges=(JudgeQuality(judge=JUDGE, labels="wice test", n=358, balanced_accuracy=0.66, low=0.61, high=0.71, expected=0.65),),
        reasons={"context_recall": "needs_language_model"},
    )
    return build(facts(night=2), run_of(CASES, seed=2, **differs), questions=questions_of(CASES), context=context)


def test_a_body_comes_back_from_json_unchanged() -> None:
    body = a_body(fail_judge=0.2)
    kept = json.loads(json.dumps(body.as_json(), allow_nan=False))
    assert body_from_json(kept) == body


def test_a_body_of_another_format_or_none_at_all_is_refused() -> None:
    kept = a_body().as_json()
    with pytest.raises(InvalidInput, match="format 99"):
        body_from_json({**kept, "format": 99})
    with pytest.raises(InvalidInput, match="format 2") as refused:
        body_from_json({"format": 2, "chapters": []})
    assert refused.value.hint
    with pytest.raises(InvalidInput, match="cannot be read"):
        body_from_json({"scores": {}})


def test_a_body_that_was_kept_before_fields_were_added_is_still_read() -> None:
    """``body_format_1.json`` is as the first code of this format wrote it; it is never made anew."""
    body = body_from_json(json.loads((Path(__file__).parent / "body_format_1.json").read_text()))
    assert body.run.n_cases == 10
    assert body.comparison is not None
    assert [(each.metric, each.target, each.judge, each.drifted) for each in body.drift.scores] == [("faithfulness", "draft", "", True)]
    assert body_from_json(body.as_json()) == body


def test_no_question_and_no_word_of_one_is_in_a_body() -> None:
    questions = {case.id: f"zebra{place} giraffe okapi?" for place, case in enumerate(CASES)}
    body = build(facts(), run_of(CASES, fault="never_declines"), questions=questions, context=Context())
    assert body.failure_groups
    written = json.dumps(body.as_json())
    assert not any(word in written for word in ("zebra", "giraffe", "okapi"))


def test_means_can_be_recomputed_from_the_rows_with_their_coverage() -> None:
    results = run_of(CASES, fail_judge=0.2)
    figure = build(facts(), results, questions={}, context=Context()).scores["faithfulness"]
    rows = [row for result in results for row in result.scores if (row.metric, row.target) == ("faithfulness", "draft")]
    values = [row.value for row in rows if row.value is not None]
    assert figure.mean == pytest.approx(math.fsum(values) / len(values))
    assert (figure.scored, figure.total) == (len(values), len(rows))
    assert len(figure.failures["judge_timeout"]) == len(rows) - len(values) > 0


def test_headlines_are_of_drafts_and_what_was_shown_stands_apart() -> None:
    body = a_body()
    assert body.scores["faithfulness"].target == "draft"
    assert body.shown_scores["faithfulness"].target == "shown"
    assert body.scores["faithfulness"].mean < body.shown_scores["faithfulness"].mean == 1


def test_a_headline_that_nobody_scored_stands_there_with_its_reason() -> None:
    body = a_body()
    assert body.scores["context_recall"].mean is None
    assert body.scores["context_recall"].reason == "needs_language_model"
    assert body.scores["answer_relevancy"].reason == "no_rows"


def test_groups_divide_the_cases_and_the_trend_ends_with_this_run() -> None:
    body = a_body()
    assert {group.name for group in body.by_kind} == {"fact", "table", "follow_up", "unanswerable"}
    assert sum(group.n_cases for group in body.by_kind) == 80
    series = body.trend["faithfulness"]
    assert [point.run_id for point in series] == ["run_01", "run_02"]
    assert series[-1].mean == body.scores["faithfulness"].mean
    assert "context_recall" not in body.trend


def test_the_worst_case_is_the_untrue_one_and_an_error_comes_before_all() -> None:
    results = run_of(CASES)
    ranked = worst_cases(results)
    assert "never_declines" in ranked[0].faults
    assert len(ranked) < len(CASES)
    broken = [type(each)(**{**_fields(each), "turn_id": None, "scores": ()}) if each.case_id == "case-040" else each for each in results]
    assert worst_cases(broken)[0].case_id == "case-040"
    assert worst_cases(broken)[0].faults == ("no_answer",)


def test_unanswered_are_the_declined_questions_that_nobody_calls_answerable() -> None:
    results = run_of(CASES)
    live = type(results[0])(**{**_fields(results[0]), "case_id": "live", "answerable": None, "abstained": True, "scores": ()})
    body = build(facts(), [*results, live], questions={}, context=Context())
    assert body.unanswered[0].case_id == "live"
    assert not body.unanswered[0].is_known
    declined = {each.case_id for each in results if each.abstained and each.answerable is False}
    assert {each.case_id for each in body.unanswered if each.is_known} == declined != set()


def test_times_and_tokens_have_median_and_tail() -> None:
    spread = {each.metric: each for each in a_body().costs}
    assert 210 < spread["first_token_ms"].p50 < spread["first_token_ms"].p95 < spread["latency_ms"].p50
    assert spread["prompt_tokens"].total == pytest.approx(spread["prompt_tokens"].mean * spread["prompt_tokens"].n)


def test_the_same_rows_in_another_order_give_the_same_figures() -> None:
    results = run_of(CASES)
    one, other = (build(facts(), order, questions=questions_of(CASES), context=Context()) for order in (results, results[::-1]))
    assert one == other


def _fields(result):
    return {name: getattr(result, name) for name in result.__dataclass_fields__}


def test_of_live_turns_those_that_were_looked_for_count_for_no_mean_and_stand_among_the_worst() -> None:
    results = [replace(each, is_sampled=True, kind="random") for each in run_of(CASES)]
    looked_for = [replace(each, kind="thumbs_down", scores=_told(each, 0.0)) for each in results[:30]]
    counted = results[30:]
    context = Context(previous=PreviousRun(facts(night=1), [replace(each, scores=_told(each, 1.0)) for each in results]))
    body = build(facts(), [*looked_for, *counted], questions={}, context=context)
    alone = build(facts(), counted, questions={}, context=context)
    assert (body.scores, body.costs, body.findings, body.comparison) == (alone.scores, alone.costs, alone.findings, alone.comparison)
    assert [group.name for group in body.by_kind] == ["random"]
    assert {case.case_id for case in body.worst_cases} & {each.case_id for each in looked_for}
    written = [replace(each, is_sampled=False) for each in looked_for]
    assert (
        build(facts(), [*written, *counted], questions={}, context=context).scores["faithfulness"].scored
        > body.scores["faithfulness"].scored
    )


def _told(result, value: float):
    return tuple(replace(row, value=value) if row.metric == "faithfulness" else row for row in result.scores)
