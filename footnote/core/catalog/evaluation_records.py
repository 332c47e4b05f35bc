"""What the catalog hands out of evaluation, and takes: frozen records, no rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

# ------------------------------------------------------------------------------------------------------------------------------- sets


class SetKind(StrEnum):
    """``golden``: written by people. ``generated``: made from documents. ``live``: sampled from turns that people asked."""

    GOLDEN = "golden"
    GENERATED = "generated"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """A case on its way into the catalog.

    Args:
        key: its own id, the same in each version of a set.
        labels: the whole case as JSON; a tombstone has none.
        documents: names of the files that the labels quote or name.
        turn_id: the live turn that it was sampled from.
        tombstone: whether its text was erased: it keeps its place, and is never scored.
        attachment_ids: attachments whose text the labels hold, beside those that ``documents`` name; where one is gone meanwhile, or not
            to be read any more, a tombstone is made.
    """

    key: str
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    documents: tuple[str, ...] = ()
    turn_id: str | None = None
    tombstone: bool = False
    attachment_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluationSetRecord:
    """A version of a set of cases.

    ``sha256`` is of the canonical JSON of its cases as they were imported; those that were erased since are counted in ``n_tombstones``.
    """

    id: str
    owner: str
    principals: frozenset[str]
    name: str
    number: int
    kind: SetKind
    sha256: str
    created_at: datetime
    n_cases: int
    n_tombstones: int

    @property
    def label(self) -> str:
        """How people write it: ``name@number``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class ImportedSet:
    """What an import came to.

    Args:
        set: the version that holds the cases now.
        is_new: False where the newest version held the very same cases already.
        unresolved: names of documents that the importer has no attachment of: erasing such a file will not find these cases.
        n_unresolved_cases: the cases that name one of them.
    """

    set: EvaluationSetRecord
    is_new: bool
    unresolved: tuple[str, ...]
    n_unresolved_cases: int


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A case as it stands: ``labels`` are empty where it is a tombstone."""

    id: str
    set_id: str
    key: str
    ordinal: int
    labels: Mapping[str, Any]
    turn_id: str | None
    tombstone: bool
    attachment_ids: tuple[str, ...]


# ------------------------------------------------------------------------------------------------------------------- runs and scores


class RunState(StrEnum):
    """The way of a run; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How far a run is.

    Args:
        cases: those of its set that can be scored.
        tombstones: those that cannot, because their text was erased.
        answered: cases that a turn answered.
        errors: cases that none could.
        scores: values, of all metrics and judges.
        failures: scores that could not be had.
    """

    cases: int = 0
    tombstones: int = 0
    answered: int = 0
    errors: int = 0
    scores: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One pass of one release over one set; ``counts`` are those of its end once it is final."""

    id: str
    owner: str
    principals: frozenset[str]
    set_id: str
    release_id: str
    job_id: str | None
    eval_id: str | None
    configuration: Mapping[str, Any]
    state: RunState
    counts: RunCounts
    error_code: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunAnswerRecord:
    """Which turn answered a case in a run, or why none did. ``judges`` are those that have scored it to the end."""

    case_id: str
    ordinal: int
    turn_id: str | None
    error_code: str | None
    judges: frozenset[str]
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class CaseScoreDraft:
    """A score on its way into the catalog: a value, or the code of the failure to have one."""

    metric: str
    target: Literal["draft", "shown", "turn"]
    value: float | None
    failure_code: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if (self.value is None) == (self.failure_code is None):
            raise ValueError("a score has either a value or the code of a failure")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.metric} is {self.value}: that is a failure, not a value")


@dataclass(frozen=True, slots=True)
class CaseScoreRecord:
    """One metric of one case by one judge."""

    case_id: str
    ordinal: int
    metric: str
    judge: str
    target: str
    turn_id: str | None
    value: float | None
    failure_code: str | None
    details: Mapping[str, Any]


CaseOutcome = Literal["pass", "fail", "error"]


@dataclass(frozen=True, slots=True)
class CaseMark:
    """What a case has to reach.

    Args:
        metric: whose score decides.
        target: of which text, or of the turn.
        judge: who scores; None for whoever did, a language model before the local judge.
        threshold: the least score that passes; of what is better when it is less, the greatest.
        lower_is_better: which of the two.
    """

    metric: str
    target: str
    judge: str | None
    threshold: float
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class RunTally:
    """How the cases of a run fared that were asked so far.

    Args:
        n_passed: cases that no mark failed.
        n_failed: cases that one did.
        n_errors: cases that nothing answered, or that a judge failed at.
        n_answered: cases that a turn answered.
        by_mark: for each mark how many cases passed and how many failed; those that it says nothing about count nowhere.
        prompt_tokens, completion_tokens: of all answers together.
        report_id: the run's report, where there is one that the caller may read.
    """

    n_passed: int = 0
    n_failed: int = 0
    n_errors: int = 0
    n_answered: int = 0
    by_mark: tuple[tuple[int, int], ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    report_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """What a run came to: numbers and ids, no text of documents or questions."""

    id: str
    owner: str
    principals: frozenset[str]
    run_id: str
    body: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeletedEvaluation:
    """What went with sets or runs that were deleted, counted.

    Args:
        sets: versions of sets.
        cases: those of them, tombstones among them.
        runs: runs, also those that others began over a set that they might read.
        answers: cases that were asked in these runs, with what was noted of each.
        scores: values and failures.
        reports: reports.
        deliveries: reports that a channel had got, or was owed.
        turns: turns that the runs asked. Those that a person asked stay, also where a run scored them.
    """

    sets: int = 0
    cases: int = 0
    runs: int = 0
    answers: int = 0
    scores: int = 0
    reports: int = 0
    deliveries: int = 0
    turns: int = 0


# ------------------------------------------------------------------------------------------------------------------------ live turns


Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """What somebody thinks of a turn: the last they said of it."""

    id: str
    turn_id: str
    owner: str
    rating: Rating
    comment: str | None
    correction: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """A turn that somebody asked, as far as sampling looks at it: no text.

    Args:
        unsupported: the share of the draft's claims that were judged not to rest on the passages; None where none was judged.
        rating: of the asker, or None.
        is_corrected: whether the asker has written what the answer should have been.
    """

    id: str
    owner: str
    release_id: str
    asked_at: datetime
    collection_ids: tuple[str, ...]
    abstained: bool
    unsupported: float | None
    rating: Rating | None
    is_corrected: bool


@dataclass(frozen=True, slots=True)
class TurnSupport:
    """How many of a draft's claims were judged, at least one, and how many of those rest on the passages."""

    n_claims: int
    n_supported: int
