import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.near_duplicates import containment, drop_near_duplicates
from tests.retrieval.documents import found, hits_on

CARRY_OVER = "Up to five days of unused leave may be carried over into the next year, until the end of March."


def kept(*texts: str, overlap: float = 0.8, limit: int | None = None) -> list[str]:
    return [hit.chunk.text for hit in drop_near_duplicates(hits_on(*texts), overlap=overlap, limit=limit)]


def test_copy_of_a_better_hit_is_dropped_whatever_its_case_and_spacing():
    assert kept(CARRY_OVER, CARRY_OVER.upper().replace(" ", "\n")) == [CARRY_OVER]


def test_piece_of_a_better_hit_is_dropped_but_not_the_longer_text_that_holds_one():
    longer = CARRY_OVER + " Whoever leaves is paid for the rest, with the last salary, less what was taken too early."
    assert kept(longer, CARRY_OVER) == [longer]
    assert kept(CARRY_OVER, longer) == [CARRY_OVER, longer]


def test_other_figure_is_another_fact():
    old, new = "The flat rate per night is 85 euros for all of Europe, paid back within ten days.", None
    new = old.replace("85", "95")
    assert containment(new, old) > 0.7
    assert kept(old, new, overlap=0.7) == [old, new]
    assert kept(old, old.replace("all of", "the whole of"), overlap=0.5) == [old]


def test_figures_with_separators_are_compared_whole():
    assert (
        len(
            kept(
                "The pump costs 1,250.00 euros with its valve and hose", "The pump costs 1,260.00 euros with its valve and hose", overlap=0
            )
        )
        == 2
    )


def test_overlap_is_the_share_of_the_worse_hits_three_word_runs():
    assert containment("a b c d", "a b c x") == pytest.approx(1 / 2)
    assert containment("a b c", "x a b c y") == 1
    assert containment("a b", "a b c") == 0  # too short for a run of three: it is one run of two


def test_texts_without_words_are_compared_too():
    assert kept("…", "—") == ["…"]


def test_stops_when_enough_are_kept():
    assert kept("one two three", "one two three", "four five six", "seven eight nine", limit=2) == ["one two three", "four five six"]


@given(found(), st.floats(0, 1))
def test_best_stays_order_stays_and_a_second_pass_changes_nothing(documents_and_hits, overlap):
    _, hits = documents_and_hits
    once = drop_near_duplicates(hits, overlap=overlap)
    assert list(once[:1]) == hits[:1]
    assert [hit for hit in hits if hit in once] == list(once)
    assert drop_near_duplicates(once, overlap=overlap) == once
