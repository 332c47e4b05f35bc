"""The states that a job goes through, as the API shows them."""

from typing import Literal

from footnote.core.types import JobState

ApiState = Literal["in_progress", "completed", "failed", "cancelled"]

_FINAL: dict[JobState, ApiState] = {
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def api_state(state: JobState) -> ApiState:
    """Return one of the four words that the OpenAI API has."""
    return _FINAL.get(state, "in_progress")


def job_states(state: ApiState) -> tuple[JobState, ...]:
    """Return the job states that the API shows under this word."""
    return tuple(candidate for candidate in JobState if api_state(candidate) == state)
