"""Scores by labels: which cases have which, and what they are, worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evaluation.label_metrics import LabelScorer, label_values
from evaluation.labels import CitedSpan
from evaluation.metrics import METRICS
from evaluation.retrieval_metrics import RETRIEVAL_METRICS
from evaluation.scores import Score
from tests.evaluation.answers import answered, case, passage

HIGH, LOW = "High tide is at six.", "Low tide is at noon."
DECLINED = "The documents do not say."


def of(scores: list[Score], target: str) -> dict[str, float | None]:
    return {score.metric: score.value for score in scores if score.target == target}


def test_an_answer_and_its_citations() -> None:
    known = case(HIGH, LOW, answers=("six",), reference="At six.")
    cited = [CitedSpan("tides.md", f"Tables. {HIGH}"), CitedSpan("tides.md", "Boats leave early in the morning.")]
    values = label_values(known, text="It is at six.", abstained=False, cited=cited)
    assert values == {
        "abstention": 1,
        "answer_found": 1,
        "answer_f1": 2 * 2 / (4 + 2),
        "rouge_l": 2 * 2 / (4 + 2),
        "bleu": values["bleu"],
        "citations": 1,
        "citation_precision": 0.5,
        "citation_recall": 0.5,
    }
    assert 0 < values["bleu"] < 1


def test_an_answer_without_citations_has_recall_and_no_precision() -> None:
    values = label_values(case(HIGH), text="At six.", abstained=False, cited=())
    assert values == {"abstention": 1, "citations": 0, "citation_recall": 0}


def test_a_declined_answer_neither_answers_nor_cites() -> None:
    known = case(HIGH, answers=("six",), reference="At six.")
    values = label_values(known, text="The documents do not say, at six.", abstained=True, cited=[CitedSpan("tides.md", HIGH)])
    assert values == {
        "abstention": 0,
        "abstention_precision": 0,
        "answer_found": 0,
        "answer_f1": 0,
        "rouge_l": 0,
        "bleu": 0,
        "citations": 0,
        "citation_recall": 0,
    }


def test_unanswerable_cases_are_about_abstention_alone() -> None:
    unanswerable = case(answerable=False, reference="The documents do not say.")
    assert label_values(unanswerable, text=DECLINED, abstained=True, cited=()) == {
        "abstention": 1,
        "abstention_precision": 1,
        "abstention_recall": 1,
    }
    assert label_values(unanswerable, text="At six.", abstained=False, cited=()) == {"abstention": 0, "abstention_recall": 0}


def test_where_nobody_said_whether_there_is_an_answer_abstaining_is_neither_right_nor_wrong() -> None:
    assert label_values(case(answerable=None), text="At six.", abstained=True, cited=()) == {}
    assert set(label_values(case(HIGH, answerable=None, answers=("six",)), text="At six.", abstained=False, cited=())) == {
        "answer_found",
        "answer_f1",
        "citations",
        "citation_recall",
    }


async def test_draft_and_shown_text_are_scored_apart() -> None:
    passages = (passage(1, f"Boats. {HIGH}"), passage(2, "Boats leave early in the morning."))
    both = answered(
        case(HIGH, answers=("six",)),
        draft="It is at nine [2].",
        shown=f"“{HIGH}”",
        cited=(1,),
        passages=passages,
    )
    scores = list(await LabelScorer().score(both))
    draft, shown = of(scores, "draft"), of(scores, "shown")
    assert (draft["answer_found"], draft["citations"], draft["citation_precision"]) == (0, 0, 0)
    assert (shown["answer_found"], shown["citations"], shown["citation_precision"]) == (1, 1, 1)
    assert of(scores, "turn") == {}, "nobody asked the search"


async def test_a_marker_that_names_no_passage_is_a_wrong_citation_of_the_draft() -> None:
    known = case(HIGH)
    both = answered(known, draft="At six [1][99]. At nine [99].", shown="At six [1].", cited=(1,), passages=(passage(1, HIGH),))
    scores = list(await LabelScorer().score(both))
    assert (of(scores, "draft")["citation_precision"], of(scores, "shown")["citation_precision"]) == (0.5, 1)
    invented = list(await LabelScorer().score(answered(known, draft="At six [7].", passages=(passage(1, HIGH),))))
    assert (of(invented, "draft")["citation_precision"], of(invented, "draft")["citations"]) == (0, 0)
    assert "citation_precision" not in of(invented, "shown")


async def test_a_draft_that_answers_is_no_abstention_because_the_text_shown_is_one() -> None:
    scores = list(await LabelScorer().score(answered(case(answerable=False), draft="At six.", shown=DECLINED, abstained=True)))
    assert of(scores, "draft")["abstention"] == 0
    assert of(scores, "shown")["abstention"] == 1


@pytest.mark.parametrize(
    ("draft", "abstains"),
    [
        (DECLINED, True),
        (f"{DECLINED} [1]", True),
        (f"Thanks for asking. {DECLINED}", True),
        ("The documents do not contain information about parental leave. Please contact HR for help.", True),
        ("The provided passages do not mention this. You may want to ask your manager.", True),
        ("The documents do not say when the office opens. Let me know if I can help with anything else.", True),
        ("I cannot find this. For more information, I recommend contacting the harbour office.", True),
        (f"{DECLINED} Please contact the harbour office [1].", False),
        (f"{DECLINED} You may sail at night.", False),
        (f"{DECLINED} Please note that boats stay in port.", False),
        (f"{DECLINED} High tide is at six [1].", False),
        (f"High tide is at six [1]. {DECLINED}", False),
        ("High tide is at six.", False),
        ("", True),
        ("[1] [2]", True),
    ],
)
def test_a_draft_abstains_where_it_says_so_and_asserts_nothing(draft: str, abstains: bool) -> None:
    assert answered(case(), draft=draft, shown="High tide is at six.").abstained("draft") is abstains


@pytest.mark.parametrize("shown", ["", " \n", "[1]"])
def test_a_text_shown_that_says_nothing_abstains(shown: str) -> None:
    assert answered(case(), draft="High tide is at six.", shown=shown).abstained("shown")


async def test_a_search_that_could_not_be_done_is_missing_and_counted() -> None:
    away = replace(answered(case(HIGH), draft="At six."), search_failed=True)
    broken = answered(case(HIGH), draft="", query="", error_code="ModelUnavailable")
    for one, code in ((away, "search_failed"), (broken, "answer_failed")):
        turn = [score for score in await LabelScorer().score(one) if score.target == "turn"]
        assert {score.metric: score.failure_code for score in turn} == dict.fromkeys(RETRIEVAL_METRICS, code)
    without_gold = replace(answered(case(answers=("six",)), draft="At six."), search_failed=True)
    assert of(list(await LabelScorer().score(without_gold)), "turn") == {}


async def test_hits_are_scored_by_rank() -> None:
    found = answered(case(HIGH, LOW), draft="At six.", hits=[CitedSpan("tides.md", "nothing"), CitedSpan("tides.md", HIGH)])
    turn = of(list(await LabelScorer().score(found)), "turn")
    assert (turn["recall@5"], turn["recall@10"], turn["mrr"]) == (0.5, 0.5, 0.5)
    nothing = answered(case(HIGH), draft=DECLINED, hits=[])
    assert set(of(list(await LabelScorer().score(nothing)), "turn").values()) == {0}, "a search that finds nothing has failed"
    assert of(list(await LabelScorer().score(answered(case(answerable=False), draft="", hits=[]))), "turn") == {}


async def test_an_answer_that_broke_off_is_a_failure_and_no_abstention() -> None:
    for changes, code in (
        ({"error_code": "GenerationTimeout"}, "answer_failed"),
        ({"finish_reason": "cancelled"}, "answer_cancelled"),
        ({"erased_at": datetime(2026, 1, 2, tzinfo=UTC)}, "answer_erased"),
    ):
        scores = await LabelScorer().score(answered(case(answerable=False), draft="", **changes))
        assert {(score.metric, score.value, score.failure_code) for score in scores} == {
            ("abstention", None, code),
            ("abstention_recall", None, code),
        }


def test_of_a_case_without_an_answer_all_that_was_due_is_missing() -> None:
    missing = LabelScorer().missing(case(HIGH, answers=("six",)), "answer_failed")
    assert {(score.value, score.failure_code) for score in missing} == {(None, "answer_failed")}
    assert (
        of(list(missing), "draft").keys()
        == of(list(missing), "shown").keys()
        == {
            "abstention",
            "answer_found",
            "answer_f1",
            "citations",
            "citation_recall",
        }
    )
    assert of(list(missing), "turn").keys() == {"recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr"}
    unanswerable = LabelScorer().missing(case(answerable=False), "answer_failed")
    assert {score.metric for score in unanswerable} == {"abstention", "abstention_recall"}


async def test_every_metric_it_names_is_known_and_can_be_given() -> None:
    full = case(HIGH, answers=("six",), reference="At six.")
    given = await LabelScorer().score(
        answered(full, draft="At six [1].", cited=(1,), passages=(passage(1, HIGH),), hits=[CitedSpan("tides.md", HIGH)])
    )
    declined = await LabelScorer().score(answered(case(answerable=False), draft=DECLINED, abstained=True))
    names = {score.metric for score in (*given, *declined)}
    assert names == set(LabelScorer.metrics)
    assert names <= set(METRICS)
    assert {score.target == "turn" for score in given if not METRICS[score.metric].of_text} == {True}
