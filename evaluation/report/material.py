"""What a report is made of: each case of a run with its scores, and no text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.live_sample import STRATA
from evaluation.summary import ScoreRow, judge_rank

_LOOKED_FOR = frozenset(STRATA) - {"random"}

_NEARLY = 0.9
"""A judge that compares nine in ten of the cases that another compares is not worse for the tenth."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of a run.

    Args:
        kind: how the set groups it.
        collection_ids: where its answer was searched for.
        answerable: as in the set; None where nobody has said.
        abstained: whether the draft declined to answer; None where there is no whole draft: it was broken off or erased.
        turn_id: the turn that answered it; None where an error did.
        scores: all its rows.
        is_sampled: whether it is of a sample of live turns; a set that somebody chose, of whatever turns, stands for itself.
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
    is_sampled: bool = False
    ended_in_error: bool = False

    @property
    def counts(self) -> bool:
        """Whether it stands for others, so that means may hold it: of a sample those drawn at random alone, not those looked for."""
        return not (self.is_sampled and self.kind in _LOOKED_FOR)

    @property
    def has_failed(self) -> bool:
        """Whether an error stands in the place of its answer."""
        return self.turn_id is None or self.ended_in_error

    def value(self, metric: str, target: str, judges: "Judges") -> float | None:
        """Return its score by the one judge of these that scores this metric for all cases; None where it has none."""
        judge = judges.get((metric, target))
        return next((each.value for each in self.scores if (each.metric, each.target, each.judge) == (metric, target, judge)), None)


def counting(results: Sequence[CaseResult]) -> tuple[CaseResult, ...]:
    """Return the cases over which means, findings and drift are; the others show what went wrong, one by one."""
    return tuple(result for result in results if result.counts)


Judges = Mapping[tuple[str, str], str]
"""By metric and target the one judge whose scores are looked at: two judges' scores are no scale to compare cases or runs on."""


def judges_of(now: Sequence[CaseResult], before: Sequence[CaseResult] | None = None) -> Judges:
    """Return of each metric and target one judge for all cases, of this run and the one before.

    It is one that gave values to both runs, where there is one, and to nearly as many cases in both as any other: one that was away for
    most of a run can compare little of it. Of several it is the one that reports put first.
    """
    here, there = _cases_by_judge(now), _cases_by_judge(before or ())
    return {key: _first_of(judges, there.get(key, {})) for key, judges in here.items()}


def _first_of(here: Mapping[str, set[str]], there: Mapping[str, set[str]]) -> str:
    n_pairs = {judge: len(case_ids & there[judge]) for judge, case_ids in here.items() if judge in there}
    most = max(n_pairs.values(), default=0)
    return min((judge for judge, n in n_pairs.items() if n >= _NEARLY * most), key=judge_rank, default=None) or min(here, key=judge_rank)


def _cases_by_judge(results: Sequence[CaseResult]) -> dict[tuple[str, str], dict[str, set[str]]]:
    """Return by metric and target, and then by judge, the cases that it gave a value to."""
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for result in results:
        for score in result.scores:
            if score.value is not None:
                found.setdefault((score.metric, score.target), {}).setdefault(score.judge, set()).add(result.case_id)
    return found
