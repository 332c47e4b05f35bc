"""What may go out in the model's own words: the kinds of sentences that a small model writes, against the sentence they would cite."""

import pytest

from serving.own_words import may_stand

QUESTION = "How long is the trial period of a team leader?"


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("It is six months [2].", "For team leaders and above it is six months."),
        ("The probationary period is 6 months.", "The probationary period of team leaders is six months."),
        ("Somebody who leads a team is on probation for six months.", "Team leaders are on probation for six months."),
    ],
)
def test_what_the_cited_sentence_holds_may_stand(claim: str, cited: str) -> None:
    assert may_stand(claim, question=QUESTION, cited=[cited])


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("The trial period of a team leader is 10 days [8].", "Team meeting: once a week, fifteen minutes."),
        ("The trial period of a team leader [1].", "For team leaders and above it is six months."),
        ("EQUIPMENT AND COSTS", "EQUIPMENT AND COSTS"),
        ("The document is a report of the company's financial results.", "This document is valid from 1 May."),
        ("", "For team leaders and above it is six months."),
    ],
)
def test_what_it_does_not_hold_or_adds_nothing_may_not(claim: str, cited: str) -> None:
    assert not may_stand(claim, question=QUESTION, cited=[cited])


def test_context_and_several_sentences_count_together() -> None:
    assert may_stand("In Poland a hotel costs 95 euros.", question="And in Poland?", cited=["Hotels: euros a night\nPoland | 95"])
    assert not may_stand("In Poland a hotel costs 95 euros.", question="And in Poland?", cited=["Hotels: euros a night\nSpain | 90"])
