"""Nights: the moments that runs were scheduled for, and which runs were begun for each. So a night is neither doubled nor lost.

A run and the note of what it was begun for are one write: whoever goes on with a night that was cut off begins what is missing, and nothing
again. Two processes that do so at the same moment begin each run once, whatever became of their leases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_access import principals_of, readable_row
from footnote.core.catalog.evaluation_records import RunState
from footnote.core.catalog.moment import now
from footnote.core.ids import new_id
from footnote.core.types import Caller


@dataclass(frozen=True, slots=True)
class Night:
    """A moment of the schedule all of whose runs have been begun. The first one is when the schedule began: it has no runs."""

    moment: datetime
    begun_at: datetime


class Nights:
    """Reads and writes nights."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self) -> Night | None:
        """Return the newest night all of whose runs have been begun; None before the schedule began."""
        row = schema.Night
        query = select(row).order_by(row.moment.desc()).limit(1)
        async with self._database.read() as session:
            found = (await session.scalars(query)).first()
        return None if found is None else Night(moment=found.moment, begun_at=found.begun_at)

    async def finish(self, moment: datetime) -> None:
        """Note that all runs of a night have been begun; with the present moment, that the schedule begins. Again it changes nothing."""
        async with self._database.write() as session:
            if await session.get(schema.Night, moment) is None:
                session.add(schema.Night(moment=moment, begun_at=now()))

    async def begin_run(
        self, moment: datetime, *, set_id: str, set_name: str, release_id: str, configuration: Mapping[str, Any], caller: Caller
    ) -> str | None:
        """Begin a run for a night; return its id, or None where this owner's set of this name has had its run that night.

        Args:
            moment: the night.
            set_id: the version of the set.
            set_name: its name: of a set that gets a new version meanwhile no second run is begun.
            release_id: what answers.
            configuration: as ``EvaluationRuns.create`` keeps it.
            caller: who owns the run.

        Raises:
            NotFound: there is no such set or release, or the caller may not read it.
        """
        async with self._database.write() as session:
            if await session.get(schema.NightRun, (moment, caller.owner, set_name), with_for_update=True) is not None:
                return None
            await readable_row(session, schema.EvaluationSet, set_id, caller=caller, what="evaluation set", param="set_id")
            await readable_row(session, schema.Release, release_id, caller=caller, what="release", param="release_id")
            run_id = new_id("run")
            session.add(
                schema.EvaluationRun(
                    id=run_id,
                    owner=caller.owner,
                    principals=principals_of(caller.owner, ()),
                    set_id=set_id,
                    release_id=release_id,
                    job_id=None,
                    configuration=dict(configuration),
                    state=RunState.QUEUED,
                    counts={},
                    error_code=None,
                    created_at=now(),
                    finished_at=None,
                )
            )
            session.add(schema.NightRun(moment=moment, owner=caller.owner, set_name=set_name, run_id=run_id))
        return run_id
