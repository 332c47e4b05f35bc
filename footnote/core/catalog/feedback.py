"""Feedback: what askers think of their turns, the last they said of each."""

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_records import FeedbackRecord, Rating
from footnote.core.catalog.moment import now
from footnote.core.errors import Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Caller


class FeedbackBook:
    """Reads and writes feedback. Somebody else's turn is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, turn_id: str, *, rating: Rating, caller: Caller, comment: str | None = None, correction: str | None = None
    ) -> FeedbackRecord:
        """Keep what the asker thinks of a turn, in the place of all that they said of it before.

        Raises:
            NotFound: there is no such turn, or it is somebody else's.
            Conflict: its text was erased: words about it would bring that back.
        """
        async with self._database.write() as session:
            turn = await session.get(schema.Turn, turn_id, with_for_update=True)
            if turn is None or turn.owner != caller.owner:
                raise NotFound(f"There is no turn {turn_id}.", param="turn_id")
            if turn.erased_at is not None and (comment is not None or correction is not None):
                raise Conflict(
                    f"The text of the turn {turn_id} was erased with a document that it quoted.",
                    hint="Send the rating alone.",
                    param="turn_id",
                )
            query = select(schema.Feedback).where(schema.Feedback.turn_id == turn_id, schema.Feedback.owner == caller.owner)
            row = (await session.scalars(query)).one_or_none()
            if row is None:
                row = schema.Feedback(id=new_id("fb"), turn_id=turn_id, owner=caller.owner)
                session.add(row)
            row.rating, row.comment, row.correction, row.created_at = rating, comment, correction, now()
        return _feedback(row)

    async def of(self, turn_id: str, *, caller: Caller) -> FeedbackRecord | None:
        """Return what its asker thinks of a turn; None where they have not said, or the caller is neither the asker nor the operator."""
        feedback, turn = schema.Feedback, schema.Turn
        query = select(feedback).join(turn, (turn.id == feedback.turn_id) & (turn.owner == feedback.owner)).where(turn.id == turn_id)
        if not caller.is_operator:
            query = query.where(turn.owner == caller.owner)
        async with self._database.read() as session:
            row = (await session.scalars(query)).one_or_none()
        return None if row is None else _feedback(row)


def _feedback(row: schema.Feedback) -> FeedbackRecord:
    return FeedbackRecord(
        id=row.id,
        turn_id=row.turn_id,
        owner=row.owner,
        rating="up" if row.rating == "up" else "down",
        comment=row.comment,
        correction=row.correction,
        created_at=row.created_at,
    )
