"""A report's body from a run's cases and rows, and the reports before it. Pure: the same material gives the same body."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluation.comparing import compare_runs, headline_differences
from evaluation.metrics import METRICS
from evaluation.report.body import (
    Comparison,
    Drift,
    Group,
    JudgeQuality,
    ReportBody,
    RunFacts,
    Spread,
    UnansweredQuestion,
    WorstCase,
)
from evaluation.report.failure_groups import group_failures
from evaluation.report.findings import Limits, find, signals
from evaluation.report.material import CaseResult, Judges, counting, judges_of
from evaluation.report.metric_words import COSTS, HEADLINES
from evaluation.report.recommendation import recommend
from evaluation.report.trend import trend
from evaluation.summary import NO_ROWS, MetricSummary, Summary, headline_of, judge_rank, summarise

N_WORST = 12
"""What somebody reads in the morning; the others stand in the export of the run."""

_HARM = {
    "never_declines": 1.2,
    "invents": 1.1,
    "cites_wrong_passage": 1.0,
    "answer_missing": 0.8,
    "answer_wrong": 0.8,
    "personal_data": 0.8,
    "declines_with_source": 0.6,
    "declines": 0.5,
    "declines_without_source": 0.5,
    "retrieval_misses": 0.4,
}
"""How bad a signal's fault is in one case: something untrue weighs more than nothing said."""

