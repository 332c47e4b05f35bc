"""Workers: the processes that take jobs, and when each was last heard of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A process that takes jobs. ``application_version`` is footnote's, so that an upgrade shows."""

    id: str
    host: str
    process_id: int
    application_version: str
    started_at: datetime
    heartbeat_at: datetime


class Workers:
    """Reads and writes heartbeats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, *, worker_id: str, host: str, process_id: int, application_version: str) -> None:
        """Say that a worker lives. One whose row is not there, or not any more, has one from now on."""
        moment = now()
        async with self._database.write(beside=True) as session:
            beating = update(schema.Worker).where(schema.Worker.id == worker_id).values(heartbeat_at=moment).returning(schema.Worker.id)
            if await session.scalar(beating) is None:
                session.add(
                    schema.Worker(
                        id=worker_id,
                        host=host,
                        process_id=process_id,
                        application_version=application_version,
                        started_at=moment,
                        heartbeat_at=moment,
                    )
                )

    async def all(self) -> tuple[WorkerRecord, ...]:
        """Return all workers, the latest heard of first."""
        query = select(schema.Worker).order_by(schema.Worker.heartbeat_at.desc(), schema.Worker.id)
        async with self._database.read() as session:
            return tuple(_record(row) for row in await session.scalars(query))

    async def dead(self, *, silent_s: float) -> tuple[str, ...]:
        """Return the workers that have not been heard of for so long."""
        query = select(schema.Worker.id).where(schema.Worker.heartbeat_at < now() - timedelta(seconds=silent_s))
        async with self._database.read() as session:
            return tuple(await session.scalars(query))

    async def remove(self, worker_ids: Collection[str]) -> None:
        """Forget workers: one that stops, or dead ones. One that lives after all comes back with its next heartbeat."""
        async with self._database.write(beside=True) as session:
            await session.execute(delete(schema.Worker).where(schema.Worker.id.in_(worker_ids)))


def _record(row: schema.Worker) -> WorkerRecord:
    return WorkerRecord(
        id=row.id,
        host=row.host,
        process_id=row.process_id,
        application_version=row.application_version,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
    )
