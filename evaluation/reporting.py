"""Making the report of a run: rows are read from the catalog, those of the run before too; what they say is ``evaluation.report``'s."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog

from evaluation.answered import Answered
from evaluation.known_judges import known_qualities
from evaluation.report.body import Drift, ReportBody, RunFacts, body_from_json
from evaluation.report.building import Context, PreviousRun, build
from evaluation.report.drift import Matrix, question_drift, score_drift, share_change
from evaluation.report.material import CaseResult, counting
from evaluation.running import RunConfiguration, caller_of
from evaluation.scores import Scorer
from evaluation.sets import case_of
from evaluation.summary import ScoreKey
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseRecord, CaseScoreRecord, EvaluationSetRecord, ReportRecord, RunRecord, SetKind
from footnote.core.catalog.leases import HeldLease
from footnote.core.catalog.moment import now
from footnote.core.errors import InvalidInput, NotFound
from footnote.core.offload import offload
from footnote.core.types import Caller, Turn
from retrieval.embedder.port import Embedder

log = structlog.get_logger(__name__)

N_TREND = 30
"""Earlier reports whose figures make the trend: a month of nights."""

TURNS_AT_ONCE = 100
"""Turns whose text is held at once while a report is made."""


@dataclass(frozen=True, slots=True)
class RowOfCase:
    """A score under another name of its case; ``evaluation.summary.ScoreRow``."""

    case_id: str
    metric: str
    judge: str
    target: str
    value: float | None
    failure_code: str | None


@dataclass(frozen=True, slots=True)
class _ReadRun:
    """All of a run that its report and the next one need."""

    facts: RunFacts
    kind: SetKind
    results: tuple[CaseResult, ...]
    keys: Mapping[str, str]
    """By the id of a case its own id, which is the same in each version of a set."""
    questions: Mapping[str, str]
    without_good_hit: int
    """Questions for which retrieval found nothing to answer from."""


class Reporter:
    """Makes reports.

    Args:
        catalog: where runs and reports are.
        embedder: turns questions into vectors, to see whether they drift.
        scorers: those of the runs; what they cannot measure here is told with its reason.
        judges: name and revision of each judge, whose agreement with people reports carry: as it is known when the report is made.
    """

    def __init__(self, *, catalog: Catalog, embedder: Embedder, scorers: Sequence[Scorer], judges: Sequence[tuple[str, str]]) -> None:
        self._catalog = catalog
        self._embedder = embedder
        self._scorers = tuple(scorers)
        self._judges = tuple(judges)

    async def report(self, run_id: str, *, lease: HeldLease | None = None) -> ReportRecord:
        """Make the report of a run from what is scored of it, and keep it; made again it takes the place of the one before.

        Args:
            run_id: of which run.
            lease: the run's, without which nothing is kept; None where no other process can be at the run.

        Raises:
            NotFound: the run, its set or its release is gone.
            LeaseLost: another process is at it.
        """
        run = await self._catalog.evaluation_runs.by_id(run_id)
        caller = caller_of(run)
        this = await self._read(run, caller)
        earlier = await self._earlier(run, caller)
        before = await self._before(earlier, caller)
        context = Context(
            previous=None if before is None else PreviousRun(facts=before.facts, results=_paired(before, this)),
            earlier=earlier,
            drift=Drift() if before is None else await self._drift(before, this),
            judges=await known_qualities(self._catalog, self._judges),
            reasons=self._reasons(),
        )
        body = await offload(lambda: build(this.facts, this.results, questions=this.questions, context=context))
        return await self._catalog.reports.store(run_id, body.as_json(), lease=lease)

    def _reasons(self) -> dict[str, str]:
        reasons: dict[str, str] = {}
        for scorer in self._scorers:
            reasons |= scorer.not_measured
        return {metric: reason for metric, reason in reasons.items() if all(metric not in scorer.metrics for scorer in self._scorers)}

    # ------------------------------------------------------------------------------------------------------------------- reading

    async def _read(self, run: RunRecord, caller: Caller) -> _ReadRun:
        of_set = await self._catalog.evaluation_sets.get(run.set_id, caller=caller)
        cases = RunConfiguration.from_json(run.configuration).chosen(await self._catalog.evaluation_sets.cases(run.set_id, caller=caller))
        answers = {answer.case_id: answer for answer in await self._catalog.evaluation_runs.answers(run.id, caller=caller)}
        scores: dict[str, list[CaseScoreRecord]] = {}
        async for score in self._catalog.evaluation_runs.each_score(run.id, caller=caller):
            scores.setdefault(score.case_id, []).append(score)
        results: list[CaseResult] = []
        keys: dict[str, str] = {}
        questions: dict[str, str] = {}
        n_without_good_hit = 0
        asked = [(record, answers[record.id].turn_id) for record in cases if record.id in answers]
        async for record, turn_id, turn in self._with_turns(asked, caller):
            case = case_of(record)
            answered = None if turn is None else Answered(case=case, turn=turn, passages=())
            keys[record.id], questions[record.id] = record.key, case.question
            result = CaseResult(
                case_id=record.id,
                release_id=run.release_id if turn is None else turn.release_id,
                kind=case.kind,
                collection_ids=() if turn is None else turn.collection_ids,
                answerable=case.answerable,
                abstained=None if answered is None or answered.failure is not None else answered.abstained("draft"),
                turn_id=turn_id,
                scores=tuple(scores.get(record.id, ())),
                is_sampled=of_set.kind == SetKind.LIVE,
                ended_in_error=turn is not None and turn.error_code is not None,
            )
            results.append(result)
            n_without_good_hit += result.counts and turn is not None and turn.abstained and not turn.prompt
        facts = _facts(run, of_set, results)
        return _ReadRun(facts, of_set.kind, tuple(results), keys, questions, n_without_good_hit)

    async def _with_turns(
        self, asked: Sequence[tuple[CaseRecord, str | None]], caller: Caller
    ) -> AsyncGenerator[tuple[CaseRecord, str | None, Turn | None]]:
        """Yield cases and the ids of their turns with the turns, as ``turn_of`` finds them; None where one went meanwhile."""
        for first in range(0, len(asked), TURNS_AT_ONCE):
            page = asked[first : first + TURNS_AT_ONCE]
            live = {turn_id for case, turn_id in page if turn_id is not None and turn_id == case.turn_id}
            of_run = {turn_id for _, turn_id in page if turn_id is not None} - live
            turns = dict(await self._catalog.turns.some(of_run, caller=caller)) if of_run else {}
            turns |= await self._catalog.live_turns.some(live, caller=replace(caller, is_operator=True)) if live else {}
            for case, turn_id in page:
                yield case, turn_id, None if turn_id is None else turns.get(turn_id)

    async def _earlier(self, run: RunRecord, caller: Caller) -> tuple[ReportBody, ...]:
        """Return the reports of the same owner's runs that asked the same of the same set and were begun before, newest first."""
        this = _asks(run.configuration)
        records = await self._catalog.reports.previous(
            run.id, caller=caller, is_alike=lambda configuration: _asks(configuration) == this, limit=N_TREND
        )
        bodies = [_body(record) for record in records]
        return tuple(body for body in bodies if body is not None)

    async def _before(self, earlier: Iterable[ReportBody], caller: Caller) -> _ReadRun | None:
        """Return the newest run before this one of which there still is something to compare with."""
        for body in earlier:
            try:
                return await self._read(await self._catalog.evaluation_runs.get(body.run.run_id, caller=caller), caller)
            except NotFound:
                continue
        return None

    async def _drift(self, before: _ReadRun, this: _ReadRun) -> Drift:
        """Compare questions where people asked them; those of a written set are the same each night."""
        if this.kind != SetKind.LIVE:
            return Drift()
        earlier, today = counting(before.results), counting(this.results)
        ids = [result.case_id for result in today if this.questions[result.case_id].strip()]
        then = await self._vectors(before.questions[result.case_id] for result in earlier)
        asked = await self._vectors(this.questions[case_id] for case_id in ids)
        return await offload(
            lambda: Drift(
                questions=question_drift(then, asked, ids=ids),
                without_good_hit=share_change(before.without_good_hit, len(earlier), this.without_good_hit, len(today)),
                scores=score_drift(_values(earlier), _values(today)),
            )
        )

    async def _vectors(self, questions: Iterable[str]) -> Matrix:
        texts = [question for question in questions if question.strip()]
        if not texts:
            return np.zeros((0, self._embedder.recipe.dimension))
        return np.asarray(await self._embedder.embed_queries(texts), dtype=np.float64)


