"""Which jobs a worker takes next: owners in turn, the oldest of each first. The decision is pure; the queries read indexes alone."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql import func

from footnote.core.catalog import schema
from footnote.core.types import JobState

IN_HAND = (JobState.PARSING, JobState.CLEANING, JobState.CHUNKING, JobState.EMBEDDING, JobState.WRITING)
"""The states of a job that a worker holds."""

SUSPECT_CUT_OFFS = 2
"""A job that was cut off so often, as its worker died or fell silent, is suspected of bringing it down."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an owner with waiting jobs stands: how many are worked on, and when the last one was begun."""

    owner: str
    n_in_hand: int
    last_served_at: datetime | None


def turns(standings: Sequence[Standing], n: int) -> list[str]:
    """Return whose turn it is, ``n`` times: who has the fewest jobs in hand, of equals who was served longest ago, then by name."""
    if not standings:
        return []
    order = sorted(standings, key=lambda standing: (standing.last_served_at or _NEVER, standing.owner))
    waiting = [(standing.n_in_hand, rank, standing.owner) for rank, standing in enumerate(order)]
    heapq.heapify(waiting)
    taken: list[str] = []
    for turn in range(n):
        n_in_hand, _, owner = waiting[0]
        heapq.heapreplace(waiting, (n_in_hand + 1, len(order) + turn, owner))
        taken.append(owner)
    return taken


async def standings(session: AsyncSession) -> list[Standing]:
    """Return the owners who have queued jobs. Takes a look at an index for each owner, however many jobs each one has."""
    rows = await session.execute(_STANDINGS)
    return [Standing(owner=row.owner, n_in_hand=row.n_in_hand, last_served_at=row.last_served_at) for row in rows]


async def lock_oldest(session: AsyncSession, owner: str, n: int, *, moment: datetime, with_suspects: bool = True) -> list[schema.Job]:
    """Return up to ``n`` jobs of an owner that may begin now, oldest first, without those that another worker is taking."""
    query = (
        select(schema.Job)
        .where(schema.Job.state == JobState.QUEUED, schema.Job.owner == owner)
        .where(or_(schema.Job.not_before.is_(None), schema.Job.not_before <= moment))
        .order_by(schema.Job.created_at, schema.Job.id)
        .limit(n)
        .with_for_update(skip_locked=True)
    )
    if not with_suspects:
        query = query.where(schema.Job.cut_offs < SUSPECT_CUT_OFFS)
    return list(await session.scalars(query))


def _standings_query() -> Select[str, int, datetime | None]:
    # SELECT DISTINCT would read every queued job; this steps from one owner to the next.
    queued = aliased(schema.Job)
    first = select(func.min(queued.owner).label("owner")).where(queued.state == JobState.QUEUED)
    owners = first.cte("owners", recursive=True)
    after = aliased(schema.Job)
    following = select(func.min(after.owner)).where(after.state == JobState.QUEUED, after.owner > owners.c.owner).scalar_subquery()
    owners = owners.union_all(select(following).where(owners.c.owner.is_not(None)))
    held, served = aliased(schema.Job), aliased(schema.Job)
    n_in_hand = select(func.count()).where(held.owner == owners.c.owner, held.state.in_(IN_HAND)).scalar_subquery()
    last_served_at = select(func.max(served.started_at)).where(served.owner == owners.c.owner).scalar_subquery()
    return select(owners.c.owner, n_in_hand.label("n_in_hand"), last_served_at.label("last_served_at")).where(owners.c.owner.is_not(None))


_STANDINGS = _standings_query()
