import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.schema import RRF_K
from retrieval.scores import SearchMode, shown_score


def test_first_of_both_lists_has_one_and_first_of_a_single_list_half():
    assert shown_score(SearchMode.HYBRID, 1 / RRF_K + 1 / RRF_K, 0) == pytest.approx(1)
    assert shown_score(SearchMode.HYBRID, 1 / RRF_K, 0) == pytest.approx(0.5)


def test_dense_score_is_the_cosine_and_never_negative():
    assert shown_score(SearchMode.DENSE, 0.42, 0) == 0.42
    assert shown_score(SearchMode.DENSE, -0.1, 0) == 0


def test_bm25_score_goes_by_rank():
    assert [shown_score(SearchMode.BM25, 17.0, rank) for rank in (0, RRF_K)] == [1, 0.5]


@given(st.sampled_from(SearchMode), st.lists(st.floats(-1, 100), min_size=2, max_size=20))
def test_scores_stay_in_bounds_and_never_rise_along_the_list(mode, engine_scores):
    shown = [shown_score(mode, score, rank) for rank, score in enumerate(sorted(engine_scores, reverse=True))]
    assert shown == sorted(shown, reverse=True)
    assert mode is SearchMode.HYBRID or all(0 <= score <= 1 for score in shown)
