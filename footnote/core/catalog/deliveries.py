"""Deliveries: which report and which alert is owed to which channel, and how far it is. What is owed outlives the process."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.errors import NotFound
from footnote.core.ids import new_id


class DeliveryState(StrEnum):
    """``given_up``: it failed for as long as it is tried."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A report or an alert (one of the two) on its way to a channel, owed since ``created_at``. ``error`` says why the last try failed."""

    id: str
    channel: str
    report_id: str | None
    alert_id: str | None
    state: DeliveryState
    n_tries: int
    error: str | None
    created_at: datetime
    next_at: datetime
    sent_at: datetime | None


class Deliveries:
    """Reads and writes deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owe_report(self, report_id: str, channels: Collection[str], *, at: datetime) -> None:
        """Owe a report to channels. One that was made again is sent again, to those that had it as well, and owed from then on.

        Raises:
            NotFound: there is no such report (any more).
        """
        row = schema.Delivery
        async with self._database.write() as session:
            if await session.get(schema.Report, report_id, with_for_update={"read": True}) is None:
                raise NotFound(f"There is no report {report_id}.", param="report_id")
            known = {each.channel: each for each in await session.scalars(select(row).where(row.report_id == report_id).with_for_update())}
            owe(session, set(channels) - set(known), report_id=report_id, at=at)
            for channel in set(channels) & set(known):
                again = known[channel]
                again.state, again.n_tries, again.created_at, again.next_at = DeliveryState.WAITING, 0, at, at

    async def due(self, at: datetime, *, limit: int) -> tuple[DeliveryRecord, ...]:
        """Return what is to be tried at a moment, oldest first."""
        row = schema.Delivery
        query = select(row).where(row.state == DeliveryState.WAITING, row.next_at <= at).order_by(row.id).limit(limit)
        async with self._database.read() as session:
            return tuple([_record(each) for each in await session.scalars(query)])

    async def of_report(self, report_id: str) -> tuple[DeliveryRecord, ...]:
        """Return how far a report is on its way to each channel."""
        row = schema.Delivery
        async with self._database.read() as session:
            return tuple([_record(each) for each in await session.scalars(select(row).where(row.report_id == report_id).order_by(row.id))])

    async def last_failures(self, *, limit: int) -> tuple[DeliveryRecord, ...]:
        """Return deliveries that have failed and were not made up for, newest first."""
        row = schema.Delivery
        failed = (row.state == DeliveryState.GIVEN_UP) | ((row.state == DeliveryState.WAITING) & (row.n_tries > 0))
        async with self._database.read() as session:
            return tuple([_record(each) for each in await session.scalars(select(row).where(failed).order_by(row.id.desc()).limit(limit))])

    async def counts(self) -> dict[DeliveryState, int]:
        """Count deliveries by state."""
        row = schema.Delivery
        async with self._database.read() as session:
            found = await session.execute(select(row.state, func.count().label("n")).group_by(row.state))
            return dict.fromkeys(DeliveryState, 0) | {DeliveryState(each.state): each.n for each in found}

    async def bring_forward(self, channel: str, *, at: datetime) -> None:
        """Try now what waits for a later moment to go to a channel."""
        row = schema.Delivery
        waits = (row.channel == channel, row.state == DeliveryState.WAITING, row.next_at > at)
        async with self._database.write() as session:
            await session.execute(update(row).where(*waits).values(next_at=at))

    async def note_sent(self, delivery_id: str, *, at: datetime) -> None:
        """Note that the channel has it; nothing where it is gone."""
        async with self._database.write() as session:
            row = await session.get(schema.Delivery, delivery_id)
            if row is not None:
                row.state, row.sent_at, row.n_tries, row.error = DeliveryState.SENT, at, row.n_tries + 1, None

    async def note_failure(self, delivery_id: str, *, error: str, next_at: datetime | None) -> None:
        """Note why a try failed, and when the next one is; None where there is none. Nothing where it is gone."""
        async with self._database.write() as session:
            row = await session.get(schema.Delivery, delivery_id)
            if row is not None:
                row.n_tries, row.error = row.n_tries + 1, error
                row.state = DeliveryState.GIVEN_UP if next_at is None else DeliveryState.WAITING
                row.next_at = next_at or row.next_at


def owe(
    session: AsyncSession, channels: Collection[str], *, at: datetime, report_id: str | None = None, alert_id: str | None = None
) -> None:
    """Add, in a write that is under way, what is owed to channels."""
    session.add_all(
        schema.Delivery(
            id=new_id("dlv"),
            channel=channel,
            report_id=report_id,
            alert_id=alert_id,
            state=DeliveryState.WAITING,
            n_tries=0,
            error=None,
            created_at=at,
            next_at=at,
            sent_at=None,
        )
        for channel in sorted(channels)
    )


def _record(row: schema.Delivery) -> DeliveryRecord:
    return DeliveryRecord(
        id=row.id,
        channel=row.channel,
        report_id=row.report_id,
        alert_id=row.alert_id,
        state=DeliveryState(row.state),
        n_tries=row.n_tries,
        error=row.error,
        created_at=row.created_at,
        next_at=row.next_at,
        sent_at=row.sent_at,
    )
