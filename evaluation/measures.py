"""What is counted or timed of a turn: latency, tokens, cost, and personal data in what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from evaluation.answered import ANSWER_FAILED, TEXT_TARGETS, Answered, TextTarget
from evaluation.cases import Case
from evaluation.personal_data import personal_data
from evaluation.scores import MEASURED, Score
from footnote.core.offload import offload
from footnote.core.settings import GeneratorSettings
from footnote.core.types import TokenUsage
from ingestion.redaction import Finder

_BEFORE_THE_PROMPT = ("rewrite", "embed", "search", "load", "rerank", "pack")
"""Stages that follow each other, from the question to the prompt."""

_PERSONAL = ("personal_data", "personal_data_unsourced")


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in one currency."""

    prompt: float
    completion: float

    @classmethod
    def of_settings(cls, settings: GeneratorSettings) -> Self | None:
        """Return what the settings say, or None where they leave either price out."""
        if settings.prompt_price is None or settings.completion_price is None:
            return None
        return cls(prompt=settings.prompt_price, completion=settings.completion_price)

    def of(self, usage: TokenUsage) -> float:
        """Return what a turn's tokens cost."""
        return (self.prompt * usage.prompt_tokens + self.completion * usage.completion_tokens) / 1_000_000


class MeasuredScorer:
    """Gives what is counted or timed.

    Args:
        prices: None where nobody has said what tokens cost; then there is no cost.
        find: finds personal data; None where nothing is installed that could.
    """

    judge = MEASURED

    def __init__(self, *, prices: Prices | None, find: Finder | None) -> None:
        self._prices = prices
        self._find = find

    @property
    def metrics(self) -> tuple[str, ...]:
        every = ("latency_ms", "first_token_ms", "prompt_tokens", "completion_tokens", "cost", *_PERSONAL)
        return tuple(name for name in every if name not in self.not_measured)

    @property
    def not_measured(self) -> Mapping[str, str]:
        """The metrics that it cannot give here, with the code of the reason (``evaluation.metrics.REASONS``)."""
        reasons = {"cost": "no_prices"} if self._prices is None else {}
        if self._find is None:
            reasons |= dict.fromkeys(_PERSONAL, "no_recognisers")
        return MappingProxyType(reasons)

    async def score(self, answered: Answered) -> Sequence[Score]:
        """Score one answer. Tokens and cost were spent also by one that failed; its times are missing."""
        scores = [*_times(answered), *self._spent(answered.turn.usage)]
        if self._find is not None:
            scores += await offload(_personal, answered, self._find)
        return scores

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        """Return failures of the time and of what the texts would have held; what tokens cost nobody knows."""
        scores = [Score(metric="latency_ms", judge=MEASURED, target="turn", value=None, failure_code=failure_code)]
        return scores if self._find is None else [*scores, *_personal_missing(failure_code)]

    def _spent(self, usage: TokenUsage) -> list[Score]:
        values: dict[str, float] = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        if self._prices is not None:
            values["cost"] = self._prices.of(usage)
        return [_measured(name, value) for name, value in values.items()]


def _measured(metric: str, value: float) -> Score:
    return Score(metric=metric, judge=MEASURED, target="turn", value=float(value))


def _times(answered: Answered) -> list[Score]:
    timings = answered.turn.timings_ms
    if answered.failure in (ANSWER_FAILED, "answer_cancelled"):
        return [Score(metric="latency_ms", judge=MEASURED, target="turn", value=None, failure_code=answered.failure)]
    scores = [_measured("latency_ms", timings["total"])] if "total" in timings else []
    if "first_token" in timings:  # absent where no model wrote
        before = sum(timings.get(stage, 0.0) for stage in _BEFORE_THE_PROMPT)
        scores.append(_measured("first_token_ms", before + timings["first_token"]))
    return scores


def _personal(answered: Answered, find: Finder) -> list[Score]:
    if answered.failure is not None:
        return _personal_missing(answered.failure)
    return [score for target in TEXT_TARGETS for score in _personal_of(answered, target, find)]


def _personal_missing(failure_code: str) -> list[Score]:
    return [
        Score(metric=name, judge=MEASURED, target=target, value=None, failure_code=failure_code)
        for target in TEXT_TARGETS
        for name in _PERSONAL
    ]


def _personal_of(answered: Answered, target: TextTarget, find: Finder) -> list[Score]:
    turn = answered.turn
    given = [turn.question, turn.query, *(message.content for message in turn.history)]
    given += [text for passage in answered.passages for text in (passage.context, passage.text)]
    found = personal_data(answered.plain_text(target), given=given, find=find)
    values = (found.n, found.n_unsourced)
    return [
        Score(metric=name, judge=MEASURED, target=target, value=float(value), details=dict(found.by_kind))
        for name, value in zip(_PERSONAL, values, strict=True)
    ]
