"""Means of scores with their intervals and their coverage: of a whole run, and of each kind, release or collection of cases. Pure.

Each mean is ``fsum(values) / n`` of the rows that one metric, judge and target have. Texts, judges and failures are never mixed with it.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from evaluation.intervals import bootstrap_means
from evaluation.metrics import METRICS, REASONS
from evaluation.scores import LABELS, MEASURED

NO_ROWS = "no_rows"
ALL_FAILED = "all_failed"


class ScoreRow(Protocol):
    """A case's score as it is kept: a value or the code of a failure."""

    @property
    def case_id(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def judge(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def failure_code(self) -> str | None: ...


@dataclass(frozen=True, slots=True, order=True)
class ScoreKey:
    """What may be averaged: the same metric of the same target by the same judge."""

    metric: str
    target: str
    judge: str


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A mean with its 95 % interval and its coverage.

    Args:
        mean: over the scored cases; None where there is none, and then ``reason`` is a code that says why (``evaluation.metrics.REASONS``).
        scored: cases with a value.
        total: cases that the metric applies to.
        failures: by code the ids of the cases that could not be scored, in order.
    """

    metric: str
    target: str
    judge: str | None
    mean: float | None
    low: float | None
    high: float | None
    scored: int
    total: int
    failures: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    reason: str | None = None

    @property
    def coverage(self) -> float | None:
        """The share of the cases that could be scored; None where the metric applies to none."""
        return self.scored / self.total if self.total else None

    @property
    def n_failures(self) -> int:
        return self.total - self.scored

    def __str__(self) -> str:
        """Return one line for people: ``faithfulness 0.91 [0.86, 0.95], 87 of 90 scored, 3 judge failures listed``."""
        return ", ".join([self._mean_in_words(), *self._coverage_in_words()])

    def as_json(self) -> dict[str, Any]:
        """Return numbers, names and ids of cases."""
        document: dict[str, Any] = {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "scored": self.scored,
            "total": self.total,
            "judge": self.judge,
            "target": self.target,
            "failures": {code: list(case_ids) for code, case_ids in self.failures.items()},
        }
        return document if self.reason is None else {**document, "reason": self.reason}

    def _mean_in_words(self) -> str:
        if self.mean is None or self.low is None or self.high is None:
            return f"{self.metric} not measured: {REASONS.get(self.reason or NO_ROWS, self.reason)}"
        metric = METRICS.get(self.metric)
        mean, low, high = (f"{value:.2f}" if metric is None else metric.told(value) for value in (self.mean, self.low, self.high))
        return f"{self.metric} {mean} [{low}, {high}]"

    def _coverage_in_words(self) -> list[str]:
        if not self.total:
            return []
        words = [f"{self.scored} of {self.total} scored"]
        if self.n_failures:
            whose = "" if self.judge in (LABELS, MEASURED) else "judge "
            words.append(f"{self.n_failures} {whose}failure{'' if self.n_failures == 1 else 's'} listed")
        return words


@dataclass(frozen=True, slots=True)
class Summary:
    """All means of a run, in order of metric, target and judge.

    Args:
        groups: by what cases are grouped (``kind``, ``release``, ``collection``), then by the group's name.
    """

    scores: tuple[MetricSummary, ...]
    groups: Mapping[str, Mapping[str, tuple[MetricSummary, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[MetricSummary, ...]]]
    )

    def headline(self) -> Mapping[str, MetricSummary]:
        """Return one summary for each metric: see ``headline_of``."""
        return headline_of(self.scores)

    def as_json(self) -> dict[str, Any]:
        """Return the headline as ``scores``, every mean as ``all``, and the headlines of each group."""
        return {
            "scores": _json_by_metric(self.headline()),
            "all": [{"metric": each.metric, **each.as_json()} for each in self.scores],
            "groups": {
                by: {name: _json_by_metric(headline_of(scores)) for name, scores in named.items()} for by, named in self.groups.items()
            },
        }


Grouping = Mapping[str, Mapping[str, Sequence[str]]]
"""By what cases are grouped, then by case, the names of the groups that it is in: ``{"kind": {"hb-001": ["fact"]}}``."""


def summarise(rows: Iterable[ScoreRow], *, groups: Grouping | None = None, expected: Mapping[str, str] | None = None) -> Summary:
    """Return the means of rows, in whatever order they come.

    Args:
        rows: one for each case, metric, target and judge.
        groups: by what means are taken apart as well; a case that stands in none is in no group.
        expected: metrics that a reader looks for, with the code of the reason that holds where there is no row of it.

    Raises:
        ValueError: a case has two rows of the same metric, target and judge, or a row has neither a finite value nor a failure's code.
    """
    by_key = _by_key(rows)
    overall = [_Column.of(key, of_key) for key, of_key in sorted(by_key.items())]
    parts = [
        (by, name, part)
        for by, names_of in (groups or {}).items()
        for name, members in _members(names_of).items()
        for part in _columns_of(by_key, members)
    ]
    summaries = _summaries([*overall, *(part for _, _, part in parts)])  # all at once: columns of one length share their resamples
    grouped: dict[str, dict[str, list[MetricSummary]]] = {}
    for (by, name, _), summary in zip(parts, summaries[len(overall) :], strict=True):
        grouped.setdefault(by, {}).setdefault(name, []).append(summary)
    found = {key.metric for key in by_key}
    missing = [_without_rows(name, reason) for name, reason in (expected or {}).items() if name not in found]
    return Summary(
        scores=tuple(sorted([*summaries[: len(overall)], *missing], key=lambda each: (each.metric, each.target, each.judge or ""))),
        groups={by: {name: tuple(scores) for name, scores in named.items()} for by, named in grouped.items()},
    )


def headline_of(summaries: Iterable[MetricSummary]) -> Mapping[str, MetricSummary]:
    """Return one summary for each metric: of the draft, or of the turn where the metric is about that, by the judge that ranks first."""
    best: dict[str, MetricSummary] = {}
    for summary in sorted(summaries, key=lambda each: (each.metric, judge_rank(each.judge))):
        if summary.target != "shown":
            best.setdefault(summary.metric, summary)
    return MappingProxyType(best)


def judge_rank(judge: str | None) -> tuple[int, str]:
    """Return the order of judges where several score a metric: people's labels, what is measured, a language model, the local judge."""
    if judge is None:
        return (4, "")
    ranks = (judge == LABELS, judge == MEASURED, judge.startswith("ragas:"), True)
    return (ranks.index(True), judge)


@dataclass(frozen=True, slots=True)
class _Column:
    """The scores of one key, in order of case."""

    key: ScoreKey
    values: tuple[float, ...]
    failures: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, key: ScoreKey, rows: Mapping[str, ScoreRow]) -> "_Column":
        failures: dict[str, tuple[str, ...]] = {}
        values: list[float] = []
        for case_id, row in sorted(rows.items()):
            if row.value is not None:
                values.append(row.value)
            elif row.failure_code is not None:
                failures[row.failure_code] = (*failures.get(row.failure_code, ()), case_id)
        return cls(key=key, values=tuple(values), failures=dict(sorted(failures.items())))

    @property
    def total(self) -> int:
        return len(self.values) + sum(map(len, self.failures.values()))


def _by_key(rows: Iterable[ScoreRow]) -> dict[ScoreKey, dict[str, ScoreRow]]:
    by_key: dict[ScoreKey, dict[str, ScoreRow]] = {}
    for row in rows:
        if (row.value is None) == (row.failure_code is None) or not math.isfinite(row.value or 0.0):
            raise ValueError(f"{row.metric} of case {row.case_id} has neither a finite value nor a failure's code")
        of_key = by_key.setdefault(ScoreKey(metric=row.metric, target=row.target, judge=row.judge), {})
        if row.case_id in of_key:
            raise ValueError(f"case {row.case_id} has {row.metric} of {row.target} by {row.judge} twice")
        of_key[row.case_id] = row
    return by_key


def _members(names_of: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return by group the ids of its cases, groups in order of name."""
    members: dict[str, set[str]] = {}
    for case_id, names in names_of.items():
        for name in names:
            members.setdefault(name, set()).add(case_id)
    return dict(sorted(members.items()))


def _columns_of(by_key: Mapping[ScoreKey, Mapping[str, ScoreRow]], members: Collection[str]) -> list[_Column]:
    rows = {key: {case_id: row for case_id, row in of_key.items() if case_id in members} for key, of_key in sorted(by_key.items())}
    return [_Column.of(key, of_key) for key, of_key in rows.items() if of_key]


def _summaries(columns: Sequence[_Column]) -> list[MetricSummary]:
    intervals = iter(bootstrap_means([column.values for column in columns if column.values]))
    summaries: list[MetricSummary] = []
    for column in columns:
        interval = next(intervals) if column.values else None
        summaries.append(
            MetricSummary(
                metric=column.key.metric,
                target=column.key.target,
                judge=column.key.judge,
                mean=None if interval is None else interval.mean,
                low=None if interval is None else interval.low,
                high=None if interval is None else interval.high,
                scored=len(column.values),
                total=column.total,
                failures=column.failures,
                reason=ALL_FAILED if interval is None else None,
            )
        )
    return summaries


def _without_rows(name: str, reason: str) -> MetricSummary:
    metric = METRICS.get(name)
    target = "draft" if metric is None else metric.headline_target
    return MetricSummary(metric=name, target=target, judge=None, mean=None, low=None, high=None, scored=0, total=0, reason=reason)


def _json_by_metric(summaries: Mapping[str, MetricSummary]) -> dict[str, Any]:
    return {name: summary.as_json() for name, summary in summaries.items()}
