"""What goes when a run of evaluation or an evaluation set is deleted, counted."""

from typing import Literal

from pydantic import Field

from footnote.core.catalog.evaluation_records import DeletedEvaluation
from serving.api.schemas.api_object import ApiObject


class EvaluationRunDeleted(ApiObject):
    """A run is gone, with what was made of it."""

    id: str
    object: Literal["evaluation_run.deleted"] = "evaluation_run.deleted"
    deleted: Literal[True] = True
    answers: int = Field(description="Cases that it had asked.")
    scores: int = Field(description="Values, and failures to have one.")
    reports: int
    deliveries: int = Field(description="Reports that a channel was owed, or had got.")
    turns: int = Field(description="Turns that it had asked. Those that people asked stay, also where it scored them.")


class EvaluationSetDeleted(ApiObject):
    """A set is gone, or a version of one, with all runs over it."""

    id: str = Field(description="As it was asked for.")
    object: Literal["evaluation_set.deleted"] = "evaluation_set.deleted"
    deleted: Literal[True] = True
    sets: int = Field(description="Versions.")
    cases: int = Field(description="Their cases, tombstones among them.")
    runs: int = Field(description="Runs over them, also those of others.")
    answers: int = Field(description="Cases that these had asked.")
    scores: int = Field(description="Values, and failures to have one.")
    reports: int
    deliveries: int = Field(description="Reports that a channel was owed, or had got.")
    turns: int = Field(description="Turns that the runs had asked. Those that people asked stay, also where a run scored them.")


def run_deleted(run_id: str, gone: DeletedEvaluation) -> EvaluationRunDeleted:
    """Return what went with a run as the API shows it."""
    return EvaluationRunDeleted(
        id=run_id, answers=gone.answers, scores=gone.scores, reports=gone.reports, deliveries=gone.deliveries, turns=gone.turns
    )


def set_deleted(wanted: str, gone: DeletedEvaluation) -> EvaluationSetDeleted:
    """Return what went with a set as the API shows it."""
    return EvaluationSetDeleted(
        id=wanted,
        sets=gone.sets,
        cases=gone.cases,
        runs=gone.runs,
        answers=gone.answers,
        scores=gone.scores,
        reports=gone.reports,
        deliveries=gone.deliveries,
        turns=gone.turns,
    )
