"""Deleting runs and sets with all that was made of them, within a write that is under way."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.evaluation_records import DeletedEvaluation, RunState
from footnote.core.catalog.leases import lease_of_run
from footnote.core.errors import Conflict

SHOWN_RUNS = 3


async def delete_runs(session: AsyncSession, which: ColumnElement[bool], *, param: str) -> DeletedEvaluation:
    """Delete runs with their answers, scores, reports, what is owed of these, and the turns that they asked.

    Args:
        session: of the write.
        which: the condition on ``schema.EvaluationRun``.
        param: what the request calls that which is deleted.

    Raises:
        Conflict: one of them is under way.
    """
    run, answer, score, report, delivery = schema.EvaluationRun, schema.RunAnswer, schema.CaseScore, schema.Report, schema.Delivery
    rows = (await session.execute(select(run.id, run.state).where(which).order_by(run.id).with_for_update())).all()
    under_way = [row.id for row in rows if not RunState(row.state).is_final]
    if under_way:
        raise Conflict(_under_way(under_way), hint="Cancel it first, or wait for its end.", param=param)
    ids = select(run.id).where(which)
    reports = select(report.id).where(report.run_id.in_(ids))
    turns = schema.Turn.run_id.in_(ids)
    gone = DeletedEvaluation(
        runs=len(rows),
        answers=await _n(session, answer, answer.run_id.in_(ids)),
        scores=await _n(session, score, score.run_id.in_(ids)),
        reports=await _n(session, report, report.run_id.in_(ids)),
        deliveries=await _n(session, delivery, delivery.report_id.in_(reports)),
        turns=await _n(session, schema.Turn, turns),
    )
    await session.execute(delete(schema.Turn).where(turns))
    await session.execute(delete(run).where(which))
    for row in rows:  # what a process that was killed has held is nobody's any more
        await session.execute(delete(schema.Lease).where(schema.Lease.name == lease_of_run(row.id)))
    return gone


async def n_cases(session: AsyncSession, set_ids: Sequence[str]) -> int:
    """Count the cases of sets, tombstones among them."""
    return await _n(session, schema.EvaluationCase, schema.EvaluationCase.set_id.in_(set_ids))


async def _n(session: AsyncSession, model: Any, which: ColumnElement[bool]) -> int:
    return await session.scalar(select(func.count()).select_from(model).where(which)) or 0


def _under_way(run_ids: Sequence[str]) -> str:
    named = ", ".join(run_ids[:SHOWN_RUNS]) + (" …" if len(run_ids) > SHOWN_RUNS else "")
    return f"The run {named} is under way." if len(run_ids) == 1 else f"{len(run_ids)} runs are under way: {named}."