def _asks(configuration: Mapping[str, Any]) -> RunConfiguration:
    """Return what decides which cases a run asks and where it finds answers, so that two runs may be compared."""
    return replace(RunConfiguration.from_json(configuration), scheduled_for=None, n_cases=None)


def _body(record: ReportRecord) -> ReportBody | None:
    """Return what a report says; None where this version of footnote cannot read it, which must not cost the reports after it."""
    try:
        return body_from_json(record.body)
    except InvalidInput as error:
        log.warning("an earlier report is left out", report_id=record.id, error=str(error))
        return None


def _paired(before: _ReadRun, this: _ReadRun) -> tuple[CaseResult, ...]:
    """Return the results of an earlier run with the ids that the same cases have now: each version of a set gives its cases new ones."""
    ids = {key: case_id for case_id, key in this.keys.items()}
    return tuple(_renamed(result, ids.get(before.keys[result.case_id], result.case_id)) for result in before.results)


def _renamed(result: CaseResult, case_id: str) -> CaseResult:
    rows = tuple(RowOfCase(case_id, row.metric, row.judge, row.target, row.value, row.failure_code) for row in result.scores)
    return replace(result, case_id=case_id, scores=rows)


def _facts(run: RunRecord, of_set: EvaluationSetRecord, results: Sequence[CaseResult]) -> RunFacts:
    return RunFacts(
        run_id=run.id,
        release_id=run.release_id,
        set_id=of_set.id,
        set_name=of_set.name,
        set_number=of_set.number,
        set_sha256=of_set.sha256,
        started_at=run.created_at,
        finished_at=run.finished_at or now(),
        n_cases=len(results),
        n_unanswered_cases=sum(result.has_failed for result in results),
        n_drawn_at_random=len(counting(results)) if of_set.kind == SetKind.LIVE else None,
    )


def _values(results: Sequence[CaseResult]) -> dict[ScoreKey, list[float]]:
    """Return the values of drafts and turns, never those of two judges together."""
    values: dict[ScoreKey, list[float]] = {}
    for result in results:
        for score in result.scores:
            if score.value is not None and score.target != "shown":
                values.setdefault(ScoreKey(metric=score.metric, target=score.target, judge=score.judge), []).append(score.value)
    return values
