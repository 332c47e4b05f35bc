"""What a report holds: numbers, codes and ids. No question, no answer, no document's text: those are looked up by whoever reads it.

So erasing a document leaves nothing to clean here. A body becomes JSON and comes back from it unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from evaluation.comparing import MetricDifference
from evaluation.report.drift import QuestionDrift, ScoreDrift, ShareChange
from evaluation.summary import MetricSummary
from footnote.core.errors import InvalidInput

FORMAT = 1
"""Grows when a body of before can no longer be read: a new field has a default, so that kept reports, their pages and trends stay."""

Action = Literal["nothing", "mend_errors", "check_retrieval", "re_tune", "check_judge", "add_documents", "read_cases"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run it was: of which release, over which version of which set, and when."""

    run_id: str
    release_id: str
    set_id: str
    set_name: str
    set_number: int
    set_sha256: str
    started_at: datetime
    finished_at: datetime
    n_cases: int
    n_unanswered_cases: int = 0
    """Cases that ended in an error in place of an answer."""
    n_drawn_at_random: int | None = None
    """Of a sample of live turns those that stand for all: means, findings and drift are over them alone. None where all cases count."""


@dataclass(frozen=True, slots=True)
class Group:
    """The headline figures of the cases of one release, collection or kind of question."""

    name: str
    n_cases: int
    scores: Mapping[str, MetricSummary]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What moved since the run of an earlier report of the same set.

    Args:
        finished_at: when that run was done.
        differences: of headline metrics first, then of the others.
    """

    run_id: str
    release_id: str
    finished_at: datetime
    differences: tuple[MetricDifference, ...]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One report's figure in a series."""

    at: datetime
    run_id: str
    release_id: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How the questions that people ask, and the scores of their answers, differ from an earlier time's."""

    questions: QuestionDrift | None = None
    without_good_hit: ShareChange | None = None
    scores: tuple[ScoreDrift, ...] = ()


@dataclass(frozen=True, slots=True)
class WorstCase:
    """A case that went wrong: in which ways, and the values that say so."""

    case_id: str
    turn_id: str | None
    faults: tuple[str, ...]
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that the documents did not answer. ``is_known`` where people had labelled it so beforehand."""

    case_id: str
    turn_id: str | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """How a cost or a time is spread over the turns."""

    metric: str
    n: int
    mean: float
    p50: float
    p95: float
    total: float


@dataclass(frozen=True, slots=True)
class JudgeQuality:
    """How well a judge agrees with people's labels, measured on one labelled set.

    Args:
        expected: the balanced accuracy that it is known for, from its card; None where nothing is known.
        calibration_error: expected calibration error; None for judges without scores.
    """

    judge: str
    labels: str
    n: int
    balanced_accuracy: float
    low: float
    high: float
    auroc: float | None = None
    calibration_error: float | None = None
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a knowledge owner or an operator should know, with the numbers that say so.

    Args:
        code: which finding; ``evaluation/report/findings.py`` lists them.
        metric: the metric that it rests on first.
        numbers: by name, in the order in which a sentence tells them.
    """

    code: str
    metric: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do first, the findings that say so (the leading one first; none for ``nothing``), and what else there is to do."""

    action: Action
    because: tuple[Finding, ...] = ()
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportBody:
    """One report.

    Args:
        scores: the headline figures by metric: of drafts, and of turns where the metric is about those. A metric that more than one judge
            scored stands here by the one that comes first in ``evaluation.summary.judge_rank``.
        shown_scores: likewise of the texts that people got; never mixed with those of drafts.
        figures: every figure, also of other judges and of metrics that are no headline.
        failure_groups: ids of failing cases, grouped under terms that are looked up when read.
    """

    run: RunFacts
    scores: Mapping[str, MetricSummary]
    shown_scores: Mapping[str, MetricSummary]
    figures: tuple[MetricSummary, ...]
    by_release: tuple[Group, ...]
    by_collection: tuple[Group, ...]
    by_kind: tuple[Group, ...]
    comparison: Comparison | None
    trend: Mapping[str, tuple[TrendPoint, ...]]
    drift: Drift
    worst_cases: tuple[WorstCase, ...]
    failure_groups: tuple[tuple[str, ...], ...]
    unanswered: tuple[UnansweredQuestion, ...]
    costs: tuple[Spread, ...]
    judges: tuple[JudgeQuality, ...]
    findings: tuple[Finding, ...]
    recommendation: Recommendation
    format: int = FORMAT

    def as_json(self) -> dict[str, Any]:
        """Return JSON's own types, as the catalog keeps them."""
        return _ADAPTER.dump_python(self, mode="json")

    def text_ids(self) -> tuple[str, ...]:
        """Return the ids of all cases whose texts its page shows, each once, in the page's order."""
        ids = [case.case_id for case in self.worst_cases]
        ids += [question.case_id for question in self.unanswered]
        ids += [case_id for group in self.failure_groups for case_id in group]
        ids += self.drift.questions.typical_ids if self.drift.questions else ()
        return tuple(dict.fromkeys(ids))


_ADAPTER = TypeAdapter(ReportBody)


def body_from_json(fields: Mapping[str, Any]) -> ReportBody:
    """Return the body that ``as_json`` made this of.

    Raises:
        InvalidInput: it is none, or one of another format.
    """
    written_as = fields.get("format", FORMAT)
    if written_as != FORMAT:  # told first: of another format no field need be as it is here
        raise InvalidInput(
            f"The report has format {written_as}, and this version of footnote reads format {FORMAT}.",
            hint="Make the report of its run anew.",
        )
    try:
        return _ADAPTER.validate_python(dict(fields))
    except ValidationError as error:
        raise InvalidInput(
            f"The report cannot be read: {error.error_count()} of its fields are not as they should be.",
            hint="Make the report of its run anew.",
        ) from error
