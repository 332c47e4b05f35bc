"""Label scores against values worked out by hand."""

import pytest

from evaluation.cases import Case, GoldPassage
from evaluation.labels import CitedSpan, answer_found, holds_gold, score

GOLD = GoldPassage(document="travel.docx", page=None, quote="Dinner abroad is refunded up to 1,250 crowns.")


def case(*, answerable: bool = True) -> Case:
    return Case(
        id="c1",
        part="test",
        kind="fact",
        question="?",
        history=(),
        answerable=answerable,
        reference_answer="",
        answers=("1250 crowns",) if answerable else (),
        gold=(GOLD,) if answerable else (),
        document="travel.docx",
    )


@pytest.mark.parametrize(
    ("text", "answers", "found"),
    [
        ("It is 1,250 crowns [2].", ("1250 crowns",), True),
        ("It is 1 250  Crowns.", ("1250 crowns",), True),
        ("Up to 14 [1] days", ("14 days",), True),
        ("It is 114 days.", ("14 days",), False),
        ("It is 14 daysworth.", ("14 days",), False),
        ("The rota | 2 | nights", ("rota 2 nights",), True),
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


def test_abstaining_is_right_only_where_there_is_no_answer() -> None:
    nothing = {"text": "The documents do not say.", "abstained": True, "cited": (), "retrieved": ()}
    assert score(case(answerable=False), **nothing).right_abstention == 1
    declined = score(case(), **nothing)
    assert (declined.answer_found, declined.gold_cited, declined.right_abstention) == (0, 0, 0)


def test_an_answer_with_its_gold_passage() -> None:
    scores = score(
        case(), text="1,250 crowns [1]", abstained=False, cited=(CitedSpan("travel.docx", GOLD.quote),), retrieved=(CitedSpan("x", "y"),)
    )
    assert (scores.answer_found, scores.gold_cited, scores.gold_retrieved, scores.right_abstention) == (1, 1, 0, 1)
