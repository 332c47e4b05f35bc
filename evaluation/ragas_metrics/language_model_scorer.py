"""The five RAGAS metrics with a language model as judge. A question to it that fails is one score's failure, and no other's."""

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog

from evaluation.answered import TEXT_TARGETS, Answered
from evaluation.cases import Case
from evaluation.ragas_metrics.adapters import RagasEmbeddings, RagasLanguageModel
from evaluation.ragas_metrics.applying import (
    ANSWER_CORRECTNESS,
    ANSWER_RELEVANCY,
    CONTEXT_PRECISION,
    CONTEXT_RECALL,
    FAITHFULNESS,
    OF_LANGUAGE_MODELS,
    JudgedInput,
    due_text_metrics,
    judged_input,
    text_metrics,
    turn_metrics,
)
from evaluation.ragas_metrics.failures import FailureCode, JudgeFailure
from evaluation.ragas_metrics.judge_model import JudgeModel
from evaluation.ragas_metrics.vendor import (
    AnswerCorrectness,
    AnswerRelevancy,
    ClassificationWithReason,
    ContextPrecision,
    ContextRecall,
    Faithfulness,
    NLIStatementOutput,
)
from evaluation.scores import Score, Target
from footnote.core.errors import FootnoteError
from retrieval.embedder.port import Embedder

log = structlog.get_logger(__name__)

MAX_JUDGE_CHARS = 64
"""What the catalog keeps of a judge's name."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a metric came to: a value or the code of a failure, with numbers that explain it."""

    value: float | None
    failure_code: str | None
    details: Mapping[str, Any]


