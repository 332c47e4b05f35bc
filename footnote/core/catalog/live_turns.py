"""Live turns: those that people asked, as evaluation looks at them. Turns that an evaluation asked itself are not among them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_records import LiveTurn, TurnSupport
from footnote.core.catalog.turns import turn_with_passages, turns_with_passages
from footnote.core.errors import NotFound
from footnote.core.types import Caller, Turn, Verdict

CANCELLED = "cancelled"
TURNS_AT_ONCE = 500


class LiveTurns:
    """Reads live turns: an owner's own, and all of them for the operator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(self, since: datetime, until: datetime, *, caller: Caller) -> tuple[LiveTurn, ...]:
        """Return what may be sampled of the turns asked from ``since`` on and before ``until``, oldest first.

        Left out are turns that were erased, that ended in an error, that were left before their end, and that a run asked.
        """
        found: list[LiveTurn] = []
        async with self._database.read() as session:
            query = _sampled_from(since, until, caller).execution_options(yield_per=TURNS_AT_ONCE)
            async for row in await session.stream(query):
                found.append(_live(row))  # noqa: PERF401 - a comprehension over a stream reads worse
        return tuple(found)

    async def owners(self, since: datetime, until: datetime) -> tuple[str, ...]:
        """Return who asked something that ``between`` returns, in alphabetical order, for the process that evaluates each night."""
        row = schema.Turn
        query = select(row.owner).where(*_counted(since, until)).distinct().order_by(row.owner)
        async with self._database.read() as session:
            return tuple(await session.scalars(query))

    async def support(self, since: datetime, until: datetime) -> tuple[TurnSupport, ...]:
        """Return how far the drafts of all owners' turns rest on their passages, in numbers; without those that have no judged claim."""
        query = select(schema.Turn.draft_claims).where(*_counted(since, until)).order_by(schema.Turn.asked_at, schema.Turn.id)
        found: list[TurnSupport] = []
        async with self._database.read() as session:
            async for claims in await session.stream_scalars(query.execution_options(yield_per=TURNS_AT_ONCE)):
                judged = _judged([claim["verdict"] for claim in claims])
                if judged:
                    found.append(TurnSupport(n_claims=len(judged), n_supported=sum(verdict == Verdict.SUPPORTED for verdict in judged)))
        return tuple(found)

    async def get(self, turn_id: str, *, caller: Caller) -> Turn:
        """Return a turn with all its text.

        Raises:
            NotFound: there is none, or it is somebody else's and the caller is not the operator.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Turn, turn_id)
            if row is None or not (caller.is_operator or row.owner == caller.owner):
                raise NotFound(f"There is no turn {turn_id}.", param="turn_id")
            return await turn_with_passages(session, row)

    async def some(self, turn_ids: Collection[str], *, caller: Caller) -> Mapping[str, Turn]:
        """Return a page of turns by id, without those that ``get`` would not find."""
        row = schema.Turn
        query = select(row).where(row.id.in_(turn_ids))
        query = query if caller.is_operator else query.where(row.owner == caller.owner)
        async with self._database.read() as session:
            rows = (await session.scalars(query)).all()
            return {turn.id: turn for turn in await turns_with_passages(session, rows)}


def _sampled_from(since: datetime, until: datetime, caller: Caller) -> Any:
    turn, feedback = schema.Turn, schema.Feedback
    conditions = _counted(since, until)
    if not caller.is_operator:
        conditions.append(turn.owner == caller.owner)
    columns = (turn.id, turn.owner, turn.release_id, turn.asked_at, turn.collection_ids, turn.abstained, turn.draft_claims)
    said = (feedback.rating, feedback.correction.is_not(None).label("is_corrected"))
    asked = select(*columns, *said).outerjoin(feedback, (feedback.turn_id == turn.id) & (feedback.owner == turn.owner))
    return asked.where(*conditions).order_by(turn.asked_at, turn.id)


def _counted(since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    """Return what a turn has to be, whoever asked it: one that a person asked, that has its text and came to its end."""
    turn = schema.Turn
    return [
        turn.asked_at >= since,
        turn.asked_at < until,
        turn.run_id.is_(None),
        turn.erased_at.is_(None),
        turn.error_code.is_(None),
        turn.finish_reason != CANCELLED,
    ]


def _live(row: Any) -> LiveTurn:
    return LiveTurn(
        id=row.id,
        owner=row.owner,
        release_id=row.release_id,
        asked_at=row.asked_at,
        collection_ids=tuple(row.collection_ids),
        abstained=row.abstained,
        unsupported=_unsupported_share([claim["verdict"] for claim in row.draft_claims]),
        rating=row.rating,
        is_corrected=bool(row.is_corrected),
    )


def _unsupported_share(verdicts: Sequence[str]) -> float | None:
    judged = _judged(verdicts)
    return sum(verdict == Verdict.UNSUPPORTED for verdict in judged) / len(judged) if judged else None


def _judged(verdicts: Sequence[str]) -> list[str]:
    return [verdict for verdict in verdicts if verdict != Verdict.UNCHECKED]
