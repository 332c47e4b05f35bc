"""RAGAS's metrics with a judge at a server: values worked out by hand, and what becomes of questions that fail."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from evaluation.ragas_metrics.factory import open_ragas_scorers
from evaluation.ragas_metrics.language_model_scorer import judge_name
from footnote.core.errors import ModelUnavailable
from footnote.core.settings import JudgeSettings
from footnote.core.types import Message
from tests.evaluation.answers import answered, case, passage
from tests.evaluation.ragas_metrics.scripted_judge import MODEL, Judge, judge_server, say

ANSWER = "High tide is at noon. Low tide is at six. The harbour closes at ten."
STATEMENTS = ["High tide is at noon", "Low tide is at six", "The harbour closes at ten"]
PASSAGES = (passage(1, "Boats are blue."), passage(2, "A useful table of tides."), passage(3, "Another useful table."))


def settings(server, **changes):
    fields = {"timeout_s": 30.0, "n_retries": 0, **changes}
    return JudgeSettings(kind="openai_compatible", base_url=server.base_url, model=MODEL, **fields)


@asynccontextmanager
async def scorer(judge, embedder, **changes):
    async with judge_server(judge) as server, open_ragas_scorers(settings(server, **changes), judge=None, embedder=embedder) as opened:
        (only,) = opened
        assert not only.not_measured
        yield only


def by_metric(scores):
    return {(score.metric, score.target): score for score in scores}


async def test_values_are_those_that_ragas_defines(embedder):
    judge = Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS[:2])
    given = answered(case(reference=ANSWER), draft=f"{ANSWER} [2]", passages=PASSAGES)
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(given))
    assert {score.judge for score in scores.values()} == {"ragas:judge-7b"}
    faithfulness = scores["faithfulness", "draft"]
    assert faithfulness.value == pytest.approx(2 / 3)
    assert faithfulness.details == {"verdicts": [1, 1, 0], "calls": 2, "prompt_tokens": 200, "completion_tokens": 20}
    # verdicts 0, 1, 1: the mean of the precisions at the second and the third passage
    assert scores["context_precision", "turn"].value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores["context_recall", "turn"].value == pytest.approx(1 / 2)
    # the judge asks the very question back, three times
    assert scores["answer_relevancy", "draft"].value == pytest.approx(1.0, abs=0.01)
    # 0.75 · F1(2 true, 1 false, 0 missing) + 0.25 · the cosine of two equal texts
    assert scores["answer_correctness", "draft"].value == pytest.approx(0.75 * 4 / 5 + 0.25, abs=0.01)


async def test_a_text_that_was_shown_as_it_was_written_is_judged_once(embedder):
    judge = Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS)
    given = answered(case(), draft=f"{ANSWER} [1]", shown=f"{ANSWER} [1] [2]", passages=PASSAGES)
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(given))
    assert [schema for schema, _ in judge.calls].count("NLIStatementOutput") == 1
    assert scores["faithfulness", "draft"].value == scores["faithfulness", "shown"].value == 1.0


async def test_texts_that_differ_are_judged_apart(embedder):
    judge = Judge(statements={"noon": STATEMENTS[:1], "six": STATEMENTS[1:2]}, true=STATEMENTS[1:2])
    given = answered(case(), draft="High tide is at noon.", shown="Low tide is at six.", passages=PASSAGES)
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(given))
    assert (scores["faithfulness", "draft"].value, scores["faithfulness", "shown"].value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("stall", "judge_timeout"),
        ("broken", "judge_invalid_output"),
        ("refuse", "judge_refused"),
        (500, "judge_unavailable"),
        (429, "judge_unavailable"),
        (401, "judge_unavailable"),
    ],
    ids=str,
)
async def test_a_question_that_fails_is_that_score_s_failure_alone(embedder, fault, code):
    judge = Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS, faults={"at noon": fault}, only="NLIStatementOutput")
    given = answered(case(), draft=ANSWER, passages=PASSAGES)
    async with scorer(judge, embedder, timeout_s=0.3 if fault == "stall" else 30.0) as judging:
        scores = by_metric(await judging.score(given))
    assert (scores["faithfulness", "draft"].value, scores["faithfulness", "draft"].failure_code) == (None, code)
    assert scores["answer_relevancy", "draft"].value == pytest.approx(1.0, abs=0.01)


async def test_of_several_cases_only_those_that_fail_are_missing(embedder):
    """Coverage can be counted: of ten cases, one stalls, one is broken and one is refused."""
    faults = {"case-2": "stall", "case-5": "broken", "case-7": "refuse"}
    texts = [f"The boat of case-{n} is blue." for n in range(10)]
    judge = Judge(
        statements={text: [text.removesuffix(".")] for text in texts},
        true=[text.removesuffix(".") for text in texts],
        faults=faults,
        only="NLIStatementOutput",
    )
    async with scorer(judge, embedder, timeout_s=1.0) as judging:
        scored = await asyncio.gather(*(judging.score(answered(case(), draft=text, passages=PASSAGES)) for text in texts))
    codes = [by_metric(scores)["faithfulness", "draft"].failure_code for scores in scored]
    assert codes == [None, None, "judge_timeout", None, None, "judge_invalid_output", None, "judge_refused", None, None]


async def test_a_verdict_too_few_is_no_score(embedder):
    async def forgets(exchange):
        await say(exchange, {"statements": [{"statement": STATEMENTS[0], "reason": "r", "verdict": 1}]})

    judge = Judge(statements={ANSWER: STATEMENTS}, faults={"at noon": forgets}, only="NLIStatementOutput")
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(answered(case(), draft=ANSWER, passages=PASSAGES)))
    assert scores["faithfulness", "draft"].failure_code == "judge_invalid_output"


@pytest.mark.parametrize(
    ("n_true", "n_false", "n_missing"),
    [(1, 1, 0), (3, 1, 0), (0, 0, 0), (3, 0, 4)],
    ids=["one too few", "one too many", "none", "more missing than there are"],
)
async def test_correctness_with_other_than_a_verdict_for_each_statement_is_no_score(embedder, n_true, n_false, n_missing):
    async def counts_wrongly(exchange):
        numbers = {"TP": n_true, "FP": n_false, "FN": n_missing}
        await say(exchange, {name: [{"statement": "s", "reason": "r"}] * number for name, number in numbers.items()})

    judge = Judge(statements={ANSWER: STATEMENTS}, faults={"at noon": counts_wrongly}, only="ClassificationWithReason")
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(answered(case(reference=ANSWER), draft=ANSWER, passages=PASSAGES)))
    assert scores["answer_correctness", "draft"].failure_code == "judge_invalid_output"


async def test_a_text_in_which_the_judge_finds_no_statement_is_not_called_correct(embedder):
    async with scorer(Judge(statements={ANSWER: []}), embedder) as judging:
        scores = by_metric(await judging.score(answered(case(reference=ANSWER), draft=ANSWER, passages=PASSAGES)))
    assert scores["answer_correctness", "draft"].failure_code == "judge_invalid_output"


async def test_without_a_question_nothing_is_asked(embedder):
    judge = Judge()
    given = answered(replace(case(reference="Noon."), question=" "), draft=ANSWER, passages=PASSAGES)
    async with scorer(judge, embedder) as judging:
        assert {score.failure_code for score in await judging.score(given)} == {"no_question"}
    assert judge.calls == []


async def test_no_number_is_a_failure_and_never_a_value(embedder):
    """RAGAS returns NaN where a judge finds no statement in an answer that has some."""
    judge = Judge(statements={ANSWER: []})
    async with scorer(judge, embedder) as judging:
        scores = by_metric(await judging.score(answered(case(), draft=ANSWER, passages=PASSAGES)))
    assert scores["faithfulness", "draft"].failure_code == "not_finite"


async def test_what_a_metric_says_nothing_about_has_no_row(embedder):
    async with scorer(Judge(), embedder) as judging:
        declined = answered(case(reference="Noon."), draft="The documents do not say.", passages=PASSAGES, abstained=True)
        unanswerable = answered(case(answerable=False, reference="It is not known."), draft=ANSWER, passages=PASSAGES)
        assert {score.metric for score in await judging.score(declined)} == {"context_precision", "context_recall"}
        assert {score.metric for score in await judging.score(unanswerable)} == {"faithfulness", "answer_relevancy"}


async def test_without_passages_what_needs_them_fails(embedder):
    async with scorer(Judge(), embedder) as judging:
        scores = by_metric(await judging.score(answered(case(reference="Noon."), draft=ANSWER)))
    failed = {metric for (metric, _), score in scores.items() if score.failure_code == "no_passages"}
    assert failed == {"faithfulness", "context_precision", "context_recall"}


async def test_an_answer_that_failed_is_missing_and_asks_nothing(embedder):
    judge = Judge()
    async with scorer(judge, embedder) as judging:
        scores = await judging.score(answered(case(), draft="", error_code="model_unavailable", passages=PASSAGES))
    assert {score.failure_code for score in scores} == {"answer_failed"}
    assert judge.calls == []


async def test_of_a_case_without_an_answer_all_that_was_due_is_missing(embedder):
    async with scorer(Judge(), embedder) as judging:
        missing = judging.missing(case(reference="Noon."), "answer_failed")
        unanswerable = judging.missing(case(answerable=False, reference="It is not known."), "answer_failed")
    assert {(score.value, score.failure_code) for score in missing} == {(None, "answer_failed")}
    of_texts = {(metric, target) for metric in ("faithfulness", "answer_relevancy", "answer_correctness") for target in ("draft", "shown")}
    assert by_metric(missing).keys() == {*of_texts, ("context_precision", "turn"), ("context_recall", "turn")}
    assert {score.metric for score in unanswerable} == {"faithfulness", "answer_relevancy"}


async def test_where_nobody_judges_nothing_is_missing(embedder):
    async with open_ragas_scorers(JudgeSettings(kind="local"), judge=None, embedder=embedder) as (nobody,):
        assert not nobody.missing(case(reference="Noon."), "answer_failed")
        assert nobody.not_measured


async def test_a_follow_up_is_judged_by_the_query_that_stands_alone(embedder):
    judge = Judge()
    given = answered(case(), draft=ANSWER, passages=PASSAGES, query="When is low tide in Bergen?")
    given = type(given)(
        case=type(given.case)(id="c1", question="And low tide?", history=(Message("user", "When is high tide in Bergen?"),)),
        turn=given.turn,
        passages=given.passages,
    )
    async with scorer(judge, embedder) as judging:
        await judging.score(given)
    assert any("When is low tide in Bergen?" in prompt for _, prompt in judge.calls)
    assert not any("And low tide?" in prompt for _, prompt in judge.calls)


async def test_no_more_questions_at_a_time_than_allowed(embedder):
    judge = Judge(statements={ANSWER: STATEMENTS})
    judge.gate = asyncio.Event()
    given = answered(case(reference=ANSWER), draft=ANSWER, passages=PASSAGES)
    async with scorer(judge, embedder, max_concurrent=3) as judging:
        scoring = asyncio.create_task(judging.score(given))
        for _ in range(3):
            await judge.entered.acquire()
        judge.gate.set()
        await scoring
    assert judge.n_most == 3


async def test_the_same_judge_and_answer_give_the_same_scores(embedder):
    given = answered(case(reference=ANSWER), draft=ANSWER, passages=PASSAGES)
    judge = Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS[:1])
    async with scorer(judge, embedder) as judging:
        assert await judging.score(given) == await judging.score(given)


async def test_a_text_of_markers_alone_has_no_row_and_asks_nothing(embedder):
    judge = Judge()
    async with scorer(judge, embedder) as judging:
        assert await judging.score(answered(case(), draft="[1] [2]", shown="", passages=PASSAGES)) == []
    assert judge.calls == []


async def test_whatever_breaks_in_one_metric_is_that_score_s_failure_alone(embedder):
    class Broken:
        recipe = embedder.recipe

        async def embed_queries(self, texts):
            raise ValueError("no number")

    async with scorer(Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS), Broken()) as judging:
        scores = by_metric(await judging.score(answered(case(), draft=ANSWER, passages=PASSAGES)))
    assert scores["answer_relevancy", "draft"].failure_code == "metric_failed"
    assert scores["faithfulness", "draft"].value == 1.0


async def test_an_embedder_that_is_away_fails_what_needs_it_alone(embedder):
    class Away:
        recipe = embedder.recipe

        async def embed_queries(self, texts):
            raise ModelUnavailable("The embedder is away.")

    async with scorer(Judge(statements={ANSWER: STATEMENTS}, true=STATEMENTS), Away()) as judging:
        scores = by_metric(await judging.score(answered(case(), draft=ANSWER, passages=PASSAGES)))
    assert scores["answer_relevancy", "draft"].failure_code == "embedder_unavailable"
    assert scores["faithfulness", "draft"].value == 1.0


def test_a_judge_s_name_fits_and_tells_models_apart():
    assert judge_name("judge-7b") == "ragas:judge-7b"
    long = [judge_name("organisation/" + "x" * 80 + end) for end in "ab"]
    assert all(len(name) == 64 for name in long)
    assert long[0] != long[1]
