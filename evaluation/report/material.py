"""What a report is made of: each case of a run with its scores, and no text."""

from dataclasses import dataclass

from evaluation.summary import ScoreRow, judge_rank


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of a run.

    Args:
        kind: how the set groups it.
        collection_ids: where its answer was searched for.
        answerable: as in the set; None where nobody has said.
        abstained: whether the draft declined to answer; None where there is no whole draft: an error came, somebody stopped it, it was erased.
        turn_id: the turn that answered it; None where an error did.
        scores: all its rows.
        is_live: whether somebody asked it, rather than that it was written for the set.
        ended_in_error: whether its turn was broken off by an error.
    """

    case_id: str
    release_id: str
    kind: str
    collection_ids: tuple[str, ...]
    answerable: bool | None
    abstained: bool | None
    turn_id: str | None
    scores: tuple[ScoreRow, ...]
    is_live: bool = False
    ended_in_error: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether an error stands in the place of its answer."""
        return self.turn_id is None or self.ended_in_error

    def value(self, metric: str, target: str) -> float | None:
        """Return its score by the judge that reports put first; None where it has none."""
        scored = [score for score in self.scores if (score.metric, score.target) == (metric, target) and score.value is not None]
        return min(scored, key=lambda score: judge_rank(score.judge)).value if scored else None
