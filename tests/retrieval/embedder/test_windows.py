import re

from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedder.windows import windows


def letters(text: str) -> list[tuple[int, int]]:
    """A tokenizer that finds each character but spaces."""
    return [(place, place + 1) for place, character in enumerate(text) if not character.isspace()]


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def pieces_that_grow_at_the_edges(text: str) -> list[tuple[int, int]]:
    """A tokenizer that finds two tokens more in a text that begins within a word: what cutting may do."""
    return letters(text) + ([(0, 0)] * 2 if text[:1].isalpha() else [])


@given(st.text(alphabet="ab \n", max_size=300), st.integers(1, 20), st.sampled_from([letters, words]))
def test_windows_fit_and_together_are_the_text(text, max_tokens, spans_of):
    pieces = windows(text, spans_of=spans_of, max_tokens=max_tokens)
    assert "".join(pieces) == text
    assert all(len(spans_of(piece)) <= max_tokens for piece in pieces)


@given(st.text(alphabet="ab ", max_size=100), st.integers(4, 20))
def test_windows_fit_also_where_cutting_makes_tokens(text, max_tokens):
    pieces = windows(text, spans_of=pieces_that_grow_at_the_edges, max_tokens=max_tokens)
    assert "".join(pieces) == text
    assert all(len(pieces_that_grow_at_the_edges(piece)) <= max_tokens for piece in pieces)


def test_a_text_that_fits_is_left_alone():
    assert windows("three short words", spans_of=words, max_tokens=3) == ["three short words"]
    assert windows("", spans_of=words, max_tokens=3) == [""]


def test_cuts_fall_before_words():
    assert windows("abcd efgh ijkl", spans_of=letters, max_tokens=6) == ["abcd ", "efgh ", "ijkl"]


def test_a_word_longer_than_the_window_is_cut():
    assert windows("abcdefghij", spans_of=letters, max_tokens=4) == ["abcd", "efgh", "ij"]
