"""Reports: what runs came to, as numbers and ids; their text is rendered when they are read."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_access import readable, readable_row
from footnote.core.catalog.evaluation_records import ReportRecord, RunState
from footnote.core.catalog.leases import HeldLease, require_held
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.errors import Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Caller


class Reports:
    """Reads and writes reports. One that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, run_id: str, body: Mapping[str, Any], *, lease: HeldLease | None = None) -> ReportRecord:
        """Keep the one report of a run, with the run's owner and principals; stored again, it takes the old one's place and keeps its id.

        Raises:
            NotFound: there is no such run (any more).
            Conflict: it was cancelled.
            LeaseLost: another process is at the run.
        """
        async with self._database.write() as session:
            if lease is not None:
                await require_held(session, lease)
            run = await session.get(schema.EvaluationRun, run_id, with_for_update=True)
            if run is None:
                raise NotFound(f"There is no run {run_id}.", param="run_id")
            if run.state == RunState.CANCELLED:
                raise Conflict(f"The run {run_id} was cancelled.", hint="Begin another one.", param="run_id")
            row = (await session.scalars(select(schema.Report).where(schema.Report.run_id == run_id))).first()
            if row is None:
                row = schema.Report(id=new_id("rep"), run_id=run_id, owner=run.owner, principals=run.principals, body={}, created_at=now())
                session.add(row)
            row.body = dict(body)
        return _report(row)

    async def get(self, report_id: str, *, caller: Caller) -> ReportRecord:
        """Return a report.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            return _report(await readable_row(session, schema.Report, report_id, caller=caller, what="report", param="report_id"))

    async def by_id(self, report_id: str) -> ReportRecord:
        """Return a report, for the process that passes it on.

        Raises:
            NotFound: there is none (any more).
        """
        async with self._database.read() as session:
            row = await session.get(schema.Report, report_id)
        if row is None:
            raise NotFound(f"There is no report {report_id}.", param="report_id")
        return _report(row)

    async def of_run(self, run_id: str, *, caller: Caller) -> ReportRecord | None:
        """Return the report of a run; None where there is none (yet) that the caller may read."""
        async with self._database.read() as session:
            query = select(schema.Report).where(schema.Report.run_id == run_id, readable(session, schema.Report, caller))
            row = (await session.scalars(query)).first()
        return None if row is None else _report(row)

    async def ids_of(self, run_ids: Sequence[str], *, caller: Caller) -> Mapping[str, str]:
        """Return the ids of the reports of a page of runs, by run: of those that have one (yet) that the caller may read."""
        row = schema.Report
        async with self._database.read() as session:
            query = select(row.run_id, row.id).where(row.run_id.in_(run_ids), readable(session, row, caller))
            return {each.run_id: each.id for each in await session.execute(query)}

    async def list(self, *, caller: Caller, paging: Paging, set_name: str | None = None) -> Page[ReportRecord]:
        """Return a page of the reports that the caller may read, of all sets or of all versions of one name; by default newest first."""
        async with self._database.read() as session:
            query = select(schema.Report).where(readable(session, schema.Report, caller))
            if set_name is not None:
                query = _of_sets(query).where(schema.EvaluationSet.name == set_name)
            return await page_of(session, query, schema.Report, paging, _report)

    async def previous(self, report_id: str, *, caller: Caller, limit: int = 1) -> tuple[ReportRecord, ...]:
        """Return the reports before this one on its set, newest first: the same owner's, of any version of the set and any release.

        Raises:
            NotFound: there is no such report, or the caller may not read it.
        """
        this, its_run, its_set = aliased(schema.Report), aliased(schema.EvaluationRun), aliased(schema.EvaluationSet)
        async with self._database.read() as session:
            row = await readable_row(session, schema.Report, report_id, caller=caller, what="report", param="report_id")
            names = (
                select(its_set.owner, its_set.name)
                .join(its_run, its_run.set_id == its_set.id)
                .join(this, this.run_id == its_run.id)
                .where(this.id == report_id)
            )
            owner, name = (await session.execute(names)).one()
            query = _of_sets(select(schema.Report)).where(
                readable(session, schema.Report, caller),
                schema.Report.owner == row.owner,
                schema.EvaluationSet.owner == owner,
                schema.EvaluationSet.name == name,
                schema.Report.id < report_id,
            )
            return tuple([_report(each) for each in await session.scalars(query.order_by(schema.Report.id.desc()).limit(limit))])


def _of_sets(query: Select[Any]) -> Select[Any]:
    return query.join(schema.EvaluationRun, schema.EvaluationRun.id == schema.Report.run_id).join(
        schema.EvaluationSet, schema.EvaluationSet.id == schema.EvaluationRun.set_id
    )


def _report(row: schema.Report) -> ReportRecord:
    return ReportRecord(
        id=row.id, owner=row.owner, principals=frozenset(row.principals), run_id=row.run_id, body=row.body, created_at=row.created_at
    )