_FAULTY = 0.5
"""From here on a signal counts as a fault of its case."""


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The run of the previous report of the same set."""

    facts: RunFacts
    results: Sequence[CaseResult]


@dataclass(frozen=True, slots=True)
class Context:
    """What a report is told beside its run's own rows.

    Args:
        previous: the run before over the same set; None for the first one.
        earlier: earlier reports of the set, in any order, for the trend.
        drift: as computed by ``drift.py`` from the questions of two times.
        judges: how well each judge agrees with people's labels.
        reasons: for metrics without a row the code of the reason (``evaluation.metrics.REASONS``).
        limits: from where on something is a fault.
    """

    previous: PreviousRun | None = None
    earlier: Sequence[ReportBody] = ()
    drift: Drift = field(default_factory=Drift)
    judges: Sequence[JudgeQuality] = ()
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = field(default_factory=Limits)


def build(run: RunFacts, results: Sequence[CaseResult], *, questions: Mapping[str, str], context: Context) -> ReportBody:
    """Return the report of a run.

    Args:
        run: which run it was.
        results: all cases of the run with their rows, also those that an error answered. Of live turns those alone count for means,
            findings and drift that were drawn at random; the others stand among the worst cases, in the groups of failures and among
            what was not answered.
        questions: the questions by case id. They decide which failures are grouped together, and nothing of them is in the body.
        context: what came before, and what is known of questions and judges.
    """
    counted = counting(results)
    before = None if context.previous is None else counting(context.previous.results)
    summary = _summary(counted, reasons=context.reasons)
    scores = {name: headline for name, headline in summary.headline().items() if name in HEADLINES}
    scores = {name: scores[name] for name in HEADLINES if name in scores}
    comparison = _comparison(context.previous, before or (), counted)
    found = find(
        counted,
        before=before,
        figures=summary.scores,
        drift=context.drift,
        judges=context.judges,
        limits=context.limits,
        differences=() if comparison is None else headline_differences(comparison.differences, scores),
    )
    worst = worst_cases(results)
    return ReportBody(
        run=run,
        scores=scores,
        shown_scores=_shown_scores(summary.scores),
        figures=summary.scores,
        by_release=_groups(summary, "release", counted, lambda result: (result.release_id,)),
        by_collection=_groups(summary, "collection", counted, lambda result: result.collection_ids),
        by_kind=_groups(summary, "kind", counted, lambda result: (result.kind,)),
        comparison=comparison,
        trend=trend(context.earlier, run=run, scores=scores),
        drift=context.drift,
        worst_cases=worst[:N_WORST],
        failure_groups=group_failures(questions, {case.case_id for case in worst}),
        unanswered=_unanswered(results),
        costs=_costs(counted),
        judges=tuple(context.judges),
        findings=found,
        recommendation=recommend(found),
    )


def worst_cases(results: Sequence[CaseResult]) -> tuple[WorstCase, ...]:
    """Return all cases with a fault, the worst first, cases with an error in place of an answer before all others."""
    judges = judges_of(results)
    by_code = signals(results, judges)
    ranked: list[tuple[float, WorstCase]] = []
    for result in results:
        values = {code: by_code[code][result.case_id] for code in _HARM if result.case_id in by_code[code]}
        faults = [code for code, value in values.items() if value >= _FAULTY]
        if result.has_failed:
            faults, harm = ["no_answer"], 10.0
        else:
            harm = sum(_HARM[code] * values[code] for code in faults)
        if faults:
            told = sorted(faults, key=lambda code: -_HARM.get(code, 2.0))
            case = WorstCase(case_id=result.case_id, turn_id=result.turn_id, faults=tuple(told), values=_headline_values(result, judges))
            ranked.append((harm, case))
    ranked.sort(key=lambda pair: (-pair[0], pair[1].case_id))
    return tuple(case for _, case in ranked)


def _summary(results: Sequence[CaseResult], *, reasons: Mapping[str, str]) -> Summary:
    groups = {
        "release": {result.case_id: (result.release_id,) for result in results},
        "collection": {result.case_id: result.collection_ids for result in results},
        "kind": {result.case_id: (result.kind,) for result in results},
    }
    rows = [score for result in results for score in result.scores]
    return summarise(rows, groups=groups, expected={name: reasons.get(name, NO_ROWS) for name in HEADLINES})


def _shown_scores(figures: Sequence[MetricSummary]) -> dict[str, MetricSummary]:
    of_shown = [figure for figure in figures if figure.target == "shown"]
    best = {figure.metric: figure for figure in sorted(of_shown, key=lambda each: judge_rank(each.judge), reverse=True)}
    return {name: best[name] for name in HEADLINES if name in best}


def _groups(summary: Summary, by: str, results: Sequence[CaseResult], names_of: Callable[[CaseResult], Sequence[str]]) -> tuple[Group, ...]:
    groups: list[Group] = []
    for name, figures in summary.groups.get(by, {}).items():
        headline = headline_of(figures)
        n_cases = sum(name in names_of(result) for result in results)
        groups.append(Group(name=name, n_cases=n_cases, scores={each: headline[each] for each in HEADLINES if each in headline}))
    return tuple(groups)


def _comparison(previous: PreviousRun | None, earlier: Sequence[CaseResult], results: Sequence[CaseResult]) -> Comparison | None:
    if previous is None:
        return None
    before = [score for result in earlier for score in result.scores]
    differences = compare_runs(before, [score for result in results for score in result.scores]).differences
    order = {name: place for place, name in enumerate(HEADLINES)}
    return Comparison(
        run_id=previous.facts.run_id,
        release_id=previous.facts.release_id,
        finished_at=previous.facts.finished_at,
        differences=tuple(sorted(differences, key=lambda each: (order.get(each.metric, len(order)), each.metric, each.target))),
    )


def _unanswered(results: Sequence[CaseResult]) -> tuple[UnansweredQuestion, ...]:
    declined = (result for result in results if result.abstained and result.answerable is not True)
    questions = [
        UnansweredQuestion(case_id=result.case_id, turn_id=result.turn_id, is_known=result.answerable is False) for result in declined
    ]
    return tuple(sorted(questions, key=lambda question: (question.is_known, question.case_id)))


def _costs(results: Sequence[CaseResult]) -> tuple[Spread, ...]:
    judges = judges_of(results)
    spreads: list[Spread] = []
    for metric in COSTS:
        values = [value for result in results if (value := result.value(metric, "turn", judges)) is not None]
        if values:
            p50, p95 = (float(each) for each in np.percentile(values, [50, 95]))
            total = math.fsum(values)
            spreads.append(Spread(metric=metric, n=len(values), mean=total / len(values), p50=p50, p95=p95, total=total))
    return tuple(spreads)


def _headline_values(result: CaseResult, judges: Judges) -> dict[str, float]:
    values = {name: result.value(name, METRICS[name].headline_target, judges) for name in HEADLINES}
    return {name: value for name, value in values.items() if value is not None}
