"""Runs as they would score: answers of a working system, and of one with a fault planted. The same each time."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from evaluation.report.body import RunFacts
from evaluation.report.material import CaseResult

Fault = Literal["none", "invents", "cites_wrong", "never_declines", "half_a_retriever"]
JUDGE = "local-1"


@dataclass(frozen=True, slots=True)
class Row:
    """A score as it is kept."""

    case_id: str
    metric: str
    judge: str
    target: str
    value: float | None
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class SimulatedCase:
    id: str
    kind: str
    answerable: bool


@dataclass(frozen=True, slots=True)
class Luck:
    """What happens to a case whatever the system: drawn once for each case, then a little of it again for each run."""

    rank: int
    """Of the source among the hits; beyond 10 it is not found."""
    reads: float
    cites: float
    declines: float
    faithful: float


def simulated_cases(n: int) -> list[SimulatedCase]:
    kinds = ("fact", "table", "follow_up")
    return [SimulatedCase(id=f"case-{i:03d}", kind="unanswerable" if i % 5 == 4 else kinds[i % 3], answerable=i % 5 != 4) for i in range(n)]


def run_of(
    cases: Sequence[SimulatedCase],
    *,
    fault: Fault = "none",
    seed: int = 0,
    noise: float = 0.05,
    release: str = "rel_a",
    fail_judge: float = 0,
) -> list[CaseResult]:
    """Return a run's cases with their rows.

    Args:
        fault: what is wrong with the system.
        seed: of what differs between two runs of the same system.
        noise: the share of cases that come out otherwise than their luck says.
        fail_judge: the share of cases that the judge fails to score.
    """
    per_run = random.Random(f"{seed}-{fault}")
    results: list[CaseResult] = []
    for case in cases:
        per_case = random.Random(case.id if per_run.random() >= noise else f"{case.id}-{seed}")
        rank = per_case.choices([1, 2, 3, 4, 6, 8, 9, 11], weights=[45, 15, 8, 5, 8, 6, 5, 8])[0]
        luck = Luck(rank, per_case.random(), per_case.random(), per_case.random(), per_case.random())
        results.append(_result(case, luck, fault=fault, chance=per_run, release=release, fail_judge=fail_judge))
    return results


def _result(case: SimulatedCase, luck: Luck, *, fault: Fault, chance: random.Random, release: str, fail_judge: float) -> CaseResult:
    depth = 5 if fault == "half_a_retriever" else 10
    is_found = case.answerable and luck.rank <= depth
    declines = luck.declines < (0.06 if is_found else 0.8) and fault != "never_declines"
    values: dict[tuple[str, str, str], float] = {("abstention", "labels", "draft"): float(declines != case.answerable)}
    if case.answerable:
        values["recall@5", "labels", "turn"] = float(luck.rank <= 5)
        values["recall@10", "labels", "turn"] = float(is_found)
        found = is_found and not declines and luck.reads < (0.55 if fault == "invents" else 0.85)
        cites = found and luck.cites < 0.97 and not (fault == "cites_wrong" and chance.random() < 0.1)
        values["answer_found", "labels", "draft"] = float(found)
        values["citations", "labels", "draft"] = float(cites)
    else:
        values["abstention_recall", "labels", "draft"] = float(declines)
    if not declines:
        faithful = 1.0 if luck.faithful < 0.75 else 0.5
        values["faithfulness", JUDGE, "draft"] = 0.3 * faithful if fault == "invents" and chance.random() < 0.5 else faithful
        values["faithfulness", JUDGE, "shown"] = 1.0
    values["latency_ms", "measured", "turn"] = 900 + 60 * luck.rank + 400 * luck.reads
    values["first_token_ms", "measured", "turn"] = 210 + 12 * luck.rank
    values["prompt_tokens", "measured", "turn"] = 700 + 20 * luck.rank
    values["completion_tokens", "measured", "turn"] = 24 + round(60 * luck.reads)
    rows = [Row(case.id, metric, judge, target, value) for (metric, judge, target), value in values.items()]
    if chance.random() < fail_judge:
        rows = [replace(row, value=None, failure_code="judge_timeout") if row.judge == JUDGE else row for row in rows]
    return CaseResult(
        case_id=case.id,
        release_id=release,
        kind=case.kind,
        collection_ids=("default",),
        answerable=case.answerable,
        abstained=declines,
        turn_id=f"turn_{case.id}",
        scores=tuple(rows),
    )


def facts(*, night: int = 1, n_cases: int = 80, release: str = "rel_a") -> RunFacts:
    finished = datetime(2026, 3, 1, 3, 12, 40, tzinfo=UTC) + timedelta(days=night)
    return RunFacts(
        run_id=f"run_{night:02d}",
        release_id=release,
        set_id="set_1",
        set_name="handbook",
        set_number=3,
        set_sha256="5f0c" * 16,
        started_at=finished - timedelta(minutes=12, seconds=5),
        finished_at=finished,
        n_cases=n_cases,
    )


def questions_of(cases: Sequence[SimulatedCase]) -> Mapping[str, str]:
    return {case.id: f"What does the {case.kind.replace('_', ' ')} number {case.id[-3:]} say?" for case in cases}
