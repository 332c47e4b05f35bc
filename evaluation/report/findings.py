"""What a report has found: faults by name, each with the numbers that say so. Pure decisions over cases, figures and drift.

A *signal* says of each case that it applies to whether, or by how much, one thing went wrong with it: a number between 0 and 1. It becomes
a finding where it rose since the previous report and that is no noise (``rises.py``, all signals together), or where it is
surely above its ceiling: the whole 95 % interval lies there. Other findings are made from coverage, judges and drift.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.comparing import MetricDifference
from evaluation.report.body import Drift, Finding, JudgeQuality
from evaluation.report.drift import wilson_interval
from evaluation.report.material import CaseResult, Judges, judges_of
from evaluation.report.rises import LEVEL, Values, differences, rise_p_values
from evaluation.scores import LABELS, MEASURED
from evaluation.summary import MetricSummary

ANSWERS_FAILED = "answers_failed"
RETRIEVAL_MISSES = "retrieval_misses"
RETRIEVAL_CUT_SHORT = "retrieval_cut_short"
DECLINES_WITHOUT_SOURCE = "declines_without_source"
DECLINES_WITH_SOURCE = "declines_with_source"
INVENTS = "invents"
ANSWER_MISSING = "answer_missing"
CITES_WRONG_PASSAGE = "cites_wrong_passage"
NEVER_DECLINES = "never_declines"
DECLINES = "declines"
ANSWER_WRONG = "answer_wrong"
PERSONAL_DATA = "personal_data"
LOW_COVERAGE = "low_coverage"
JUDGE_BELOW_ITS_QUALITY = "judge_below_its_quality"
QUESTIONS_WITHOUT_HIT = "questions_without_hit"
QUESTIONS_DRIFTED = "questions_drifted"
SCORES_DRIFTED = "scores_drifted"
SCORE_FELL = "score_fell"

N_LABELS = 100
"""From so many labels on a judge is expected to be surely better than a coin."""

_MISSES_AMONG_FIVE = "misses_among_five"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is a fault although nothing moved. The defaults are what nobody would put up with; a team sets its own.

    Args:
        coverage: the least share of its cases that a judge has to score.
        judge_accuracy: the least balanced accuracy of a judge; a coin has 0.5.
        ceilings: of each signal, by the code of its finding.
    """

    coverage: float = 0.9
    judge_accuracy: float = 0.55
    ceilings: Mapping[str, float] | None = None

    def ceiling(self, code: str) -> float:
        """Return the share from which on a signal is a finding by itself."""
        return {**_CEILINGS, **(self.ceilings or {})}[code]


_CEILINGS = {
    ANSWERS_FAILED: 0.02,
    RETRIEVAL_MISSES: 0.3,
    DECLINES_WITHOUT_SOURCE: 0.1,
    DECLINES_WITH_SOURCE: 0.2,
    INVENTS: 0.3,
    ANSWER_MISSING: 0.4,
    CITES_WRONG_PASSAGE: 0.2,
    DECLINES: 0.2,
    ANSWER_WRONG: 0.4,
    NEVER_DECLINES: 0.3,
    PERSONAL_DATA: 0.05,
    _MISSES_AMONG_FIVE: math.inf,
}

_METRIC_OF = {
    ANSWERS_FAILED: "answers",
    RETRIEVAL_MISSES: "recall@10",
    DECLINES_WITHOUT_SOURCE: "abstention",
    DECLINES_WITH_SOURCE: "abstention",
    INVENTS: "faithfulness",
    ANSWER_MISSING: "answer_found",
    CITES_WRONG_PASSAGE: "citations",
    DECLINES: "abstention",
    ANSWER_WRONG: "answer_found",
    NEVER_DECLINES: "abstention_recall",
    PERSONAL_DATA: "personal_data_unsourced",
}


def find(
    now: Sequence[CaseResult],
    *,
    before: Sequence[CaseResult] | None,
    figures: Sequence[MetricSummary],
    drift: Drift,
    judges: Sequence[JudgeQuality],
    limits: Limits,
    differences: Sequence[MetricDifference] = (),
) -> tuple[Finding, ...]:
    """Return all findings, those of signals first.

    Args:
        now: the cases of the run.
        before: those of the run before, by the same ids; None where there was none.
        figures: the run's means with their coverage.
        drift: since an earlier time.
        judges: how far each can be trusted.
        limits: from where on something is a fault.
        differences: of headline scores since the run before, each by the judge whose figure opens the report.
    """
    return (
        *_from_signals(now, before, limits),
        *_coverage(figures, limits),
        *_judges(judges, limits),
        *_fell(differences),
        *_drift(drift),
    )


def signals(results: Sequence[CaseResult], judges: Judges | None = None) -> dict[str, dict[str, float]]:
    """Return each signal's value for each case that it applies to, by code and case id. All are about drafts.

    Args:
        results: the cases.
        judges: whose scores are looked at; for each metric the first one of these cases' if None.
    """
    found: dict[str, dict[str, float]] = {code: {} for code in _CEILINGS}
    judges = judges_of(results) if judges is None else judges
    for result in results:
        for code, value in _signals_of(result, judges):
            found[code][result.case_id] = value
    return found


def _signals_of(result: CaseResult, judges: Judges) -> Iterator[tuple[str, float]]:
    yield ANSWERS_FAILED, float(result.has_failed)
    if (faithfulness := result.value("faithfulness", "draft", judges)) is not None:
        yield INVENTS, 1 - faithfulness
    if (n_unsourced := result.value("personal_data_unsourced", "draft", judges)) is not None:
        yield PERSONAL_DATA, float(n_unsourced > 0)
    if result.answerable is False and result.abstained is not None:
        yield NEVER_DECLINES, float(not result.abstained)
    elif result.answerable:
        yield from _answerable_signals(result, judges)


