import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.judge.quantities import quantities


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 staff", "1000 staff"),
        ("twelve months", "12 months"),
        ("twenty-one", "21"),
        ("two hundred and fifty", "250"),
        ("three thousand four hundred", "3,400"),
        ("3.5 million", "3,500,000"),
        ("$3.5m", "3.5 million"),
        ("5k", "5,000"),
        ("12 %", "12 per cent"),
        ("12.50", "12.5"),
        ("the 21st floor", "the 21 floors"),
        ("4 March 2019", "March 4, 2019"),
        ("4 March 2019", "2019-03-04"),
    ],
)
def test_the_same_quantity_in_two_forms(one: str, other: str) -> None:
    assert set(quantities(one).stated) == set(quantities(other).stated) != set()


@pytest.mark.parametrize(
    ("one", "other"),
    [("12", "13"), ("3.5 million", "3.5 billion"), ("May 2019", "June 2019"), ("1.0.2", "1.0.3"), ("twelve", "twenty")],
)
def test_different_quantities_differ(one: str, other: str) -> None:
    assert set(quantities(one).stated) != set(quantities(other).stated)


@pytest.mark.parametrize("text", ["one of the best", "the first of them", "You may park, and march on.", "half of it", "TDP43 and X2"])
def test_words_that_may_mean_no_number_ask_for_no_evidence(text: str) -> None:
    assert quantities(text).stated == ()


@pytest.mark.parametrize(("text", "key"), [("the first prize", "1"), ("one office", "1"), ("twice a year", "2"), ("a dozen eggs", "12")])
def test_but_they_are_evidence(text: str, key: str) -> None:
    assert key in quantities(text).mentioned


@given(st.integers(min_value=0, max_value=10**12))
def test_thousands_separators_do_not_matter(number: int) -> None:
    assert quantities(f"{number:,}").stated == quantities(str(number)).stated == (str(number),)


@given(st.text())
def test_any_text_can_be_read_and_what_is_stated_is_mentioned(text: str) -> None:
    found = quantities(text)
    assert set(found.stated) <= found.mentioned
    assert len(set(found.stated)) == len(found.stated)
