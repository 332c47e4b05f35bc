"""Two retrievals on the same labelled questions: recall, nDCG and reciprocal rank of the gold passages, and whether one is worse.

Scored are the cases whose question stands alone and has a gold passage. Each metric is computed for each case, and means and differences
come with their intervals, paired: the same resamples of cases for both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.cases import Case
from evaluation.intervals import Interval, bootstrap_mean
from evaluation.labels import CitedSpan, holds_gold
from footnote.core.errors import InvalidInput

DEPTH = 10
"""Hits that are looked at."""


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of both retrievals, and the mean of the cases' differences, new less old."""

    old: Interval
    new: Interval
    difference: Interval

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval of the difference lies below 0."""
        return self.difference.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All metrics by name, over ``n_cases`` of the ``n_given`` cases."""

    metrics: Mapping[str, MetricComparison]
    n_cases: int
    n_given: int

    @property
    def worse(self) -> tuple[str, ...]:
        """The metrics by which the new retrieval is worse."""
        return tuple(name for name, metric in self.metrics.items() if metric.is_worse)

    def as_json(self) -> dict[str, Any]:
        """Return figures alone: no question and no text of a document."""
        return {**asdict(self), "worse": list(self.worse)}


def can_be_compared(case: Case) -> bool:
    """Whether a case says where its answer stands, and its question can be searched as it is."""
    return bool(case.answerable and case.gold) and not case.history


def compare(cases: Sequence[Case], *, old: Sequence[Sequence[CitedSpan]], new: Sequence[Sequence[CitedSpan]], n_given: int) -> Comparison:
    """Compare what two retrievals found.

    Args:
        cases: those that can be compared.
        old: for each case what the first one found, best first.
        new: likewise the second one.
        n_given: how many cases there were before those that cannot be compared were left out.

    Raises:
        InvalidInput: there is no case.
    """
    if not cases:
        raise InvalidInput("None of the cases can be compared: each needs a gold passage, and a question that stands alone.")
    metrics: dict[str, MetricComparison] = {}
    for name, metric in METRICS.items():
        before = [metric(case, hits) for case, hits in zip(cases, old, strict=True)]
        after = [metric(case, hits) for case, hits in zip(cases, new, strict=True)]
        metrics[name] = MetricComparison(
            old=bootstrap_mean(before),
            new=bootstrap_mean(after),
            difference=bootstrap_mean([new_value - old_value for old_value, new_value in zip(before, after, strict=True)]),
        )
    return Comparison(metrics=metrics, n_cases=len(cases), n_given=n_given)


def recall_at(case: Case, hits: Sequence[CitedSpan], *, k: int) -> float:
    """Return the share of the gold passages that the first ``k`` hits hold."""
    return sum(any(holds_gold(hit, gold) for hit in hits[:k]) for gold in case.gold) / len(case.gold)


def ndcg_at(case: Case, hits: Sequence[CitedSpan], *, k: int) -> float:
    """Return the discounted gain of the first ``k`` hits as a share of the most that there is (Järvelin and Kekäläinen 2002).

    A hit gains 1 where it holds a gold passage that none before it holds: finding one twice gains nothing.
    """
    left = list(case.gold)
    gained = 0.0
    for rank, hit in enumerate(hits[:k], start=1):
        held = [gold for gold in left if holds_gold(hit, gold)]
        if held:
            gained += 1 / math.log2(rank + 1)
            left = [gold for gold in left if gold not in held]
    # One hit may hold several, so that fewer hits than gold passages can be the best there is.
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, _most_hits(case, hits, k=k) + 1))


def reciprocal_rank(case: Case, hits: Sequence[CitedSpan], *, k: int) -> float:
    """Return one over the place of the first hit that holds a gold passage; 0 where none of the first ``k`` does."""
    ranks = (rank for rank, hit in enumerate(hits[:k], start=1) if any(holds_gold(hit, gold) for gold in case.gold))
    return 1 / next(ranks, math.inf)


def document_reciprocal_rank(case: Case, hits: Sequence[CitedSpan], *, k: int) -> float:
    """Return one over the place of the first hit of a document that has a gold passage; 0 where none of the first ``k`` is."""
    documents = {gold.document for gold in case.gold}
    return 1 / next((rank for rank, hit in enumerate(hits[:k], start=1) if hit.document in documents), math.inf)


Metric = Callable[[Case, Sequence[CitedSpan]], float]

METRICS: dict[str, Metric] = {
    "recall@5": lambda case, hits: recall_at(case, hits, k=5),
    "recall@10": lambda case, hits: recall_at(case, hits, k=10),
    "nDCG@10": lambda case, hits: ndcg_at(case, hits, k=10),
    "MRR@10": lambda case, hits: reciprocal_rank(case, hits, k=10),
    "document MRR@10": lambda case, hits: document_reciprocal_rank(case, hits, k=10),
}


def _most_hits(case: Case, hits: Sequence[CitedSpan], *, k: int) -> int:
    """Return how many hits gain something in the best order: as many as gold passages, less those that share a hit here."""
    found = sum(any(holds_gold(hit, gold) for hit in hits[:k]) for gold in case.gold)
    gaining, left = 0, list(case.gold)
    for hit in hits[:k]:
        held = [gold for gold in left if holds_gold(hit, gold)]
        gaining += bool(held)
        left = [gold for gold in left if gold not in held]
    return min(k, len(case.gold) - (found - gaining))
