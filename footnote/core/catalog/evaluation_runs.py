"""Runs: which turn answered which case, and what each judge made of it. A run that was cut off is gone on with from what is noted here."""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import case as sql_case
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.deliveries import owe
from footnote.core.catalog.evaluation_access import own_row, principals_of, readable, readable_row
from footnote.core.catalog.evaluation_deleting import delete_runs
from footnote.core.catalog.evaluation_records import (
    CaseScoreDraft,
    CaseScoreRecord,
    DeletedEvaluation,
    RunAnswerRecord,
    RunCounts,
    RunRecord,
    RunState,
)
from footnote.core.catalog.leases import HeldLease, require_held
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.catalog.quotations import empty_turns
from footnote.core.errors import Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Caller

CASES_PER_PAGE = 200
ANSWER_REPLACED = "answer_replaced"


class EvaluationRuns:
    """Reads and writes runs.

    What takes a caller checks that they may: somebody else's run is not found. What takes none is for the process that does the run: it
    shows its lease (``lease_of_run``), and what it writes after another process has taken that over is refused. Where no other process can
    be at the run there is none to show.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- a run -------------------------------------------------------------------------------------------------------------------

    async def create(
        self,
        *,
        set_id: str,
        release_id: str,
        caller: Caller,
        configuration: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        job_id: str | None = None,
        eval_id: str | None = None,
    ) -> RunRecord:
        """Begin a run of a release over a set that the caller may read.

        Args:
            set_id: the version of the set.
            release_id: what answers.
            caller: who owns the run, and asks its questions.
            configuration: metrics, judges and limits, as JSON without text of documents.
            principals: who may read the run beside its owner.
            job_id: the job that does it.
            eval_id: the eval that it is a run of.

        Raises:
            NotFound: there is no such set, release or eval, or the caller may not read it.
        """
        wanted = _WantedRow(set_id, release_id, caller, dict(configuration or {}), principals=principals, job_id=job_id, eval_id=eval_id)
        async with self._database.write() as session:
            row = await _created(session, wanted)
        return _run(row)

    async def begin(
        self,
        *,
        set_id: str,
        release_id: str,
        caller: Caller,
        configuration: Mapping[str, Any],
        is_the_same: Callable[[Mapping[str, Any]], bool],
        eval_id: str | None = None,
    ) -> tuple[RunRecord, bool]:
        """Return the newest unfinished run of the caller's that does the same, or begin one; and whether it was begun before.

        Both are one write: of two who ask for the same at the same moment one begins the run, and the other goes on with it.

        Args:
            set_id: the version of the set; a run of another set, release or eval is another.
            release_id: what answers.
            caller: who owns the run, and asks its questions.
            configuration: as ``create`` takes it.
            is_the_same: whether a run of this configuration asks for the same.
            eval_id: the eval that it is a run of.

        Raises:
            NotFound: as ``create``.
        """
        row = schema.EvaluationRun
        ours = (row.owner == caller.owner, row.set_id == set_id, row.release_id == release_id, row.eval_id.is_not_distinct_from(eval_id))
        query = select(row).where(*ours, row.state.in_((RunState.QUEUED, RunState.RUNNING))).order_by(row.id.desc())
        async with self._database.write() as session:
            found = next((each for each in await session.scalars(query) if is_the_same(each.configuration)), None)
            if found is not None:
                return _run(found), True
            return _run(await _created(session, _WantedRow(set_id, release_id, caller, configuration, eval_id=eval_id))), False

    async def get(self, run_id: str, *, caller: Caller) -> RunRecord:
        """Return a run.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            return _run(await _readable(session, run_id, caller))

    async def by_id(self, run_id: str) -> RunRecord:
        """Return a run, for the process that does it.

        Raises:
            NotFound: there is none (any more).
        """
        async with self._database.read() as session:
            return _run(await _row(session, run_id))

    async def by_job(self, job_id: str) -> RunRecord:
        """Return the run that a job does.

        Raises:
            NotFound: there is none (any more).
        """
        async with self._database.read() as session:
            row = (await session.scalars(select(schema.EvaluationRun).where(schema.EvaluationRun.job_id == job_id))).first()
        if row is None:
            raise NotFound(f"There is no run of the job {job_id}.")
        return _run(row)

    async def list(
        self,
        *,
        caller: Caller,
        paging: Paging,
        set_name: str | None = None,
        eval_id: str | None = None,
        state: RunState | None = None,
    ) -> Page[RunRecord]:
        """Return a page of the runs that the caller may read: of all sets or all versions of one name, of one eval, in one state."""
        row = schema.EvaluationRun
        async with self._database.read() as session:
            query = select(row).where(readable(session, row, caller))
            query = query if eval_id is None else query.where(row.eval_id == eval_id)
            query = query if state is None else query.where(row.state == state)
            if set_name is not None:
                query = query.join(schema.EvaluationSet, schema.EvaluationSet.id == row.set_id).where(schema.EvaluationSet.name == set_name)
            return await page_of(session, query, row, paging, _run)

    async def unfinished(self) -> tuple[str, ...]:
        """Return the runs that wait or are under way, oldest first, for the processes that do them."""
        row = schema.EvaluationRun
        query = select(row.id).where(row.state.in_((RunState.QUEUED, RunState.RUNNING))).order_by(row.created_at, row.id)
        async with self._database.read() as session:
            return tuple(await session.scalars(query))

    async def start(self, run_id: str, *, job_id: str | None = None, lease: HeldLease | None = None) -> RunRecord:
        """Note that a run is under way, and which job does it; one that was cut off starts again.

        Raises:
            NotFound: there is none (any more).
            Conflict: it is finished, or was cancelled.
            LeaseLost: another process is at the run.
        """
        async with self._database.write() as session:
            await _require_held(session, lease)
            row = await _unfinished(session, run_id)
            row.state = RunState.RUNNING
            row.job_id = job_id or row.job_id
        return _run(row)

    async def finish(
        self, run_id: str, *, error_code: str | None = None, owe_report_to: Collection[str] = (), lease: HeldLease | None = None
    ) -> RunRecord:
        """Note that a run is completed, or has failed with a code, with its counts.

        In the same write its report, where it has one, is owed to channels: whoever dies now has passed on what was to be passed on.

        Raises:
            NotFound, Conflict, LeaseLost: as ``start``.
        """
        async with self._database.write() as session:
            await _require_held(session, lease)
            row = await _unfinished(session, run_id)
            await _end(session, row, RunState.COMPLETED if error_code is None else RunState.FAILED)
            row.error_code = error_code
            report_id = await session.scalar(select(schema.Report.id).where(schema.Report.run_id == run_id))
            if report_id is not None:
                owe(session, frozenset(owe_report_to), report_id=report_id, at=now())
        return _run(row)

    async def cancel(self, run_id: str, *, caller: Caller) -> RunRecord:
        """End a run as it stands, without a report; cancelling it again changes nothing.

        Raises:
            NotFound: there is none, or it is somebody else's and the caller is not the operator.
            Conflict: it is finished.
        """
        async with self._database.write() as session:
            row = await own_row(session, schema.EvaluationRun, run_id, caller=caller, what="run", param="run_id", or_operator=True)
            if row.state != RunState.CANCELLED:
                _require_unfinished(row)
                await session.execute(delete(schema.Report).where(schema.Report.run_id == run_id))  # made just now, and of no finished run
                await _end(session, row, RunState.CANCELLED)
        return _run(row)

    async def delete(self, run_id: str, *, caller: Caller) -> DeletedEvaluation:
        """Delete a run with its answers, scores and report, what is owed of that, and the turns that it asked; say how many of each.

        Raises:
            NotFound: there is none, or it is somebody else's and the caller is not the operator.
            Conflict: it is under way.
        """
        async with self._database.write() as session:
            await own_row(session, schema.EvaluationRun, run_id, caller=caller, what="run", param="run_id", or_operator=True)
            return await delete_runs(session, schema.EvaluationRun.id == run_id, param="run_id")

    async def counts(self, run_id: str, *, caller: Caller) -> RunCounts:
        """Count how far a run is.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            return await _counted(session, await _readable(session, run_id, caller))

    # -- answers and scores ------------------------------------------------------------------------------------------------------

    async def note_answer(
        self, run_id: str, case_id: str, *, turn_id: str | None = None, error_code: str | None = None, lease: HeldLease | None = None
    ) -> None:
        """Note which turn answered a case, or why none could; what was noted and scored of another answer before goes.

        Where the case was erased while it was asked, the run's turn loses its text.

        Raises:
            NotFound: there is no such run (any more), or the case is not of its set.
            Conflict: the run is finished, or was cancelled.
            LeaseLost: another process is at the run.
        """
        if (turn_id is None) == (error_code is None):
            raise ValueError("a case was either answered by a turn or not, for a reason")
        async with self._database.write() as session:
            await _require_held(session, lease)
            run = await _unfinished(session, run_id)
            case = await session.get(schema.EvaluationCase, case_id, with_for_update={"read": True})  # an erasure waits
            if case is None or case.set_id != run.set_id:
                raise NotFound(f"There is no case {case_id} in the set of the run {run_id}.")
            if case.tombstone:
                await _empty_own_turns(session, run_id, turn_id)
            row = await session.get(schema.RunAnswer, (run_id, case_id))
            if row is not None and (row.turn_id, row.error_code) == (turn_id, error_code):
                return
            if row is not None:
                await session.execute(
                    delete(schema.CaseScore).where(schema.CaseScore.run_id == run_id, schema.CaseScore.case_id == case_id)
                )
                await session.delete(row)
                await session.flush()
            answer = schema.RunAnswer(run_id=run_id, case_id=case_id, turn_id=turn_id, error_code=error_code, judges=[], answered_at=now())
            session.add(answer)

    async def note_scores(
        self,
        run_id: str,
        case_id: str,
        *,
        judge: str,
        scores: Sequence[CaseScoreDraft],
        turn_id: str | None = None,
        lease: HeldLease | None = None,
    ) -> None:
        """Keep all that one judge has to say about a case, perhaps nothing, in one write; it replaces scores of the same metric and target.

        From then on the judge is one of those that have scored the answer to the end.

        Args:
            run_id: of which run.
            case_id: of which case.
            judge: whose scores.
            scores: all of them.
            turn_id: the answer that was judged; None for the one that is noted, whichever that is.
            lease: see the class.

        Raises:
            NotFound: there is no such run (any more), or no answer of it to this case is noted.
            Conflict: the run is finished, or was cancelled; or, with the code ``answer_replaced``, another answer is noted by now.
            LeaseLost: another process is at the run.
        """
        async with self._database.write() as session:
            await _require_held(session, lease)
            run = await _unfinished(session, run_id)
            answer = await session.get(schema.RunAnswer, (run_id, case_id))
            if answer is None:
                raise NotFound(f"No answer to the case {case_id} is noted in the run {run_id}.")
            if turn_id is not None and answer.turn_id != turn_id:
                raise Conflict(f"Another answer to the case {case_id} is noted by now.", hint="Score that one.", code=ANSWER_REPLACED)
            score = schema.CaseScore
            of_judge = (score.run_id == run_id) & (score.case_id == case_id) & (score.judge == judge)
            for draft in scores:
                await session.execute(delete(score).where(of_judge, score.metric == draft.metric, score.target == draft.target))
            session.add_all(
                score(
                    run_id=run_id,
                    case_id=case_id,
                    metric=draft.metric,
                    judge=judge,
                    target=draft.target,
                    release_id=run.release_id,
                    turn_id=answer.turn_id,
                    value=draft.value,
                    failure_code=draft.failure_code,
                    details=dict(draft.details),
                )
                for draft in scores
            )
            answer.judges = sorted({*answer.judges, judge})

    async def answers(self, run_id: str, *, caller: Caller) -> tuple[RunAnswerRecord, ...]:
        """Return the answers that are noted, in the order of the cases: what is not among them, or lacks a judge, is still to be done.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        answer, case = schema.RunAnswer, schema.EvaluationCase
        query = select(answer, case.ordinal).join(case, case.id == answer.case_id).where(answer.run_id == run_id)
        async with self._database.read() as session:
            await _readable(session, run_id, caller)
            rows = (await session.execute(query.order_by(case.ordinal, case.id))).all()
        return tuple(answer_record(row, ordinal) for row, ordinal in rows)

    async def scores_page(
        self, run_id: str, *, caller: Caller, after: int = -1, n_cases: int = CASES_PER_PAGE
    ) -> tuple[CaseScoreRecord, ...]:
        """Return the scores of the next ``n_cases`` cases that have any, after the case with this ordinal; empty at the end.

        They come in the order of cases, and of metric, judge and target within a case.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        score, case = schema.CaseScore, schema.EvaluationCase
        has_scores = select(score.case_id).where(score.run_id == run_id, score.case_id == case.id).exists()
        async with self._database.read() as session:
            run = await _readable(session, run_id, caller)
            cases = select(case.id, case.ordinal).where(case.set_id == run.set_id, case.ordinal > after, has_scores)
            page = cases.order_by(case.ordinal).limit(n_cases).subquery()
            query = (
                select(score, page.c.ordinal)
                .join(page, page.c.id == score.case_id)
                .where(score.run_id == run_id)
                .order_by(page.c.ordinal, score.metric, score.judge, score.target)
            )
            return tuple(score_record(row, ordinal) for row, ordinal in (await session.execute(query)).all())

    async def each_score(self, run_id: str, *, caller: Caller, n_cases: int = CASES_PER_PAGE) -> AsyncGenerator[CaseScoreRecord]:
        """Yield all scores of a run as ``scores_page`` returns them."""
        after = -1
        while page := await self.scores_page(run_id, caller=caller, after=after, n_cases=n_cases):
            for score in page:
                yield score
            after = page[-1].ordinal


# ------------------------------------------------------------------------------------------------------------------------- the steps


@dataclass(frozen=True, slots=True)
class _WantedRow:
    """A run that is to be."""

    set_id: str
    release_id: str
    caller: Caller
    configuration: Mapping[str, Any]
    principals: Iterable[str] = ()
    job_id: str | None = None
    eval_id: str | None = None


async def _created(session: AsyncSession, wanted: _WantedRow) -> schema.EvaluationRun:
    caller = wanted.caller
    await readable_row(session, schema.EvaluationSet, wanted.set_id, caller=caller, what="evaluation set", param="set_id")
    await readable_row(session, schema.Release, wanted.release_id, caller=caller, what="release", param="release_id")
    if wanted.eval_id is not None:
        await readable_row(session, schema.Eval, wanted.eval_id, caller=caller, what="eval", param="eval_id")
    row = schema.EvaluationRun(
        id=new_id("run"),
        owner=caller.owner,
        principals=principals_of(caller.owner, wanted.principals),
        set_id=wanted.set_id,
        release_id=wanted.release_id,
        job_id=wanted.job_id,
        eval_id=wanted.eval_id,
        configuration=dict(wanted.configuration),
        state=RunState.QUEUED,
        counts={},
        error_code=None,
        created_at=now(),
        finished_at=None,
    )
    session.add(row)
    return row


async def _require_held(session: AsyncSession, lease: HeldLease | None) -> None:
    if lease is not None:
        await require_held(session, lease)


async def _readable(session: AsyncSession, run_id: str, caller: Caller) -> schema.EvaluationRun:
    return await readable_row(session, schema.EvaluationRun, run_id, caller=caller, what="run", param="run_id")


async def _row(session: AsyncSession, run_id: str, *, for_update: bool = False) -> schema.EvaluationRun:
    row = await session.get(schema.EvaluationRun, run_id, with_for_update=for_update or None)
    if row is None:
        raise NotFound(f"There is no run {run_id}.", param="run_id")
    return row


async def _unfinished(session: AsyncSession, run_id: str) -> schema.EvaluationRun:
    row = await _row(session, run_id, for_update=True)
    _require_unfinished(row)
    return row


def _require_unfinished(row: schema.EvaluationRun) -> None:
    if RunState(row.state).is_final:
        raise Conflict(f"The run {row.id} is {row.state}.", hint="Begin another one.", param="run_id")


async def _end(session: AsyncSession, row: schema.EvaluationRun, state: RunState) -> None:
    row.counts = asdict(await _counted(session, row))
    row.state, row.finished_at = state, now()


async def _counted(session: AsyncSession, row: schema.EvaluationRun) -> RunCounts:
    case, answer, score = schema.EvaluationCase, schema.RunAnswer, schema.CaseScore

    def n(condition: Any) -> Any:
        return func.coalesce(func.sum(sql_case((condition, 1), else_=0)), 0)

    cases = select(n(case.tombstone.is_(False)), n(case.tombstone.is_(True))).where(case.set_id == row.set_id)
    answers = select(n(answer.turn_id.is_not(None)), n(answer.error_code.is_not(None))).where(answer.run_id == row.id)
    scores = select(n(score.value.is_not(None)), n(score.failure_code.is_not(None))).where(score.run_id == row.id)
    figures = [int(figure) for query in (cases, answers, scores) for figure in (await session.execute(query)).one()]
    n_cases, n_tombstones, n_answered, n_errors, n_scores, n_failures = figures
    return RunCounts(cases=n_cases, tombstones=n_tombstones, answered=n_answered, errors=n_errors, scores=n_scores, failures=n_failures)


async def _empty_own_turns(session: AsyncSession, run_id: str, turn_id: str | None) -> None:
    """Take its text from a turn that this run asked; one that a person asked is not the run's to change."""
    turn = schema.Turn
    own = select(turn.id).where(turn.id == turn_id, turn.run_id == run_id, turn.erased_at.is_(None))
    await empty_turns(session, (await session.scalars(own)).all())


# ------------------------------------------------------------------------------------------------------------------------------- rows


def _run(row: schema.EvaluationRun) -> RunRecord:
    return RunRecord(
        id=row.id,
        owner=row.owner,
        principals=frozenset(row.principals),
        set_id=row.set_id,
        release_id=row.release_id,
        job_id=row.job_id,
        eval_id=row.eval_id,
        configuration=row.configuration,
        state=RunState(row.state),
        counts=RunCounts(**row.counts),
        error_code=row.error_code,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def answer_record(row: schema.RunAnswer, ordinal: int) -> RunAnswerRecord:
    """Return the answer of a row."""
    return RunAnswerRecord(
        case_id=row.case_id,
        ordinal=ordinal,
        turn_id=row.turn_id,
        error_code=row.error_code,
        judges=frozenset(row.judges),
        answered_at=row.answered_at,
    )


def score_record(row: schema.CaseScore, ordinal: int) -> CaseScoreRecord:
    """Return the score of a row."""
    return CaseScoreRecord(
        case_id=row.case_id,
        ordinal=ordinal,
        metric=row.metric,
        judge=row.judge,
        target=row.target,
        turn_id=row.turn_id,
        value=row.value,
        failure_code=row.failure_code,
        details=row.details,
    )
