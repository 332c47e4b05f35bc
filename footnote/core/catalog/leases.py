"""Leases: what only one process may do at a time, such as sweeping up after dead workers."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.moment import now


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that somebody has taken, and shows when they write what only its holder may."""

    name: str
    holder: str


def lease_of_run(run_id: str) -> str:
    """Return the name of the lease that the process which does a run of evaluation holds."""
    return f"evaluate:{run_id}"


class Leases:
    """Reads and writes leases by name. Whoever holds one keeps it by taking it again before it ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, name: str, *, holder: str, ttl_s: float) -> bool:
        """Take or prolong a lease; False where somebody else holds it. One that has ended is anybody's."""
        moment = now()
        until = moment + timedelta(seconds=ttl_s)
        free = (schema.Lease.holder == holder) | (schema.Lease.until < moment)
        taking = (
            update(schema.Lease)
            .where(schema.Lease.name == name, free)
            .values(holder=holder, until=until, fencing_token=schema.Lease.fencing_token + 1)
            .returning(schema.Lease.name)
        )
        async with self._database.write() as session:
            if await session.scalar(taking) is not None:
                return True
            if await session.get(schema.Lease, name) is not None:
                return False
        return await self._create(schema.Lease(name=name, holder=holder, until=until, fencing_token=1))

    async def _create(self, lease: schema.Lease) -> bool:
        """Add a lease that nobody has had yet; of two that try at the same moment one has it."""
        try:
            async with self._database.write() as session:
                session.add(lease)
        except IntegrityError:
            return False
        return True

    async def let_go(self, name: str, *, holder: str) -> None:
        """Give a lease up before it ends; nothing where it is somebody else's."""
        async with self._database.write() as session:
            await session.execute(delete(schema.Lease).where(schema.Lease.name == name, schema.Lease.holder == holder))

    async def break_off(self, name: str) -> None:
        """Take a lease from whoever holds it: known to be dead."""
        async with self._database.write() as session:
            await session.execute(delete(schema.Lease).where(schema.Lease.name == name))


async def require_held(session: AsyncSession, lease: HeldLease) -> None:
    """Refuse a write that is under way where the lease is another's by now, or was given up.

    One that has ended and that nobody has taken since is still its holder's: nobody else writes.

    Raises:
        LeaseLost: it is not held any more.
    """
    row = await session.get(schema.Lease, lease.name, with_for_update=True)
    if row is None or row.holder != lease.holder:
        raise LeaseLost(f"The lease {lease.name} is no longer held by {lease.holder}.")
