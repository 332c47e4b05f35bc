from hypothesis import given
from hypothesis import strategies as st

from retrieval.abstention import COVERAGE_WEIGHT, evidence, should_abstain
from retrieval.coverage import Coverage


def test_words_count_beside_similarity():
    assert evidence(similarity=0.4, coverage=0) == 0.4
    assert evidence(similarity=0.4, coverage=1) == 0.4 + COVERAGE_WEIGHT


def test_abstains_below_the_threshold_and_where_nothing_was_found():
    assert should_abstain([], threshold=-1)
    assert should_abstain([0.1, 0.49], threshold=0.5)
    assert not should_abstain([0.1, 0.5], threshold=0.5)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 2))
def test_more_similarity_or_coverage_never_turns_an_answer_into_an_abstention(one, other, some, more, threshold):
    less = evidence(similarity=min(one, other), coverage=min(some, more))
    greater = evidence(similarity=max(one, other), coverage=max(some, more))
    assert should_abstain([less], threshold=threshold) or not should_abstain([greater], threshold=threshold)


def test_coverage_is_the_share_of_content_words_by_stem():
    coverage = Coverage()
    terms = coverage.terms("How often are the pumps inspected in Skelderby?")
    assert len(terms) == 4  # often, pump, inspect, skelderby
    assert coverage.of("The pump in Skelderby was inspected by the works council.", terms) == 0.75
    assert coverage.of("Leave is asked for in writing.", terms) == 0


def test_question_of_stop_words_is_covered_by_nothing():
    coverage = Coverage()
    assert coverage.of("and the of", coverage.terms("and the of")) == 0
