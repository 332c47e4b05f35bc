from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.judge.sentences import fitting_spans, sentence_spans

TEXTS = st.text(alphabet=st.sampled_from('ab AB.!?\n\t|,;1"(’é。 \u2028'), max_size=120) | st.text(max_size=80)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def characters(text: str) -> list[tuple[int, int]]:
    """Tokens of one character, white space left out: the shape of any tokenizer's spans."""
    return [(index, index + 1) for index, character in enumerate(text) if not character.isspace()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there! Three? Four", ["One here.", "Two there!", "Three?", "Four"]),
        ("Dr. Smith met J. Doe at 3 p.m. in the U.S. embassy.", ["Dr. Smith met J. Doe at 3 p.m. in the U.S. embassy."]),
        ("It grew by 3.5 percent. It fell.", ["It grew by 3.5 percent.", "It fell."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("see fig. 3 and no. 4. Then on.", ["see fig. 3 and no. 4.", "Then on."]),
        ("City | Staff\nBerlin. | 12. B\nRome | 3", ["City | Staff", "Berlin. | 12. B", "Rome | 3"]),
        ("a line that is\nwrapped here. And\nNext item", ["a line that is\nwrapped here.", "And", "Next item"]),
        ("Heading\n\n  - item one\n  - item two", ["Heading", "- item one", "- item two"]),
        ("猫が好き。犬も。", ["猫が好き。", "犬も。"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(TEXTS)
def test_spans_are_ordered_disjoint_and_lose_nothing_but_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


@given(TEXTS, st.integers(min_value=1, max_value=20))
def test_fitting_spans_cover_the_text_and_fit(text: str, max_tokens: int) -> None:
    spans = fitting_spans(text, token_spans=characters, max_tokens=max_tokens)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(len(characters(text[start:end])) <= max_tokens for start, end in spans)


def test_a_text_that_fits_is_not_cut() -> None:
    assert fitting_spans("abc def", token_spans=characters, max_tokens=6) == [(0, 7)]


def test_a_long_text_is_cut_at_white_space() -> None:
    assert [("one two three four"[a:b]) for a, b in fitting_spans("one two three four", token_spans=characters, max_tokens=8)] == [
        "one two ",
        "three ",
        "four",
    ]
