"""What runs came to by the criteria of an eval: told from their scores by the database, so that a page costs what a page holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_access import readable, readable_row
from footnote.core.catalog.evaluation_records import CaseMark, CaseOutcome, CaseScoreRecord, RunAnswerRecord, RunTally
from footnote.core.catalog.evaluation_runs import answer_record, score_record
from footnote.core.catalog.paging import Page, Paging
from footnote.core.errors import NotFound
from footnote.core.types import Caller

LANGUAGE_MODEL = "ragas:"
"""How the names of judges begin that are language models: before the local judge, they decide."""


class RunResults:
    """Reads what runs came to. A run that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tallies(self, run_ids: Sequence[str], *, marks: Sequence[CaseMark], caller: Caller) -> Mapping[str, RunTally]:
        """Return how the cases of runs fared so far; of runs that the caller may not read, nothing.

        Args:
            run_ids: a page of them.
            marks: what a case has to reach.
            caller: who reads.
        """
        run, report = schema.EvaluationRun, schema.Report
        async with self._database.read() as session:
            there = (await session.scalars(select(run.id).where(run.id.in_(run_ids), readable(session, run, caller)))).all()
            of_runs = select(report.run_id, report.id).where(report.run_id.in_(there), readable(session, report, caller))
            reports = {row.run_id: row.id for row in await session.execute(of_runs)}
            rows = {row["run_id"]: row for row in (await session.execute(_tallied(session, there, marks))).mappings()}
        return {run_id: _tally(rows.get(run_id), n_marks=len(marks), report_id=reports.get(run_id)) for run_id in there}

    async def answers_page(
        self, run_id: str, *, paging: Paging, caller: Caller, marks: Sequence[CaseMark] = (), outcome: CaseOutcome | None = None
    ) -> Page[RunAnswerRecord]:
        """Return a page of the answers that are noted, in the order of the cases; the cursor is the id of a case.

        After a case that is none of the run's there is nothing.

        Args:
            run_id: of which run.
            paging: which page.
            caller: who reads.
            marks: what a case has to reach.
            outcome: only the answers of cases that fared so by the marks.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        answer, case = schema.RunAnswer, schema.EvaluationCase
        descending = paging.order == "desc"
        async with self._database.read() as session:
            run = await _readable(session, run_id, caller)
            query = _answers(run)
            if outcome is not None:
                query = query.where(_outcome(answer.turn_id.is_not(None), [_verdict(session, mark) for mark in marks]) == outcome)
            if paging.after is not None:
                place = (await session.execute(_answers(run).with_only_columns(case.ordinal).where(case.id == paging.after))).scalar()
                if place is None:
                    return Page(items=(), has_more=False)
                query = query.where(case.ordinal < place if descending else case.ordinal > place)
            by = case.ordinal.desc() if descending else case.ordinal.asc()
            rows = (await session.execute(query.order_by(by).limit(paging.limit + 1))).all()
        return Page(items=tuple(answer_record(*row) for row in rows[: paging.limit]), has_more=len(rows) > paging.limit)

    async def answers_after(self, run_id: str, ordinal: int, *, limit: int, caller: Caller) -> Page[RunAnswerRecord]:
        """Return the page of answers after the case with this ordinal, in the order of the cases.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        case = schema.EvaluationCase
        async with self._database.read() as session:
            query = _answers(await _readable(session, run_id, caller)).where(case.ordinal > ordinal).order_by(case.ordinal)
            rows = (await session.execute(query.limit(limit + 1))).all()
        return Page(items=tuple(answer_record(*row) for row in rows[:limit]), has_more=len(rows) > limit)

    async def answer(self, run_id: str, case_id: str, *, caller: Caller) -> RunAnswerRecord:
        """Return the answer to a case.

        Raises:
            NotFound: none is noted, there is no such run, or the caller may not read it.
        """
        async with self._database.read() as session:
            run = await _readable(session, run_id, caller)
            row = (await session.execute(_answers(run).where(schema.EvaluationCase.id == case_id))).one_or_none()
        if row is None:
            raise NotFound(f"No answer to the case {case_id} is noted in the run {run_id}.")
        return answer_record(*row)

    async def scores_of(self, run_id: str, case_ids: Sequence[str], *, caller: Caller) -> Mapping[str, tuple[CaseScoreRecord, ...]]:
        """Return the scores of a page of cases by case, sorted by metric, judge and target; without cases that have none.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        score, case = schema.CaseScore, schema.EvaluationCase
        query = select(score, case.ordinal).join(case, case.id == score.case_id).where(score.run_id == run_id, score.case_id.in_(case_ids))
        found: dict[str, list[CaseScoreRecord]] = {}
        async with self._database.read() as session:
            await _readable(session, run_id, caller)
            for row, ordinal in await session.execute(query.order_by(score.metric, score.judge, score.target)):
                found.setdefault(row.case_id, []).append(score_record(row, ordinal))
        return {case_id: tuple(scores) for case_id, scores in found.items()}


async def _readable(session: AsyncSession, run_id: str, caller: Caller) -> schema.EvaluationRun:
    return await readable_row(session, schema.EvaluationRun, run_id, caller=caller, what="run", param="run_id")


def _answers(run: schema.EvaluationRun) -> Any:
    """Return the query for the answers of a run; the set is named so that its cases are read in their order, and only as many as wanted."""
    answer, case = schema.RunAnswer, schema.EvaluationCase
    return select(answer, case.ordinal).join(case, case.id == answer.case_id).where(answer.run_id == run.id, case.set_id == run.set_id)


# ---------------------------------------------------------------------------------------------------------------- how a case fared


def _verdict(session: AsyncSession, mark: CaseMark) -> Any:
    """Return how the case of a row of answers fared by a mark; NULL where no score says anything about it."""
    answer, score = schema.RunAnswer, schema.CaseScore
    passes = score.value <= mark.threshold if mark.lower_is_better else score.value >= mark.threshold
    verdict = sql_case((score.value.is_(None), "error"), (passes, "pass"), else_="fail")
    query = select(verdict).where(_is_of(answer), score.metric == mark.metric, score.target == mark.target)
    if mark.judge is not None:
        query = query.where(score.judge == mark.judge)
    is_local = sql_case((func.substr(score.judge, 1, len(LANGUAGE_MODEL)) == LANGUAGE_MODEL, 0), else_=1)
    return query.order_by(is_local, _by_code_points(session, score.judge)).limit(1).correlate(answer).scalar_subquery()


def _tokens(metric: str) -> Any:
    """Return a count of tokens of the case of a row of answers: the first one in the order of ``scores_of``."""
    answer, score = schema.RunAnswer, schema.CaseScore
    query = select(score.value).where(_is_of(answer), score.metric == metric, score.value.is_not(None))
    return query.order_by(score.judge, score.target).limit(1).correlate(answer).scalar_subquery()


def _is_of(answer: type[schema.RunAnswer]) -> ColumnElement[bool]:
    return (schema.CaseScore.run_id == answer.run_id) & (schema.CaseScore.case_id == answer.case_id)


def _by_code_points(session: AsyncSession, column: Any) -> Any:
    """Return what sorts text on either database as Python does: PostgreSQL would sort it by its language."""
    return column if session.get_bind().dialect.name == "sqlite" else column.collate("C")


def _outcome(is_answered: Any, verdicts: Sequence[Any]) -> Any:
    """Return how a case fared by all marks together: as ``serving.api.eval_criteria.outcome_of`` says of one."""
    errs = or_(~is_answered, *(verdict == "error" for verdict in verdicts))
    fails = [(or_(*(verdict == "fail" for verdict in verdicts)), "fail")] if verdicts else []
    return sql_case((errs, "error"), *fails, else_="pass")


# ----------------------------------------------------------------------------------------------------------------- how runs fared


def _tallied(session: AsyncSession, run_ids: Sequence[str], marks: Sequence[CaseMark]) -> Any:
    """Return the query for one row of sums for each run that has answers."""
    answer = schema.RunAnswer
    verdicts = [_verdict(session, mark).label(f"verdict_{place}") for place, mark in enumerate(marks)]
    tokens = [_tokens(metric).label(metric) for metric in ("prompt_tokens", "completion_tokens")]
    is_answered = answer.turn_id.is_not(None).label("is_answered")
    cases = select(answer.run_id, is_answered, *verdicts, *tokens).where(answer.run_id.in_(run_ids))
    # Left to itself, either database would look for each verdict again wherever it is named.
    each = cases.cte("fared").prefix_with("MATERIALIZED")
    of_marks: list[Any] = [each.c[verdict.name] for verdict in verdicts]
    outcome = _outcome(each.c.is_answered, of_marks)
    sums = {
        "n_passed": _n(outcome == "pass"),
        "n_failed": _n(outcome == "fail"),
        "n_errors": _n(outcome == "error"),
        "n_answered": _n(each.c.is_answered),
        "prompt_tokens": func.sum(each.c.prompt_tokens),
        "completion_tokens": func.sum(each.c.completion_tokens),
    }
    for place, verdict in enumerate(of_marks):
        sums |= {f"passed_{place}": _n(verdict == "pass"), f"failed_{place}": _n(verdict == "fail")}
    return select(each.c.run_id, *(column.label(name) for name, column in sums.items())).group_by(each.c.run_id)


def _n(condition: Any) -> Any:
    return func.sum(sql_case((condition, 1), else_=0))


def _tally(row: Mapping[Any, Any] | None, *, n_marks: int, report_id: str | None) -> RunTally:
    if row is None:
        return RunTally(by_mark=((0, 0),) * n_marks, report_id=report_id)
    names = ("n_passed", "n_failed", "n_errors", "n_answered", "prompt_tokens", "completion_tokens")
    return RunTally(
        **{name: int(row[name] or 0) for name in names},
        by_mark=tuple((int(row[f"passed_{place}"]), int(row[f"failed_{place}"])) for place in range(n_marks)),
        report_id=report_id,
    )
