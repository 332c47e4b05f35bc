import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.judge.features import FEATURES, features, nearest_sentence, read

EVIDENCE = ["The office in Berlin has 12 staff.", "It is not open on Sunday.", "Costs decreased in 2020."]
SIMILARITIES = [0.9, 0.4, 0.1]


def named(claim: str, evidence: list[str] = EVIDENCE, similarities: list[float] = SIMILARITIES, *, context: str = "") -> dict[str, float]:
    vector = features(read(claim), [read(sentence, context=context) for sentence in evidence], similarities)
    return dict(zip(FEATURES, vector.tolist(), strict=True))


def test_a_claim_that_is_the_evidence() -> None:
    found = named("The office in Berlin has 12 staff.")
    assert found == {
        "similarity": 0.9,
        "words_found": 1.0,
        "names_missing": 0.0,
        "name_exchanged": 0.0,
        "numbers_missing": 0.0,
        "number_exchanged": 0.0,
        "negation_added": 0.0,
        "negation_dropped": 0.0,
        "opposite_said": 0.0,
        "speaker_words": 0.0,
        "length": pytest.approx(math.log1p(4)),
    }


def test_an_exchanged_name() -> None:
    found = named("The office in Paris has 12 staff.")
    assert found["names_missing"] == 1
    assert found["name_exchanged"] == pytest.approx((3 / 4) ** 3)
    assert found["words_found"] == pytest.approx(3 / 4)


def test_an_exchanged_number() -> None:
    found = named("The office in Berlin has 14 staff.")
    assert found["numbers_missing"] == 1
    assert found["number_exchanged"] == pytest.approx((3 / 4) ** 3)


def test_a_number_in_words_is_found() -> None:
    assert named("The office in Berlin has twelve staff.")["numbers_missing"] == 0


def test_an_added_negation() -> None:
    found = named("The office in Berlin does not have 12 staff.")
    assert (found["negation_added"], found["negation_dropped"]) == (1.0, 0.0)


def test_a_dropped_negation() -> None:
    found = named("It is open on Sunday.", similarities=[0.1, 0.9, 0.1])
    assert (found["negation_added"], found["negation_dropped"]) == (0.0, 1.0)


def test_an_opposite() -> None:
    assert named("Costs increased in 2020.", similarities=[0.1, 0.1, 0.9])["opposite_said"] == pytest.approx((2 / 3) ** 3)


def test_a_word_with_the_same_beginning_counts_in_part() -> None:
    found = named("methylation", ["methylated dna"], [0.5])["words_found"]
    assert 0.6 <= found < 1.0


def test_the_context_counts_as_present() -> None:
    assert named("Turnover in Berlin was 12 in 2021", ["Berlin | 12"], [0.5])["numbers_missing"] == 1
    found = named("Turnover in Berlin was 12 in 2021", ["Berlin | 12"], [0.5], context="City | Turnover 2021")
    assert (found["numbers_missing"], found["words_found"]) == (0.0, 1.0)


def test_of_equally_near_sentences_the_first() -> None:
    same = read("The same words.")
    assert nearest_sentence(same, [same, same], [0.5, 0.5]) == 0


@given(st.text(), st.lists(st.tuples(st.text(), st.floats(-1, 1)), min_size=1, max_size=5))
def test_features_are_finite_and_within_their_ranges(claim: str, evidence: list[tuple[str, float]]) -> None:
    found = named(claim, [text for text, _ in evidence], [similarity for _, similarity in evidence])
    assert all(math.isfinite(value) for value in found.values())
    assert all(-1 <= value <= 3 for name, value in found.items() if name != "length")
