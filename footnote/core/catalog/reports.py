"""Reports: what runs came to, as numbers and ids; their text is rendered when they are read."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, select

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

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


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

    async def previous(
        self, run_id: str, *, caller: Caller, is_alike: Callable[[Mapping[str, Any]], bool], limit: int
    ) -> tuple[ReportRecord, ...]:
        """Return the reports of the runs before this one on its set, newest first: the same owner's, of any version of it and any release.

        Args:
            run_id: before which run; whether it has a report does not matter.
            caller: who reads them.
            is_alike: whether a run of this configuration is wanted; however many there are of others, they stand in no one's way.
            limit: so many at most.

        Raises:
            NotFound: there is no such run, or the caller may not read it.
        """
        run, of_set = schema.EvaluationRun, schema.EvaluationSet
        async with self._database.read() as session:
            this = await readable_row(session, run, run_id, caller=caller, what="run", param="run_id")
            owner, name = (await session.execute(select(of_set.owner, of_set.name).where(of_set.id == this.set_id))).one()
            query = _of_sets(select(schema.Report.id, run.configuration)).where(
                readable(session, schema.Report, caller),
                schema.Report.owner == this.owner,
                of_set.owner == owner,
                of_set.name == name,
                run.id != run_id,
                run.created_at <= this.created_at,
            )
            found = await session.execute(query.order_by(schema.Report.id.desc()))
            ids = list(islice((report_id for report_id, configuration in found if is_alike(configuration)), limit))
            rows = await session.scalars(select(schema.Report).where(schema.Report.id.in_(ids)).order_by(schema.Report.id.desc()))
            return tuple([_report(each) for each in rows])


def _of_sets(query: Query) -> Query:
    return query.join(schema.EvaluationRun, schema.EvaluationRun.id == schema.Report.run_id).join(
        schema.EvaluationSet, schema.EvaluationSet.id == schema.EvaluationRun.set_id
    )


def _report(row: schema.Report) -> ReportRecord:
    return ReportRecord(
        id=row.id, owner=row.owner, principals=frozenset(row.principals), run_id=row.run_id, body=row.body, created_at=row.created_at
    )
