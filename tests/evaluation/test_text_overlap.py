"""Overlap of wording against values worked out by hand."""

import math

import pytest

from evaluation.text_overlap import bleu, rouge_l, token_f1, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 13.5 km, or 1,250 m!", ["it", "s", "13.5", "km", "or", "1250", "m"]),
        ("Before 09:00 (sharp)", ["before", "09:00", "sharp"]),
        ("a_b | c-d", ["a", "b", "c", "d"]),
        ("潮は6時", ["潮", "は", "6", "時"]),
        ("किताब।", ["किताब"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_token_f1_is_that_of_the_nearest_reference() -> None:
    # shared: six, months; 4 words without the article, 2 expected -> P 1/2, R 1
    assert token_f1("The period is six months.", ("six months",)) == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert token_f1("The period is six months.", ("a year", "six months")) == pytest.approx(2 / 3)
    assert token_f1("six six", ("six",)) == pytest.approx(2 / 3), "a word counts as often as it stands"
    assert token_f1("", ("six months",)) == 0
    assert token_f1("six months", ()) == 0


def test_rouge_l_follows_the_order_of_words() -> None:
    # Lin 2004, section 3.1: "police kill the gunman" shares two words in order, "the gunman police killed" likewise two
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference) == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", reference) == pytest.approx(2 / 4)
    assert rouge_l("the gunman", reference) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert rouge_l("", reference) == 0


def test_bleu_of_four_orders() -> None:
    # "the cat sat on the mat" against "the cat sat on a mat": 5/6 words, 3/5 pairs, 2/4 triples, 1/3 runs of four, no brevity penalty
    expected = (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu("the cat sat on the mat", "the cat sat on a mat") == pytest.approx(expected)
    # one of three words, of which the order of pairs has none: half a match of two, the order of triples a quarter of one
    smoothed = (1 / 3 * (1 / 2) / 2 * (1 / 4) / 1) ** (1 / 3)
    assert bleu("dogs sat down", "the cat sat") == pytest.approx(smoothed)
    assert bleu("the cat", "the cat sat") == pytest.approx(math.exp(1 - 3 / 2)), "brevity, and no orders beyond the text's length"
    assert bleu("the cat sat on a mat", "the cat sat on a mat") == 1
    assert bleu("", "the cat") == 0
