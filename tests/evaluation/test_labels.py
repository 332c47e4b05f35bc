"""What labels say of a text, against values worked out by hand."""

import pytest

from evaluation.cases import GoldPassage
from evaluation.labels import CitedSpan, answer_found, holds_gold

GOLD = GoldPassage(document="travel.docx", page=None, quote="Dinner abroad is refunded up to 1,250 crowns.")


@pytest.mark.parametrize(
    ("text", "answers", "found"),
    [
        ("It is 1,250 crowns [2].", ("1250 crowns",), True),
        ("It is 1 250  Crowns.", ("1250 crowns",), True),
        ("Up to 14 [1] days", ("14 days",), True),
        ("It is 114 days.", ("14 days",), False),
        ("It is 14 daysworth.", ("14 days",), False),
        ("The rota | 2 | nights", ("rota 2 nights",), True),
        ("In 2019 200 people came.", ("200 people",), True),
        ("In 2019 200 people came.", ("2019200 people",), False),
        ("It cost 1.5 200 times.", ("1.5",), True),
        ("It is No.1,250 of 12'345'678.", ("1250", "12345678"), True),
        ("It is 12'345'678.", ("12345678",), True),
        ("Nothing.", ("",), False),
        ("Two weeks.", ("14 days", "two weeks"), True),
    ],
)
def test_answer_found(text: str, answers: tuple[str, ...], found: bool) -> None:
    assert answer_found(text, answers) is found


def test_gold_is_held_by_the_same_document_alone() -> None:
    assert holds_gold(CitedSpan("travel.docx", "Rules. Dinner abroad is refunded up to 1250 crowns. More."), GOLD)
    assert not holds_gold(CitedSpan("other.docx", GOLD.quote), GOLD)
    assert holds_gold(CitedSpan("travel.docx", "abroad is refunded up to 1,250"), GOLD)
    assert not holds_gold(CitedSpan("travel.docx", "up to"), GOLD)
