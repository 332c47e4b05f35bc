"""Testing criteria: which score decides, and whether a case passes."""

from typing import Any

import pytest

from footnote.core.catalog.evaluation_records import CaseScoreRecord
from serving.api.eval_criteria import criteria_of, outcome_of, results_of
from serving.evaluating import MetricFacts

METRICS = {
    "faithfulness": MetricFacts("higher", "draft"),
    "latency_ms": MetricFacts("lower", "turn"),
    "recall@5": MetricFacts("higher", "turn"),
}


def score(value: float | None, *, metric: str = "faithfulness", judge: str = "local-1", target: str = "draft") -> CaseScoreRecord:
    code = "judge_timeout" if value is None else None
    return CaseScoreRecord("case", 0, metric, judge, target, "turn", value, code, {})


def outcome(scores: list[CaseScoreRecord], *given: dict[str, Any], is_answered: bool = True) -> str:
    return outcome_of(results_of(criteria_of(given, METRICS), scores), is_answered=is_answered)


FAITHFUL = {"type": "footnote", "name": "faithfulness", "pass_threshold": 0.8}
QUICK = {"type": "footnote", "name": "latency_ms", "pass_threshold": 1_000}


@pytest.mark.parametrize(("value", "expected"), [(0.8, "pass"), (0.79, "fail"), (None, "error")])
def test_a_case_passes_from_its_threshold_on(value: float | None, expected: str) -> None:
    assert outcome([score(value)], FAITHFUL) == expected


@pytest.mark.parametrize(("value", "expected"), [(1_000.0, "pass"), (1_001.0, "fail")])
def test_where_less_is_better_the_threshold_is_the_most(value: float, expected: str) -> None:
    assert outcome([score(value, metric="latency_ms", target="turn", judge="measured")], QUICK) == expected


def test_a_language_model_decides_before_the_local_judge_unless_one_is_named() -> None:
    scores = [score(0.1), score(0.9, judge="ragas:big")]
    assert outcome(scores, FAITHFUL) == "pass"
    assert outcome(scores, {**FAITHFUL, "judge": "local-1"}) == "fail"
    assert outcome(scores, {**FAITHFUL, "judge": "ragas:none"}) == "pass", "nobody of that name has said anything"


def test_draft_and_shown_text_are_held_apart() -> None:
    scores = [score(0.1), score(0.9, target="shown")]
    assert outcome(scores, FAITHFUL) == "fail"
    assert outcome(scores, {**FAITHFUL, "target": "shown"}) == "pass"


def test_one_criterion_fails_a_case_a_failed_judge_and_no_answer_are_errors() -> None:
    slow = score(2_000.0, metric="latency_ms", target="turn", judge="measured")
    assert outcome([score(1.0), slow], FAITHFUL, QUICK) == "fail"
    assert outcome([score(None), slow], FAITHFUL, QUICK) == "error"
    assert outcome([], FAITHFUL, is_answered=False) == "error"
    assert outcome([], FAITHFUL) == "pass", "it says nothing about this case"


def test_a_criterion_may_have_a_name_of_its_own() -> None:
    (criterion,) = criteria_of([{"type": "footnote", "name": "finds it", "metric": "recall@5"}], METRICS)
    assert (criterion.name, criterion.metric, criterion.target, criterion.threshold) == ("finds it", "recall@5", "turn", 0.5)
