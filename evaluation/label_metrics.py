"""Scores that people's labels decide: of draft and shown text alike, and of what the search found. No judge, no model.

What counts for an answer that abstains, and which cases a metric says nothing about, is one table in docs/evaluation.md.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from evaluation.answered import TEXT_TARGETS, Answered, TextTarget, spans
from evaluation.cases import Case
from evaluation.labels import CitedSpan, answer_found, holds_gold
from evaluation.retrieval_metrics import RETRIEVAL_METRICS, has_gold, retrieval_failures, retrieval_scores
from evaluation.scores import LABELS, Score
from evaluation.text_overlap import bleu, rouge_l, token_f1
from footnote.core.offload import offload

TEXT_METRICS = (
    "answer_found",
    "answer_f1",
    "rouge_l",
    "bleu",
    "citations",
    "citation_precision",
    "citation_recall",
    "abstention",
    "abstention_precision",
    "abstention_recall",
)


class LabelScorer:
    """Scores an answer by its case's labels."""

    judge = LABELS
    metrics = (*TEXT_METRICS, *RETRIEVAL_METRICS)
    not_measured: Mapping[str, str] = MappingProxyType({})

    async def score(self, answered: Answered) -> Sequence[Score]:
        """Return the scores of draft and shown text, and of the retrieval; none where the case has no label that a metric needs."""
        return await offload(_scores, answered)

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        """Return a failure for each metric that applies to the case whatever its answer."""
        of_texts = (_missing(case, target, failure_code) for target in TEXT_TARGETS)
        return [*(score for scores in of_texts for score in scores), *retrieval_failures(case, failure_code)]


def label_values(case: Case, *, text: str, abstained: bool, cited: Sequence[CitedSpan], n_unknown: int = 0) -> dict[str, float]:
    """Return by metric what the labels say of one text; a metric that says nothing about it is absent.

    Args:
        case: what is known about the right answer.
        text: without markers.
        abstained: whether it declines to answer. Then it neither answers nor cites, whatever else stands in it.
        cited: the passages that it cites.
        n_unknown: how many more it cites that there are not.
    """
    values: dict[str, float] = {}
    if case.answerable is not None:
        values["abstention"] = float(abstained is not case.answerable)
        if abstained:
            values["abstention_precision"] = float(not case.answerable)
    if case.answerable is False:
        return {**values, "abstention_recall": float(abstained)}
    if abstained:
        text, cited, n_unknown = "", (), 0
    return {**values, **_answer_values(case, text), **_citation_values(case, cited, n_unknown=n_unknown)}


def _answer_values(case: Case, text: str) -> dict[str, float]:
    values: dict[str, float] = {}
    reference = case.reference_answer.strip()
    if case.answers:
        values["answer_found"] = float(answer_found(text, case.answers))
    if case.answers or reference:
        values["answer_f1"] = token_f1(text, (*case.answers, reference))
    if reference:
        values["rouge_l"] = rouge_l(text, reference)
        values["bleu"] = bleu(text, reference)
    return values


def _citation_values(case: Case, cited: Sequence[CitedSpan], *, n_unknown: int) -> dict[str, float]:
    if not has_gold(case):
        return {}
    n_right = sum(any(holds_gold(span, gold) for gold in case.gold) for span in cited)
    n_found = sum(any(holds_gold(span, gold) for span in cited) for gold in case.gold)
    values = {"citations": float(n_right > 0), "citation_recall": n_found / len(case.gold)}
    n_cited = len(cited) + n_unknown
    return {**values, "citation_precision": n_right / n_cited} if n_cited else values


def _scores(answered: Answered) -> list[Score]:
    return [*(score for target in TEXT_TARGETS for score in _text_scores(answered, target)), *retrieval_scores(answered)]


def _text_scores(answered: Answered, target: TextTarget) -> list[Score]:
    if answered.failure is not None:
        return _missing(answered.case, target, answered.failure)
    values = label_values(
        answered.case,
        text=answered.plain_text(target),
        abstained=answered.abstained(target),
        cited=spans(answered.cited(target)),
        n_unknown=answered.n_unknown(target),
    )
    return [Score(metric=name, judge=LABELS, target=target, value=value) for name, value in values.items()]


def _missing(case: Case, target: TextTarget, failure_code: str) -> list[Score]:
    """Return the failures of what applies to a case whatever the answer: it was due, and is missing."""
    due = label_values(case, text="", abstained=False, cited=())
    return [Score(metric=name, judge=LABELS, target=target, value=None, failure_code=failure_code) for name in due]