class RagasScorer:
    """Scores answers with RAGAS and a language model; ``evaluation.scores.Scorer``.

    Args:
        model: the judge; the caller closes it.
        embedder: for the metrics that compare questions and answers by meaning; the caller closes it.
    """

    metrics = (FAITHFULNESS, *OF_LANGUAGE_MODELS)
    not_measured: Mapping[str, str] = MappingProxyType({})

    def __init__(self, model: JudgeModel, *, embedder: Embedder) -> None:
        self._model = model
        self._embeddings = RagasEmbeddings(embedder)

    @property
    def judge(self) -> str:
        return judge_name(self._model.model)

    async def score(self, answered: Answered) -> Sequence[Score]:
        """Return the scores of draft, shown text and turn; a text that is the same in both is judged once."""
        given = judged_input(answered)
        if answered.failure is not None:
            return self.missing(answered.case, answered.failure)
        due = list(_due(answered))
        different = list(dict.fromkeys((metric, text) for metric, _, text in due))
        outcomes = await asyncio.gather(*(self._measure(metric, given, text) for metric, text in different))
        found = dict(zip(different, outcomes, strict=True))
        return [self._score(metric, target, found[metric, text]) for metric, target, text in due]

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        """Return a failure for each metric that applies to the case whatever its answer."""
        outcome = _Outcome(None, failure_code, {})
        of_texts = [self._score(metric, target, outcome) for target in TEXT_TARGETS for metric in due_text_metrics(case)]
        return [*(self._score(metric, "turn", outcome) for metric in turn_metrics(case)), *of_texts]

    def _score(self, metric: str, target: Target, outcome: _Outcome) -> Score:
        return Score(metric, self.judge, target, outcome.value, outcome.failure_code, outcome.details)

    async def _measure(self, metric: str, given: JudgedInput, text: str) -> _Outcome:
        if not given.user_input:
            return _Outcome(None, FailureCode.NO_QUESTION, {})
        if metric in (FAITHFULNESS, CONTEXT_PRECISION, CONTEXT_RECALL) and not given.retrieved_contexts:
            return _Outcome(None, FailureCode.NO_PASSAGES, {})
        model = RagasLanguageModel(self._model)
        details: dict[str, Any] = {}
        value, code = await _settled(self._asked(metric, given, text, model=model, details=details))
        usage = model.usage
        costs = {"calls": usage.n_calls, "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        return _Outcome(value, code, {**details, **costs})

    async def _asked(self, metric: str, given: JudgedInput, text: str, *, model: RagasLanguageModel, details: dict[str, Any]) -> float:
        question, contexts, reference = given.user_input, list(given.retrieved_contexts), given.reference
        if metric == FAITHFULNESS:
            faithfulness = CheckedFaithfulness(model, on_verdicts=lambda verdicts: details.update(verdicts=verdicts))
            result = await faithfulness.ascore(user_input=question, response=text, retrieved_contexts=contexts)
        elif metric == ANSWER_RELEVANCY:
            result = await AnswerRelevancy(model, self._embeddings).ascore(user_input=question, response=text)
        elif metric == ANSWER_CORRECTNESS:
            correctness = CheckedCorrectness(model, self._embeddings)
            result = await correctness.ascore(user_input=question, response=text, reference=reference)
        elif metric == CONTEXT_PRECISION:
            result = await ContextPrecision(model).ascore(user_input=question, reference=reference, retrieved_contexts=contexts)
        else:
            result = await ContextRecall(model).ascore(user_input=question, retrieved_contexts=contexts, reference=reference)
        return float(result.value)


def _due(answered: Answered) -> Iterator[tuple[str, Target, str]]:
    """Yield each metric that applies, its target, and the text that it is about."""
    for metric in turn_metrics(answered.case):
        yield metric, "turn", ""
    for target in TEXT_TARGETS:
        for metric in text_metrics(answered, target):
            yield metric, target, answered.plain_text(target).strip()


class CheckedFaithfulness(Faithfulness):
    """RAGAS's faithfulness, which takes an answer with a verdict too few for a whole one; here that is no answer.

    Args:
        llm: the judge model.
        on_verdicts: is told the verdicts, 1 or 0 for each statement in order.
    """

    def __init__(self, llm: RagasLanguageModel, *, on_verdicts: Callable[[list[int]], None]) -> None:
        super().__init__(llm)
        self._on_verdicts = on_verdicts

    async def _create_verdicts(self, statements: list[str], context: str) -> NLIStatementOutput:
        output = await super()._create_verdicts(statements, context)
        verdicts = [answer.verdict for answer in output.statements]
        if len(verdicts) != len(statements) or not set(verdicts) <= {0, 1}:
            raise JudgeFailure(FailureCode.JUDGE_INVALID_OUTPUT)
        self._on_verdicts(verdicts)
        return output


class CheckedCorrectness(AnswerCorrectness):
    """RAGAS's answer correctness, which calls a text without statements right, and takes any number of verdicts; here that is no answer."""

    async def _generate_statements(self, question: str, text: str) -> list[str]:
        statements = await super()._generate_statements(question, text)
        if not statements:
            raise JudgeFailure(FailureCode.JUDGE_INVALID_OUTPUT)
        return statements

    async def _classify_statements(
        self, question: str, answer_statements: list[str], ground_truth_statements: list[str]
    ) -> ClassificationWithReason:
        found = await super()._classify_statements(question, answer_statements, ground_truth_statements)
        if len(found.TP) + len(found.FP) != len(answer_statements) or len(found.FN) > len(ground_truth_statements):
            raise JudgeFailure(FailureCode.JUDGE_INVALID_OUTPUT)
        return found


def judge_name(model: str) -> str:
    """Return ``ragas:`` and the model's name; a name that is too long to be kept ends in a hash that tells it from others."""
    name = f"ragas:{model}"
    return name if len(name) <= MAX_JUDGE_CHARS else f"{name[: MAX_JUDGE_CHARS - 9]}~{hashlib.sha256(model.encode()).hexdigest()[:8]}"


async def _settled(asked: Awaitable[float]) -> tuple[float | None, str | None]:
    """Return a value and no code, or no value and the code of the failure."""
    try:
        value = await asked
    except JudgeFailure as failure:
        return None, failure.code
    except FootnoteError:
        return None, FailureCode.EMBEDDER_UNAVAILABLE  # of all that RAGAS is given, only the embedder raises ours
    except Exception:  # RAGAS itself: that is one score less, and told with its trace
        log.exception("RAGAS gives no score")
        return None, FailureCode.METRIC_FAILED
    if not math.isfinite(value):
        return None, FailureCode.NOT_FINITE
    if abs(value) > 1 + 1e-6:  # a verdict that is neither 0 nor 1
        return None, FailureCode.JUDGE_INVALID_OUTPUT
    return max(-1.0, min(1.0, value)), None
