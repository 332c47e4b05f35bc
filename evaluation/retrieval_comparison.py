"""Two retrievals on the same labelled questions: recall, nDCG and reciprocal rank of the gold passages, and whether one is worse.

Scored are the cases whose question stands alone and has a gold passage. Each metric is computed for each case, and means and differences
come with their intervals, paired: the same resamples of cases for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from evaluation.cases import Case
from evaluation.intervals import Interval, bootstrap_mean
from evaluation.labels import CitedSpan
from evaluation.retrieval_metrics import DEPTH, RETRIEVAL_METRICS, RetrievalMetric, document_reciprocal_rank, has_gold
from footnote.core.errors import InvalidInput


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
    return has_gold(case) and not case.history


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
    for name, metric in COMPARED.items():
        before = [metric(case, hits) for case, hits in zip(cases, old, strict=True)]
        after = [metric(case, hits) for case, hits in zip(cases, new, strict=True)]
        metrics[name] = MetricComparison(
            old=bootstrap_mean(before),
            new=bootstrap_mean(after),
            difference=bootstrap_mean([new_value - old_value for old_value, new_value in zip(before, after, strict=True)]),
        )
    return Comparison(metrics=metrics, n_cases=len(cases), n_given=n_given)


COMPARED: Mapping[str, RetrievalMetric] = MappingProxyType(
    {
        **{name: RETRIEVAL_METRICS[name] for name in ("recall@5", "recall@10", "ndcg@10", "mrr")},
        "document_mrr": lambda case, hits: document_reciprocal_rank(case, hits, k=DEPTH),
    }
)
"""By these two retrievals are compared."""
