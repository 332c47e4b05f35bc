"""What a report is made of: whose scores are looked at."""

import pytest

from evaluation.report.material import CaseResult, judges_of
from tests.evaluation.report.simulated import Row

MODEL, LOCAL = "ragas:a-model", "local-1"


def results(of_model: range, of_local: range, *, night: str = "") -> list[CaseResult]:
    """Return twenty cases, those of these places scored by these judges, the others by failures."""
    made: list[CaseResult] = []
    for place in range(20):
        case_id = f"{night}{place}"
        values = ((MODEL, place in of_model), (LOCAL, place in of_local))
        rows = tuple(Row(case_id, "faithfulness", judge, "draft", 0.5 if scored else None) for judge, scored in values)
        made.append(CaseResult(case_id, "rel_a", "fact", (), True, False, f"turn-{case_id}", rows))
    return made


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((range(20), range(20)), (range(20), range(20)), MODEL),
        ((range(20), range(20)), (range(2), range(20)), LOCAL),
        ((range(2), range(20)), (range(20), range(20)), LOCAL),
        ((range(10), range(20)), (range(10, 20), range(20)), LOCAL),
        ((range(19), range(20)), (range(20), range(20)), MODEL),
        ((range(20), range(20)), (range(20), range(0)), MODEL),
        ((range(20), range(0)), (range(0), range(20)), MODEL),
    ],
)
def test_two_runs_are_compared_by_the_first_judge_that_can_compare_nearly_all_of_their_cases(
    now: tuple[range, range], before: tuple[range, range], expected: str
) -> None:
    assert judges_of(results(*now), results(*before)) == {("faithfulness", "draft"): expected}


def test_runs_that_share_no_case_are_looked_at_by_a_judge_of_both() -> None:
    now, before = results(range(20), range(20), night="b"), results(range(0), range(20), night="a")
    assert judges_of(now, before) == {("faithfulness", "draft"): LOCAL}
    assert judges_of(now) == {("faithfulness", "draft"): MODEL}
