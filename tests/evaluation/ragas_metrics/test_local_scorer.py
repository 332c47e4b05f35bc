"""Faithfulness by the judge that serves, through RAGAS's own metric."""

import pytest

from evaluation.ragas_metrics.factory import open_ragas_scorers
from evaluation.ragas_metrics.local_scorer import LocalFaithfulnessScorer
from footnote.core.errors import ModelUnavailable
from footnote.core.settings import JudgeSettings
from serving.judge.local import LocalJudge
from serving.judge.port import Judgement
from tests.evaluation.answers import answered, case, passage

TIDES = passage(1, "High tide is at noon. Low tide is at six.")
FERRY = passage(2, "The ferry leaves at nine.")


class ScriptedJudge:
    """Supports the claims that it was told, and notes what it was asked."""

    name, revision, threshold = "scripted-1", "r", 0.5

    def __init__(self, *supported):
        self.supported = supported
        self.asked = []

    async def judge(self, claims, passages):
        self.asked.append((list(claims), [each.n for each in passages]))
        return [
            Judgement(score=0.9 if claim in self.supported else 0.2, supported=claim in self.supported, supports=()) for claim in claims
        ]


async def test_the_value_is_the_share_of_supported_claims():
    text = "## Tides\nHigh tide is at noon [1]. Low tide is at seven [1]. The ferry leaves at nine. Does that help?"
    judge = ScriptedJudge("High tide is at noon.", "The ferry leaves at nine.")
    draft, shown = await LocalFaithfulnessScorer(judge).score(answered(case(), draft=text, passages=(TIDES, FERRY)))
    assert (draft.metric, draft.judge, draft.target, draft.value) == ("faithfulness", "scripted-1", "draft", pytest.approx(2 / 3))
    assert (shown.target, shown.value, shown.details) == ("shown", draft.value, draft.details)
    # the heading and the question assert nothing; one text is judged once, against all passages
    assert judge.asked == [(["High tide is at noon.", "Low tide is at seven.", "The ferry leaves at nine."], [1, 2])]
    statements = draft.details["statements"]
    assert [(each["verdict"], each["score"]) for each in statements] == [(1, 0.9), (0, 0.2), (1, 0.9)]
    assert [text[each["start"] : each["end"]] for each in statements] == [
        "High tide is at noon [1].",
        "Low tide is at seven [1].",
        "The ferry leaves at nine.",
    ]
    assert all(isinstance(number, int | float) for each in statements for number in each.values())


async def test_a_repaired_answer_hides_no_fault():
    judge = ScriptedJudge("High tide is at noon.")
    given = answered(case(), draft="High tide is at noon. Low tide is at ten.", shown="High tide is at noon.", passages=(TIDES,))
    draft, shown = await LocalFaithfulnessScorer(judge).score(given)
    assert (draft.value, shown.value) == (0.5, 1.0)


@pytest.mark.parametrize("text", ["The documents do not say.", "## Tides", "Would you like to know more?", ""])
async def test_what_asserts_nothing_has_no_row(text):
    scores = await LocalFaithfulnessScorer(ScriptedJudge()).score(answered(case(), draft=text, passages=(TIDES,)))
    assert scores == []


async def test_a_judge_that_is_away_is_a_failure():
    class Away(ScriptedJudge):
        async def judge(self, claims, passages):
            raise ModelUnavailable("The judge is away.")

    scores = await LocalFaithfulnessScorer(Away()).score(answered(case(), draft="High tide is at noon.", passages=(TIDES,)))
    assert [(score.value, score.failure_code) for score in scores] == [(None, "judge_unavailable")] * 2


async def test_an_answer_without_passages_or_that_failed_is_a_failure():
    scorer = LocalFaithfulnessScorer(ScriptedJudge())
    without = await scorer.score(answered(case(), draft="High tide is at noon."))
    failed = await scorer.score(answered(case(), draft="", error_code="model_unavailable"))
    assert [score.failure_code for score in (*without, *failed)] == ["no_passages"] * 2 + ["answer_failed"] * 2


async def test_with_the_judge_that_serves(embedder):
    judge = LocalJudge(embedder)
    async with open_ragas_scorers(JudgeSettings(), judge=judge, embedder=embedder) as opened:
        (scorer,) = opened
        draft, _ = await scorer.score(answered(case(), draft="High tide is at noon. Low tide is at eleven.", passages=(TIDES,)))
    assert (draft.judge, draft.value) == ("local-1", 0.5)
    of_models = ("answer_relevancy", "context_precision", "context_recall", "answer_correctness")
    assert scorer.not_measured == dict.fromkeys(of_models, "needs_language_model")


async def test_without_any_judge_there_is_no_scorer(embedder):
    async with open_ragas_scorers(JudgeSettings(), judge=None, embedder=embedder) as opened:
        (unjudged,) = opened
        assert await unjudged.score(answered(case(), draft="High tide is at noon.", passages=(TIDES,))) == ()
        assert set(unjudged.not_measured.values()) == {"needs_language_model"}
        assert "faithfulness" in unjudged.not_measured
