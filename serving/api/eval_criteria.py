"""Testing criteria of evals: which of our scores each of them means, and whether a case passes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footnote.core.catalog.evaluation_records import CaseMark, CaseOutcome, CaseScoreRecord
from footnote.core.errors import InvalidInput
from serving.evaluating import MetricFacts

SIMILARITIES = {"bleu": "bleu", "rouge_l": "rouge_l"}
"""Of the client's text similarities those that footnote computes, by our names."""

OUTPUTS = ("{{sample.output_text}}", "{{ sample.output_text }}")
REFERENCES = ("{{item.reference_answer}}", "{{ item.reference_answer }}")
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a case has to reach.

    Args:
        name: what its author calls it.
        type: ``footnote`` or ``text_similarity``, as it was asked for.
        metric: whose score decides.
        target: of which text, or of the turn.
        judge: who scores; None for whoever did, a language model before the local judge.
        threshold: the least score that passes; of what is better when it is less, the greatest.
        lower_is_better: which of the two.
    """

    name: str
    type: str
    metric: str
    target: str
    judge: str | None
    threshold: float
    lower_is_better: bool

    def score_of(self, scores: Iterable[CaseScoreRecord]) -> CaseScoreRecord | None:
        """Return the score that decides about a case; None where the metric says nothing about it."""
        fitting = [
            score
            for score in scores
            if (score.metric, score.target) == (self.metric, self.target) and (self.judge is None or score.judge == self.judge)
        ]
        return min(fitting, key=lambda score: (not score.judge.startswith("ragas:"), score.judge), default=None)

    @property
    def mark(self) -> CaseMark:
        """What the catalog counts cases by: ``score_of`` and ``passes`` say the same of one."""
        return CaseMark(
            metric=self.metric, target=self.target, judge=self.judge, threshold=self.threshold, lower_is_better=self.lower_is_better
        )

    def passes(self, value: float) -> bool:
        return value <= self.threshold if self.lower_is_better else value >= self.threshold


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """How a case fared by one criterion."""

    criterion: Criterion
    score: CaseScoreRecord

    @property
    def outcome(self) -> CaseOutcome:
        if self.score.value is None:
            return "error"
        return "pass" if self.criterion.passes(self.score.value) else "fail"


def criteria_of(given: Sequence[Mapping[str, Any]], metrics: Mapping[str, MetricFacts]) -> tuple[Criterion, ...]:
    """Return the criteria that somebody asks for.

    Raises:
        InvalidInput: one names no metric of ours, or is of a kind that footnote does not compute. The message says what there is.
    """
    return tuple(_criterion(each, metrics, place=f"testing_criteria[{number}]") for number, each in enumerate(given))


def results_of(criteria: Sequence[Criterion], scores: Sequence[CaseScoreRecord]) -> tuple[CriterionResult, ...]:
    """Return how a case fared by the criteria that say something about it."""
    found = ((criterion, criterion.score_of(scores)) for criterion in criteria)
    return tuple(CriterionResult(criterion, score) for criterion, score in found if score is not None)


def outcome_of(results: Sequence[CriterionResult], *, is_answered: bool) -> CaseOutcome:
    """Return how a case fared: it errs where nothing answered it or a judge failed, and passes where nothing failed it."""
    outcomes = {result.outcome for result in results}
    if not is_answered or "error" in outcomes:
        return "error"
    return "fail" if "fail" in outcomes else "pass"


def _criterion(given: Mapping[str, Any], metrics: Mapping[str, MetricFacts], *, place: str) -> Criterion:
    kind = given.get("type")
    if kind == "text_similarity":
        return _similarity(given, place=place)
    if kind != "footnote":
        raise InvalidInput(
            f"footnote does not grade by {kind!r}.",
            hint='Give {"type": "footnote", "name": METRIC, "pass_threshold": NUMBER}, or text_similarity by bleu or rouge_l.',
            param=f"{place}.type",
        )
    _require_known(given, ("type", "name", "metric", "target", "judge", "pass_threshold"), place=place)
    name = _text(given, "name", place=place) or ""
    metric = _text(given, "metric", place=place) or name
    if metric not in metrics:
        raise InvalidInput(
            f"There is no metric `{metric}`.", hint=f"There are: {', '.join(sorted(metrics))}.", param=f"{place}.{_metric_field(given)}"
        )
    facts = metrics[metric]
    if facts.direction == "neither":
        message = f"Neither more nor less of `{metric}` is better, so nothing passes by it."
        raise InvalidInput(message, param=f"{place}.{_metric_field(given)}")
    lower = facts.direction == "lower"
    if lower and given.get("pass_threshold") is None:
        raise InvalidInput(f"`{metric}` needs a `pass_threshold`: the most that passes.", param=f"{place}.pass_threshold")
    target = _text(given, "target", place=place) or facts.target
    if target not in (("turn",) if facts.target == "turn" else ("draft", "shown")):
        raise InvalidInput(f"`{metric}` has no score of {target!r}.", hint="Leave `target` out for its first one.", param=f"{place}.target")
    return Criterion(
        name=name or metric,
        type="footnote",
        metric=metric,
        target=target,
        judge=_text(given, "judge", place=place),
        threshold=_threshold(given, place=place),
        lower_is_better=lower,
    )


def _similarity(given: Mapping[str, Any], *, place: str) -> Criterion:
    _require_known(given, ("type", "name", "input", "reference", "evaluation_metric", "pass_threshold"), place=place)
    wanted = given.get("evaluation_metric")
    if wanted not in SIMILARITIES:
        raise InvalidInput(
            f"footnote does not compute {wanted!r}.", hint=f"It has {' and '.join(SIMILARITIES)}.", param=f"{place}.evaluation_metric"
        )
    for field, allowed in (("input", OUTPUTS), ("reference", REFERENCES)):
        if given.get(field) not in allowed:
            raise InvalidInput(f"`{field}` is {allowed[0]}: answers are compared with reference answers.", param=f"{place}.{field}")
    name = _text(given, "name", place=place) or str(wanted)
    threshold = _threshold(given, place=place)
    metric = SIMILARITIES[str(wanted)]
    return Criterion(
        name=name, type="text_similarity", metric=metric, target="draft", judge=None, threshold=threshold, lower_is_better=False
    )


def _require_known(given: Mapping[str, Any], known: Sequence[str], *, place: str) -> None:
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise InvalidInput(f"A criterion of this type has no field `{unknown}`.", param=f"{place}.{unknown}")


def _text(given: Mapping[str, Any], name: str, *, place: str) -> str | None:
    value = given.get(name)
    if value is not None and not (isinstance(value, str) and value.strip() and len(value) <= 255):
        raise InvalidInput(f"`{name}` is no text of 1 to 255 characters.", param=f"{place}.{name}")
    return value


def _threshold(given: Mapping[str, Any], *, place: str) -> float:
    value = given.get("pass_threshold")
    if value is None:
        return DEFAULT_THRESHOLD
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput("`pass_threshold` is no number.", param=f"{place}.pass_threshold")
    return float(value)


def _metric_field(given: Mapping[str, Any]) -> str:
    return "name" if given.get("metric") is None else "metric"
