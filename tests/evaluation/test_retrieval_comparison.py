"""Metrics against hand-worked values."""

import math

import pytest

from evaluation.cases import Case, GoldPassage
from evaluation.labels import CitedSpan
from evaluation.retrieval_comparison import COMPARED, can_be_compared, compare
from evaluation.retrieval_metrics import document_reciprocal_rank, ndcg_at, recall_at, reciprocal_rank
from footnote.core.errors import InvalidInput
from footnote.core.types import Message


def case(*quotes: str, answerable: bool = True, history: tuple[Message, ...] = ()) -> Case:
    gold = tuple(GoldPassage(document="tides.md", page=None, quote=quote) for quote in quotes)
    return Case("c", "test", "fact", "When?", history, answerable, "At six.", ("six",), gold, "tides.md")


def hits(*texts: str, document: str = "tides.md") -> list[CitedSpan]:
    return [CitedSpan(document=document, text=text) for text in texts]


def test_recall_counts_gold_passages():
    both = case("high tide at six", "low tide at noon")
    found = hits("nothing", "We have high tide at six.", "And low tide at noon.")
    assert [recall_at(both, found, k=k) for k in (1, 2, 3)] == [0, 0.5, 1]
    assert recall_at(both, hits("high tide at six", document="other.md"), k=5) == 0


def test_ndcg_of_two_passages():
    both = case("high tide at six", "low tide at noon")
    found = hits("high tide at six", "nothing", "low tide at noon")
    best = 1 + 1 / math.log2(3)
    assert ndcg_at(both, found, k=10) == pytest.approx((1 + 1 / math.log2(4)) / best)
    assert ndcg_at(both, found, k=2) == pytest.approx(1 / best)
    assert ndcg_at(both, hits("high tide at six", "high tide at six"), k=10) == pytest.approx(1 / best), "once"
    assert ndcg_at(both, hits("high tide at six, low tide at noon"), k=10) == 1, "one hit holds both"
    assert ndcg_at(both, [], k=10) == 0


def test_reciprocal_ranks():
    one = case("high tide at six")
    assert reciprocal_rank(one, hits("a", "b", "high tide at six"), k=10) == pytest.approx(1 / 3)
    assert reciprocal_rank(one, hits("a", "b", "high tide at six"), k=2) == 0
    mixed = [*hits("x", document="other.md"), *hits("of the right document, another passage")]
    assert (reciprocal_rank(one, mixed, k=10), document_reciprocal_rank(one, mixed, k=10)) == (0, 0.5)


def test_cases_that_cannot_be_compared():
    assert can_be_compared(case("high tide at six"))
    assert not can_be_compared(case("x", answerable=False))
    assert not can_be_compared(case())
    assert not can_be_compared(case("x", history=(Message("user", "And then?"),)))


def test_one_that_finds_nothing_any_more_is_worse_and_one_that_finds_the_same_is_not():
    cases = [case("high tide at six")] * 20
    found, nothing = [hits("high tide at six")] * 20, [hits("nothing")] * 20
    worse = compare(cases, old=found, new=nothing, n_given=25)
    assert set(worse.worse) == {"recall@5", "recall@10", "ndcg@10", "mrr"}
    assert (worse.metrics["recall@5"].old.mean, worse.metrics["recall@5"].difference.mean) == (1, -1)
    assert compare(cases, old=found, new=found, n_given=20).worse == ()
    assert compare(cases, old=nothing, new=found, n_given=20).worse == ()
    told = worse.as_json()
    assert (told["n_cases"], told["n_given"], set(told["metrics"])) == (20, 25, set(COMPARED))
    assert "tide" not in str(told)


def test_a_difference_that_may_be_chance_is_not_worse():
    cases = [case("high tide at six")] * 20
    old = [hits("high tide at six")] * 20
    new = [hits("nothing"), *old[1:]]
    assert compare(cases, old=old, new=new, n_given=20).worse == ()


def test_no_case_is_no_comparison():
    with pytest.raises(InvalidInput):
        compare([], old=[], new=[], n_given=3)