def _answerable_signals(result: CaseResult, judges: Judges) -> Iterator[tuple[str, float]]:
    recall = result.value("recall@10", "turn", judges)
    if recall is None:
        yield from _signals_without_gold(result, judges)
        return
    yield RETRIEVAL_MISSES, 1 - recall
    if (recall_at_5 := result.value("recall@5", "turn", judges)) is not None:
        yield _MISSES_AMONG_FIVE, 1 - recall_at_5
    if result.abstained is None:
        return
    yield DECLINES_WITHOUT_SOURCE, float(result.abstained and not recall)
    if not recall:
        return
    yield DECLINES_WITH_SOURCE, float(result.abstained)
    found, cites = result.value("answer_found", "draft", judges), result.value("citations", "draft", judges)
    if found is not None and not result.abstained:
        yield ANSWER_MISSING, float(not found)
    if found and cites is not None and not result.abstained:
        yield CITES_WRONG_PASSAGE, float(not cites)


def _signals_without_gold(result: CaseResult, judges: Judges) -> Iterator[tuple[str, float]]:
    """What can be said of an answerable case where nobody knows whether its source was found."""
    if result.abstained is None:
        return
    yield DECLINES, float(result.abstained)
    found = result.value("answer_found", "draft", judges)
    if found is not None and not result.abstained:
        yield ANSWER_WRONG, float(not found)


def _from_signals(now: Sequence[CaseResult], before: Sequence[CaseResult] | None, limits: Limits) -> Iterator[Finding]:
    judges = judges_of(now, before)
    values, earlier = signals(now, judges), signals(before or (), judges)
    rises = rise_p_values([differences(earlier[code], values[code]) for code in values])
    rose = {code: p_value for code, p_value in zip(values, rises, strict=True) if p_value <= LEVEL}
    for code, metric in _METRIC_OF.items():
        if code in rose:
            numbers = _rise(earlier[code], values[code]) | {"p_value": rose[code]}
            is_cut_short = code == RETRIEVAL_MISSES and _MISSES_AMONG_FIVE not in rose
            yield Finding(RETRIEVAL_CUT_SHORT if is_cut_short else code, metric, numbers)
        elif values[code] and wilson_interval(sum(values[code].values()), len(values[code]))[0] > limits.ceiling(code):
            # Also right for shares of a case: no value between 0 and 1 varies more than a yes or no with the same mean.
            yield Finding(code, metric, {"now": _mean(values[code]), "n": len(values[code]), "limit": limits.ceiling(code)})


def _rise(before: Values, now: Values) -> dict[str, float]:
    both = differences(before, now)
    return {
        "before": _mean({case_id: before[case_id] for case_id in both}),
        "now": _mean({case_id: now[case_id] for case_id in both}),
        "n": len(both),
    }


def _coverage(figures: Sequence[MetricSummary], limits: Limits) -> Iterator[Finding]:
    for figure in figures:
        is_judged = figure.judge not in (None, LABELS, MEASURED) and figure.total > 0
        # Where there is no whole answer no judge could score it: that is no fault of the judge's.
        total = figure.total - sum(len(case_ids) for code, case_ids in figure.failures.items() if code.startswith("answer_"))
        if is_judged and total and wilson_interval(figure.scored, total)[1] < limits.coverage:
            yield Finding(LOW_COVERAGE, figure.metric, {"scored": figure.scored, "total": total, "limit": limits.coverage})


def _judges(judges: Sequence[JudgeQuality], limits: Limits) -> Iterator[Finding]:
    for judge in judges:
        limit = max(limits.judge_accuracy, judge.expected or 0.0)
        # Of few labels the interval is wide, and that it holds a coin's share says little of the judge.
        is_perhaps_a_coin = judge.low < limits.judge_accuracy and judge.n >= N_LABELS
        if judge.high < limit or is_perhaps_a_coin:
            numbers = {"balanced_accuracy": judge.balanced_accuracy, "low": judge.low, "high": judge.high, "n": judge.n, "limit": limit}
            yield Finding(JUDGE_BELOW_ITS_QUALITY, judge.judge, numbers)


def _fell(differences: Sequence[MetricDifference]) -> Iterator[Finding]:
    for each in differences:
        if each.is_worse:
            yield Finding(SCORE_FELL, each.metric, {"before": each.old, "now": each.new, "n": each.n, "p_value": each.p_adjusted})


def _drift(drift: Drift) -> Iterator[Finding]:
    share, questions = drift.without_good_hit, drift.questions
    if share and share.rose:
        numbers = {"before": share.count_before / share.n_before, "now": share.count_now / share.n_now, "n": share.n_now}
        yield Finding(QUESTIONS_WITHOUT_HIT, "similarity", numbers)
    if questions and questions.drifted and questions.distance is not None and questions.p_value is not None:
        yield Finding(QUESTIONS_DRIFTED, "questions", {"distance": questions.distance, "n": questions.n_now, "p_value": questions.p_value})
    for score in drift.scores:
        if score.drifted:
            numbers = {"before": score.mean_before, "now": score.mean_now, "n": score.n_now, "p_value": score.p_value}
            yield Finding(SCORES_DRIFTED, score.metric, numbers)


def _mean(values: Values) -> float:
    return math.fsum(values.values()) / len(values)
