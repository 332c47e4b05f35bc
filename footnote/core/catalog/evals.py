"""Evals: what runs of an eval ask and which criteria their answers are held to, as it was asked for over the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_access import own_row, principals_of, readable, readable_row
from footnote.core.catalog.evaluation_deleting import delete_runs
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.ids import new_id
from footnote.core.types import Caller


@dataclass(frozen=True, slots=True)
class EvalRecord:
    """An eval. ``data_source`` and ``criteria`` are as they were asked for; they hold no text of documents."""

    id: str
    owner: str
    principals: frozenset[str]
    name: str
    metadata: Mapping[str, str]
    data_source: Mapping[str, Any]
    criteria: tuple[Mapping[str, Any], ...]
    created_at: datetime


class Evals:
    """Reads and writes evals. One that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        *,
        name: str,
        metadata: Mapping[str, str],
        data_source: Mapping[str, Any],
        criteria: Sequence[Mapping[str, Any]],
        caller: Caller,
    ) -> EvalRecord:
        """Keep an eval, which its owner alone reads."""
        row = schema.Eval(
            id=new_id("eval"),
            owner=caller.owner,
            principals=principals_of(caller.owner, ()),
            name=name,
            metadata_=dict(metadata),
            data_source=dict(data_source),
            criteria=[dict(each) for each in criteria],
            created_at=now(),
        )
        async with self._database.write() as session:
            session.add(row)
        return _record(row)

    async def get(self, eval_id: str, *, caller: Caller) -> EvalRecord:
        """Return an eval.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            return _record(await readable_row(session, schema.Eval, eval_id, caller=caller, what="eval", param="eval_id"))

    async def list(self, *, caller: Caller, paging: Paging) -> Page[EvalRecord]:
        """Return a page of the evals that the caller may read."""
        async with self._database.read() as session:
            query = select(schema.Eval).where(readable(session, schema.Eval, caller))
            return await page_of(session, query, schema.Eval, paging, _record)

    async def update(self, eval_id: str, *, caller: Caller, name: str | None, metadata: Mapping[str, str] | None) -> EvalRecord:
        """Give an eval another name or metadata; None leaves them.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.write() as session:
            row = await own_row(session, schema.Eval, eval_id, caller=caller, what="eval", param="eval_id")
            row.name = row.name if name is None else name
            row.metadata_ = row.metadata_ if metadata is None else dict(metadata)
        return _record(row)

    async def delete(self, eval_id: str, *, caller: Caller) -> None:
        """Delete an eval with its runs, their scores and reports, and the turns that they asked.

        Raises:
            NotFound: there is none, or it is somebody else's.
            Conflict: one of its runs is under way.
        """
        async with self._database.write() as session:
            await own_row(session, schema.Eval, eval_id, caller=caller, what="eval", param="eval_id")
            await delete_runs(session, schema.EvaluationRun.eval_id == eval_id, param="eval_id")
            await session.execute(delete(schema.Eval).where(schema.Eval.id == eval_id))


def _record(row: schema.Eval) -> EvalRecord:
    return EvalRecord(
        id=row.id,
        owner=row.owner,
        principals=frozenset(row.principals),
        name=row.name,
        metadata=row.metadata_,
        data_source=row.data_source,
        criteria=tuple(row.criteria),
        created_at=row.created_at,
    )
