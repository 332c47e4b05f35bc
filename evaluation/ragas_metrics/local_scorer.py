"""Faithfulness without a language model: RAGAS's metric, whose statements are our claims and whose verdicts are our judge's."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.answered import TEXT_TARGETS, Answered, TextTarget
from evaluation.cases import Case
from evaluation.ragas_metrics.applying import FAITHFULNESS, checkable_claims, judged_input, text_metrics
from evaluation.ragas_metrics.failures import FailureCode
from evaluation.ragas_metrics.vendor import Faithfulness, NLIStatementOutput, StatementFaithfulnessAnswer
from evaluation.scores import Score
from footnote.core.errors import ModelUnavailable
from footnote.core.types import Passage
from serving.citations import strip_markers
from serving.judge.port import Judge, Judgement


class LocalFaithfulnessScorer:
    """Scores faithfulness with the judge that serves; ``evaluation.scores.Scorer``.

    Args:
        judge: decides on claims; the caller closes what it needs.
        not_measured: what nobody measures where this judge is alone, with the reason's code.
    """

    metrics = (FAITHFULNESS,)

    def __init__(self, judge: Judge, *, not_measured: Mapping[str, str] | None = None) -> None:
        self._judge = judge
        self._not_measured = not_measured or {}

    @property
    def judge(self) -> str:
        return self._judge.name

    @property
    def not_measured(self) -> Mapping[str, str]:
        return self._not_measured

    async def score(self, answered: Answered) -> Sequence[Score]:
        """Return one score for each text that asserts something; a text that is the same in both is judged once."""
        if answered.failure is not None:
            return self.missing(answered.case, answered.failure)
        due: list[TextTarget] = [target for target in TEXT_TARGETS if FAITHFULNESS in text_metrics(answered, target)]
        found: dict[str, tuple[float | None, str | None, Mapping[str, Any]]] = {}
        for target in due:
            text = answered.text(target)
            if text not in found:
                found[text] = await self._measure(answered, text)
        return [self._score(target, *found[answered.text(target)]) for target in due]

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        """Return a failure for each text."""
        return [self._score(target, None, failure_code, {}) for target in TEXT_TARGETS]

    def _score(self, target: TextTarget, value: float | None, failure_code: str | None, details: Mapping[str, Any]) -> Score:
        return Score(FAITHFULNESS, self.judge, target, value, failure_code, details)

    async def _measure(self, answered: Answered, text: str) -> tuple[float | None, str | None, Mapping[str, Any]]:
        given = judged_input(answered)
        if not given.retrieved_contexts:
            return None, FailureCode.NO_PASSAGES, {}
        metric = JudgedFaithfulness(self._judge, answered.passages)
        try:
            result = await metric.ascore(user_input=given.user_input, response=text, retrieved_contexts=list(given.retrieved_contexts))
        except ModelUnavailable:
            return None, FailureCode.JUDGE_UNAVAILABLE, {}
        return float(result.value), None, metric.details()


class JudgedFaithfulness(Faithfulness):
    """RAGAS's metric for one text. Statements are its checkable claims as they stand there; a judge gives the verdicts on them.

    Args:
        judge: decides on each statement.
        passages: what the answer rests on. RAGAS hands its verdict step one joined text; a judge needs each passage.
    """

    def __init__(self, judge: Judge, passages: Sequence[Passage]) -> None:
        super().__init__(llm=None)  # pyright: ignore[reportArgumentType]  # see _validate_llm
        self._judge = judge
        self._passages = passages
        self._spans: list[tuple[int, int]] = []
        self._judgements: list[Judgement] = []

    def details(self) -> Mapping[str, Any]:
        """Return each statement's range in the text, verdict and score: numbers, no text."""
        statements = [
            {"start": start, "end": end, "verdict": int(judgement.supported), "score": judgement.score}
            for (start, end), judgement in zip(self._spans, self._judgements, strict=True)
        ]
        return {"statements": statements}

    def _validate_llm(self) -> None:
        """There is none: both steps that would ask it are done otherwise."""

    async def _create_statements(self, question: str, response: str) -> list[str]:
        claims = checkable_claims(response)
        self._spans = [(claim.start, claim.end) for claim in claims]
        return [strip_markers(claim.text) for claim in claims]

    async def _create_verdicts(self, statements: list[str], context: str) -> NLIStatementOutput:
        self._judgements = await self._judge.judge(statements, self._passages)
        return NLIStatementOutput(
            statements=[
                StatementFaithfulnessAnswer(statement=statement, reason="", verdict=int(judgement.supported))
                for statement, judgement in zip(statements, self._judgements, strict=True)
            ]
        )
