"""Alerts: what was raised, and whether it has cleared. At most one of a name stands at a time, whichever process raises it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.deliveries import owe
from footnote.core.errors import NotFound
from footnote.core.ids import new_id


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert; ``facts`` are the numbers that raised it. It stands as long as ``cleared_at`` is None."""

    id: str
    name: str
    facts: Mapping[str, float]
    raised_at: datetime
    cleared_at: datetime | None


class Alerts:
    """Reads and writes alerts. They are the operator's, and are about nobody in particular."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, alert_id: str) -> AlertRecord:
        """Return an alert.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Alert, alert_id)
        if row is None:
            raise NotFound(f"There is no alert {alert_id}.")
        return _record(row)

    async def standing(self) -> tuple[AlertRecord, ...]:
        """Return the alerts that stand, oldest first."""
        async with self._database.read() as session:
            query = select(schema.Alert).where(schema.Alert.cleared_at.is_(None)).order_by(schema.Alert.raised_at)
            return tuple([_record(row) for row in await session.scalars(query)])

    async def raise_one(
        self, name: str, *, facts: Mapping[str, float], at: datetime, quiet_since: datetime, channels: Collection[str]
    ) -> AlertRecord | None:
        """Raise an alert and owe its message to the channels; return it, or None where nobody is to be told again.

        That is where one of this name stands, and where one was raised since ``quiet_since``: that one stands again, in silence.
        """
        async with self._database.write() as session:
            row = await _newest(session, name)
            if row is not None and (row.cleared_at is None or row.raised_at > quiet_since):
                row.cleared_at = None
                return None
            row = schema.Alert(id=new_id("alert"), name=name, facts=dict[str, Any](facts), raised_at=at, cleared_at=None)
            session.add(row)
            await session.flush()
            owe(session, channels, alert_id=row.id, at=at)
        return _record(row)

    async def clear(self, name: str, *, at: datetime) -> AlertRecord | None:
        """Clear what stands of a name; return it, or None where nothing did."""
        async with self._database.write() as session:
            row = await _newest(session, name)
            if row is None or row.cleared_at is not None:
                return None
            row.cleared_at = at
        return _record(row)


async def _newest(session: AsyncSession, name: str) -> schema.Alert | None:
    row = schema.Alert
    query = select(row).where(row.name == name).order_by(row.raised_at.desc(), row.id.desc()).limit(1)
    return (await session.scalars(query.with_for_update())).first()


def _record(row: schema.Alert) -> AlertRecord:
    return AlertRecord(id=row.id, name=row.name, facts=row.facts, raised_at=row.raised_at, cleared_at=row.cleared_at)
