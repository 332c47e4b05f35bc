import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.judge.words import contradicts, stem, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("decreases", "decreased"),
        ("policies", "policy"),
        ("running", "runs"),
        ("inhibits", "inhibited"),
        ("boxes", "box"),
        ("planned", "plan"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize("word", ["class", "status", "analysis", "is", "red", "bus"])
def test_a_stem_leaves_what_is_no_ending(word: str) -> None:
    assert stem(word) == word


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The office in Berlin opened.", ("berlin",)),
        ("Berlin has an office.", ()),
        ("We use GBP1, iPhone and NATO's rules.", (stem("gbp1"), stem("iphone"), "nato")),
        ("iPhone users pay. Customers in Rome do not.", (stem("iphone"), "rome")),
        ("The 21st floor", ()),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert words(text).names == names


@pytest.mark.parametrize("text", ["It is not allowed.", "He can’t.", "They don't.", "No refund.", "without a permit", "cannot"])
def test_negated(text: str) -> None:
    assert words(text).is_negated


@pytest.mark.parametrize("text", ["It is allowed.", "Noah can.", "a note"])
def test_not_negated(text: str) -> None:
    assert not words(text).is_negated


def test_content_leaves_function_words_out() -> None:
    assert words("The office is on the second floor").content == ("offic", "second", "floor")


def test_the_writer_speaks() -> None:
    assert words("I think you are right").speaker == ("i", "you")


@pytest.mark.parametrize(
    ("claim", "evidence", "expected"),
    [
        ("Costs increased.", "Costs decreased.", True),
        ("Costs decreased.", "Costs increased.", True),
        ("Hand it in after noon.", "Hand it in before noon.", True),
        ("Costs increased.", "Costs increased after they had decreased.", False),
        ("Costs increased.", "Costs are known.", False),
    ],
)
def test_contradicts(claim: str, evidence: str, expected: bool) -> None:
    assert contradicts(words(claim), words(evidence)) is expected


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    found = words(text)
    assert set(found.content) <= found.present
    assert set(found.names) <= found.present
