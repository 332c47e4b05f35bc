import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.types import Message
from serving.rewriting import is_follow_up, standalone_query


def dialogue(*questions):
    return [message for question in questions for message in (Message("user", question), Message("assistant", "The canteen is closed."))]


@pytest.mark.parametrize(
    "question",
    [
        "And for part-time staff?",
        "What about contractors in Leeds?",
        "Who approves it?",
        "Why?",
        "How long does that take in Skelderby?",
        "Is there one in Leeds?",
        "Since when?",
    ],
)
def test_follow_ups(question):
    assert is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "How many days of parental leave do fathers get?",
        "Is there a canteen in the Skelderby plant?",
        "Which pump that is sold in Leeds costs most?",
    ],
)
def test_questions_that_stand_alone(question):
    assert not is_follow_up(question)
    assert standalone_query(question, dialogue("Who repairs pumps?")) == question


def test_a_follow_up_carries_the_content_words_that_it_lacks():
    query = standalone_query("Is it paid for part-time staff?", dialogue("How long is parental leave for staff?"))
    assert query == "Is it paid for part-time staff? long parental leave"


def test_what_was_carried_is_handed_on():
    query = standalone_query("And who approves it?", dialogue("How long is parental leave?", "Is it paid?"))
    assert query == "And who approves it? paid long parental leave"


def test_a_new_topic_ends_the_old_one():
    history = dialogue("How long is parental leave?", "Which pump has the highest flow rate?")
    assert "leave" not in standalone_query("How much does it cost?", history)


def test_answers_are_not_carried():
    assert "canteen" not in standalone_query("Is it paid?", dialogue("How long is parental leave?"))


def test_no_history_changes_nothing():
    assert standalone_query(" Is it paid? ", []) == "Is it paid?"


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=4))
def test_the_question_itself_always_comes_first(question, earlier):
    assert standalone_query(question, dialogue(*earlier)).startswith(question.strip())
