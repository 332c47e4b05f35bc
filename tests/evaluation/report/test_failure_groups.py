"""Failing cases are grouped under the words that they share and others do not."""

from evaluation.report.failure_groups import group_failures, terms_of

QUESTIONS = {
    "a1": "What may a hotel in Poland cost?",
    "a2": "Is breakfast part of the hotel limit?",
    "a3": "Which hotels give us a company rate?",
    "b1": "How often is the forklift inspected?",
    "b2": "Who may drive a forklift at night?",
    "c1": "Where is the first-aid box?",
    "ok1": "How long is the probation of a team leader?",
    "ok2": "When is the canteen open at night?",
    "ok3": "Who signs an invoice of 5,000 pounds?",
    "ok4": "Which company do we rent laptops from?",
}
FAILING = {"a1", "a2", "a3", "b1", "b2", "c1"}


def test_failures_are_grouped_largest_first_and_each_stands_once() -> None:
    assert group_failures(QUESTIONS, FAILING) == (("a1", "a2", "a3"), ("b1", "b2"), ("c1",))


def test_terms_are_as_people_wrote_them_and_none_where_nothing_is_shared() -> None:
    assert terms_of(("a1", "a2", "a3"), QUESTIONS) == ("hotel",)
    assert terms_of(("b1", "b2"), QUESTIONS) == ("forklift",)
    assert terms_of(("c1",), QUESTIONS) == ()


def test_a_word_that_other_questions_hold_as_often_makes_no_group() -> None:
    questions = {f"x{i}": f"policy number{i}" for i in range(10)} | {f"y{i}": f"policy other{i}" for i in range(10)}
    groups = group_failures(questions, [f"x{i}" for i in range(3)])
    assert groups == (("x0", "x1", "x2"),)
    assert terms_of(groups[0], {key: text for key, text in questions.items() if key[0] == "x"}) == ()


def test_where_all_fail_the_commonest_word_makes_a_group() -> None:
    questions = {"a": "hotel Poland", "b": "hotel Spain", "c": "forklift"}
    assert group_failures(questions, questions) == (("a", "b"), ("c",))


def test_order_and_unknown_questions_do_not_matter() -> None:
    backwards = dict(reversed(list(QUESTIONS.items())))
    assert group_failures(backwards, sorted(FAILING, reverse=True)) == group_failures(QUESTIONS, FAILING)
    assert group_failures({}, ["gone"]) == (("gone",),)
    assert terms_of(("gone",), {}) == ()
    assert group_failures(QUESTIONS, ()) == ()
