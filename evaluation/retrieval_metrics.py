"""How well a search finds the gold passages of a case: recall, nDCG and reciprocal rank, computed for each case. No judge."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from evaluation.answered import Answered
from evaluation.cases import Case
from evaluation.labels import CitedSpan, holds_gold
from evaluation.scores import LABELS, Score

DEPTH = 10
"""Hits that are looked at: as many as the deepest metric asks for."""

SEARCH_FAILED = "search_failed"
"""The failure code of what a search that could not be done leaves without a score."""

RetrievalMetric = Callable[[Case, Sequence[CitedSpan]], float]


def has_gold(case: Case) -> bool:
    """Whether a case says where its answer stands: the others have no retrieval metrics."""
    return bool(case.gold) and case.answerable is not False


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


RETRIEVAL_METRICS: Mapping[str, RetrievalMetric] = MappingProxyType(
    {
        "recall@5": lambda case, hits: recall_at(case, hits, k=5),
        "recall@10": lambda case, hits: recall_at(case, hits, k=10),
        "ndcg@5": lambda case, hits: ndcg_at(case, hits, k=5),
        "ndcg@10": lambda case, hits: ndcg_at(case, hits, k=10),
        "mrr": lambda case, hits: reciprocal_rank(case, hits, k=DEPTH),
    }
)


def retrieval_scores(answered: Answered) -> list[Score]:
    """Score what the search found for the turn's query. None where nobody asked the search, or the case has no gold passage.

    Where the search failed, or the answer before there was anything to search for, each is a failure.
    """
    hits = answered.hits
    if hits is None:
        failure_code = SEARCH_FAILED if answered.search_failed else answered.failure
        return [] if failure_code is None else retrieval_failures(answered.case, failure_code)
    if not has_gold(answered.case):
        return []
    return [
        Score(metric=name, judge=LABELS, target="turn", value=metric(answered.case, hits)) for name, metric in RETRIEVAL_METRICS.items()
    ]


def retrieval_failures(case: Case, failure_code: str) -> list[Score]:
    """Return the failures of a search that was due and gave nothing to score; none where the case has no gold passage."""
    names = RETRIEVAL_METRICS if has_gold(case) else ()
    return [Score(metric=name, judge=LABELS, target="turn", value=None, failure_code=failure_code) for name in names]


def _most_hits(case: Case, hits: Sequence[CitedSpan], *, k: int) -> int:
    """Return how many hits gain something in the best order: as many as gold passages, less those that share a hit here."""
    found = sum(any(holds_gold(hit, gold) for hit in hits[:k]) for gold in case.gold)
    gaining, left = 0, list(case.gold)
    for hit in hits[:k]:
        held = [gold for gold in left if holds_gold(hit, gold)]
        gaining += bool(held)
        left = [gold for gold in left if gold not in held]
    return min(k, len(case.gold) - (found - gaining))
