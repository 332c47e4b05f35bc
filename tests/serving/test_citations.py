from hypothesis import given
from hypothesis import strategies as st

from serving.citations import Marker, cite, find_markers, keep_markers, marked_numbers, strip_markers, unknown_numbers
from serving.judge.port import Judgement, Support
from tests.serving.passages import make_passage

PASSAGES = (
    make_passage(1, "Staff have 28 days of leave. It starts in April.", start=100),
    make_passage(2, "Leave of 28 days is paid.", start=7, page=None),
    make_passage(3, "The canteen opens at noon.", start=0),
)
FIRST, SECOND = Support(passage=1, score=0.9, start=100, end=128), Support(passage=2, score=0.7, start=7, end=32)
THIRD = Support(passage=3, score=0.1, start=0, end=26)
SUPPORTED = Judgement(score=0.95, supported=True, supports=(FIRST, SECOND, THIRD))

MARKED = st.lists(st.sampled_from(["days", " ", "[1]", "[2, 9]", "[ 3 ]", "[x]", "[1", "]", ".", "\n", "[12345]"]), max_size=12).map(
    "".join
)


def test_markers_with_their_spans():
    assert find_markers("A [1], b [1, 3].[2][x]") == (Marker(2, 5, (1,)), Marker(9, 15, (1, 3)), Marker(16, 19, (2,)))
    assert marked_numbers("A [3] [1, 3]") == (3, 1)
    assert unknown_numbers("A [0] [1, 4] [4]", n_passages=3) == (0, 4)


def test_stripping_leaves_plain_prose():
    assert strip_markers("Leave is 28 days [1]. Paid. [2][3]") == "Leave is 28 days. Paid."
    assert strip_markers("[1] Leave is paid.") == "Leave is paid."
    assert strip_markers("  no markers ") == "  no markers "


def test_keeping_some_numbers():
    assert keep_markers("A [1, 9] b [9], c [2]", {1, 2}) == "A [1] b, c [2]"


@given(MARKED)
def test_stripping_leaves_no_marker_and_keeping_all_changes_nothing(text):
    assert keep_markers(text, set(marked_numbers(text))) == text
    assert not set(marked_numbers(keep_markers(text, {1}))) - {1}


def test_markers_of_passages_that_support_are_kept_in_the_order_written():
    citations = cite("Leave is 28 days [2, 1] [3].", SUPPORTED, PASSAGES, threshold=0.5)
    assert [(citation.passage, citation.marked) for citation in citations] == [(2, True), (1, True)]
    assert citations[1].quote == "Staff have 28 days of leave."
    assert (citations[1].start, citations[1].end, citations[1].page, citations[1].score) == (100, 128, 3, 0.9)
    assert citations[0].page is None


def test_a_missing_citation_is_found():
    for text in ("Leave is 28 days.", "Leave is 28 days [3].", "Leave is 28 days [7]."):
        (citation,) = cite(text, SUPPORTED, PASSAGES, threshold=0.5)
        assert (citation.passage, citation.marked) == (1, False)


def test_the_best_of_passages_that_support_only_together_is_kept():
    together = Judgement(score=0.8, supported=True, supports=(Support(2, 0.4, 7, 12), Support(1, 0.3, 100, 105)))
    (citation,) = cite("Both [1][2].", together, PASSAGES, threshold=0.5)
    assert (citation.passage, citation.marked, citation.quote) == (2, True, "Leave")


def test_an_unsupported_claim_has_no_citation():
    assert cite("Leave is 40 days [1].", Judgement(score=0.2, supported=False, supports=(FIRST,)), PASSAGES, threshold=0.5) == ()
    assert cite("Leave [1].", Judgement(score=0.9, supported=True, supports=()), PASSAGES, threshold=0.5) == ()
