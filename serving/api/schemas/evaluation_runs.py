"""Runs of evaluation, and what each case of them came to."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from footnote.core.catalog.evaluation_records import CaseRecord, CaseScoreRecord, RunAnswerRecord, RunCounts, RunRecord
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted, unix_seconds


class RunRequest(ApiRequest):
    """A run of what answers here over a version of a set."""

    set_id: str = Field(max_length=64)
    part: str | None = Field(default=None, max_length=255, description="Only the cases of this part of the set.")
    limit: int | None = Field(default=None, ge=1, le=1_000_000, description="Cases at most, the first ones.")
    vector_store_ids: list[str] | None = Field(
        default=None, min_length=1, max_length=100, description="Where answers are looked for; by default in all that the caller may read."
    )
    resume: bool = Field(default=True, description="Go on with an unfinished run of the caller's that asks for the same.")


class EvaluationRun(ApiObject):
    """A run, and how far it is."""

    id: str
    object: Literal["evaluation_run"] = "evaluation_run"
    created_at: int
    finished_at: int | None = omitted()
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    error_code: str | None = omitted(description="Why it failed.")
    set_id: str
    release: str
    part: str | None = omitted()
    limit: int | None = omitted()
    vector_store_ids: list[str] | None = omitted()
    cases: int = Field(description="The cases that it asks.")
    answered: int
    errors: int = Field(description="Cases that nothing answered.")
    scores: int = Field(description="Values, of all metrics and judges.")
    failures: int = Field(description="Scores that could not be had.")
    report_id: str | None = omitted(description="Its report, once it is made.")


class EvaluationRunList(ApiObject):
    """A page of runs."""

    object: Literal["list"] = "list"
    data: list[EvaluationRun]
    first_id: str | None
    last_id: str | None
    has_more: bool


class EvaluationRunBegun(EvaluationRun):
    """A run that was asked for."""

    resumed: bool = Field(description="Whether it was begun before, and is gone on with.")


class CaseScoreShown(ApiObject):
    """A score: a value, or the code of the failure to have one."""

    metric: str
    judge: str
    target: Literal["draft", "shown", "turn"]
    value: float | None
    failure_code: str | None = omitted()
    details: dict[str, Any]


class RunCase(ApiObject):
    """What a case of a run came to. Every mean of the run's report is the mean of values that stand here."""

    case_id: str
    id: str = Field(description="The case's own id, the same in each version of its set; empty where the set may not be read any more.")
    kind: str
    part: str
    question: str | None = omitted(description="Left out where it was erased, or the set may not be read any more.")
    turn_id: str | None = omitted(description="The turn that answered it.")
    error_code: str | None = omitted(description="Why none did.")
    scores: list[CaseScoreShown]


class RunCaseList(ApiObject):
    """A page of cases, in the order of the set."""

    object: Literal["list"] = "list"
    data: list[RunCase]
    has_more: bool
    next_after: int | None = omitted(description="Give it as `after` for the next page.")


def run_fields(run: RunRecord, counts: RunCounts, *, report_id: str | None) -> dict[str, Any]:
    """Return the fields of a run as the API shows it."""
    asked = run.configuration
    return {
        "id": run.id,
        "created_at": unix_seconds(run.created_at),
        "finished_at": None if run.finished_at is None else unix_seconds(run.finished_at),
        "status": run.state.value,
        "error_code": run.error_code,
        "set_id": run.set_id,
        "release": run.release_id,
        "part": asked.get("part"),
        "limit": asked.get("limit"),
        "vector_store_ids": asked.get("collection_ids"),
        "cases": n_cases_of(run, counts),
        "answered": counts.answered,
        "errors": counts.errors,
        "scores": counts.scores,
        "failures": counts.failures,
        "report_id": report_id,
    }


def n_cases_of(run: RunRecord, counts: RunCounts) -> int:
    """Return how many cases a run asks: as many as were chosen when it was begun, else all of its set."""
    chosen = run.configuration.get("n_cases")
    return chosen if isinstance(chosen, int) else counts.cases


def run_case(answer: RunAnswerRecord, case: CaseRecord | None, scores: Sequence[CaseScoreRecord]) -> RunCase:
    """Return a case of a run as the API shows it; None stands for one of a set that may not be read any more."""
    labels: Mapping[str, Any] = {} if case is None else case.labels
    return RunCase(
        case_id=answer.case_id,
        id="" if case is None else case.key,
        kind=str(labels.get("kind", "question")),
        part=str(labels.get("part", "")),
        question=labels.get("question"),
        turn_id=answer.turn_id,
        error_code=answer.error_code,
        scores=[_score(score) for score in scores],
    )


def _score(score: CaseScoreRecord) -> CaseScoreShown:
    shown: dict[str, Any] = {"metric": score.metric, "judge": score.judge, "target": score.target, "value": score.value}
    return CaseScoreShown(**shown, failure_code=score.failure_code, details=dict(score.details))
