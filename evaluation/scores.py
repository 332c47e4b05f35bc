"""A case's score by one metric and one judge, and who gives it. Every mean is computed from these rows and nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from evaluation.answered import Answered
from evaluation.cases import Case

Target = Literal["draft", "shown", "turn"]
"""Whose score it is: of what the model wrote, of what the person got, or of the turn as a whole (retrieval, time, cost)."""

LABELS = "labels"
"""The judge of metrics that people's labels decide."""

MEASURED = "measured"
"""The judge of what is counted or timed."""


@dataclass(frozen=True, slots=True)
class Score:
    """A value, or the code of the failure to have one. A metric that says nothing about a case gives no score at all.

    Args:
        details: numbers and ids that explain the value; never a text.
    """

    metric: str
    judge: str
    target: Target
    value: float | None
    failure_code: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if (self.value is None) == (self.failure_code is None):
            raise ValueError("a score has either a value or the code of a failure")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.metric} is {self.value}: that is a failure, not a value")


class Scorer(Protocol):
    """Gives an answer the scores that one judge has for it."""

    @property
    def judge(self) -> str:
        """Name and version of the judge, as every score of it says."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics that it may give, whatever the case."""
        ...

    @property
    def not_measured(self) -> Mapping[str, str]:
        """The metrics that it ought to give and cannot here, with the code of the reason (``evaluation.metrics.REASONS``)."""
        ...

    async def score(self, answered: Answered) -> Sequence[Score]:
        """Score one answer. What cannot be scored comes back as a failure code; nothing that one case does is raised."""
        ...

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        """Return a failure for each metric that applies to a case whatever its answer, which is not there or cannot be scored."""
        ...
