"""What repeats an erased document's text: turns, feedback on them, evaluation cases and training rows. Found by ids, emptied of text.

A turn loses all of its text, also the question: that often names what it asks about, and without its passages the turn can never be
answered again. Ids, times, token counts, verdicts and scores stay, so that the figures of the past still add up.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.moment import now

IDS_PER_STATEMENT = 200
TURNS_AT_ONCE = 500

_MARKER = re.compile(r"\[ *\d+(?: *, *\d+)* *\]")
_SPACE_BEFORE_STOP = re.compile(r" (?=[.,;:!?])")
_MIN_TELLING_CHARS = 20
"""A shorter answer ("Yes.") may stand in any dialogue; it counts as repeated within its own conversation alone."""


@dataclass(frozen=True, slots=True)
class Quotations:
    """What repeats the text of a document, by id."""

    turn_ids: tuple[str, ...]
    feedback_ids: tuple[str, ...]
    case_ids: tuple[str, ...]
    training_row_ids: tuple[str, ...]
    adapter_ids: tuple[str, ...]
    """Adapters that were trained on these rows. They are named to their owner, and stay."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as a later dialogue may repeat it."""

    conversation: str
    text: str


def said(*, conversation: str, shown: str) -> Said:
    """Return an answer without what clients change when they send it again: markers, white space, capitals."""
    return Said(conversation=conversation, text=_plain(shown))


def repeats(history: Sequence[dict[str, Any]], answers: Sequence[Said], *, conversation: str) -> bool:
    """Whether a dialogue repeats one of the answers. Messages of all roles count: people quote what they were told."""
    messages = [_plain(str(message.get("content", ""))) for message in history]
    return any(
        answer.text in message if len(answer.text) >= _MIN_TELLING_CHARS else answer.text == message and answer.conversation == conversation
        for answer in answers
        if answer.text
        for message in messages
    )


def _plain(text: str) -> str:
    return _SPACE_BEFORE_STOP.sub("", " ".join(_MARKER.sub(" ", text).split())).casefold()


async def find_quotations(session: AsyncSession, attachment_ids: Sequence[str]) -> Quotations:
    """Find what repeats the text of the attachments' documents and still has text; attachments may be gone."""
    quoting = await _turns_with_passages(session, attachment_ids)
    turn_ids = (*quoting, *await _turns_that_repeat(session, quoting))
    rows = await _training_rows(session, attachment_ids, turn_ids)
    return Quotations(
        turn_ids=turn_ids,
        feedback_ids=await _ids(session, _telling_feedback, turn_ids),
        case_ids=await _cases(session, attachment_ids, turn_ids),
        training_row_ids=tuple(rows),
        adapter_ids=await _ids(session, _adapters, sorted(set(rows.values()))),
    )


async def erase_quotations(session: AsyncSession, quotations: Quotations) -> None:
    """Empty turns and feedback of their text, make tombstones of cases, and delete training rows."""
    for turn_ids in _parts(quotations.turn_ids):
        for turn in await session.execute(select(schema.Turn.id, schema.Turn.claims).where(schema.Turn.id.in_(turn_ids))):
            await session.execute(update(schema.Turn).where(schema.Turn.id == turn.id).values(**without_text(turn.claims)))
    for feedback_ids in _parts(quotations.feedback_ids):
        await session.execute(update(schema.Feedback).where(schema.Feedback.id.in_(feedback_ids)).values(comment=None, correction=None))
    for case_ids in _parts(quotations.case_ids):
        await session.execute(update(schema.EvaluationCase).where(schema.EvaluationCase.id.in_(case_ids)).values(labels={}, tombstone=True))
    for row_ids in _parts(quotations.training_row_ids):
        await session.execute(delete(schema.TrainingRow).where(schema.TrainingRow.id.in_(row_ids)))


def without_text(claims: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of a turn that lose their text, with what stands in them afterwards."""
    return {
        "question": "",
        "history": [],
        "query": "",
        "prompt": [],
        "draft": "",
        "shown": "",
        "claims": [{**claim, "citations": [{**citation, "quote": ""} for citation in claim["citations"]]} for claim in claims],
        "erased_at": now(),
    }


async def _turns_with_passages(session: AsyncSession, attachment_ids: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for some in _parts(attachment_ids):
        query = (
            select(schema.Turn.id)
            .join(schema.TurnPassage, schema.TurnPassage.turn_id == schema.Turn.id)
            .where(schema.TurnPassage.attachment_id.in_(some), schema.Turn.erased_at.is_(None))
            .distinct()
            .order_by(schema.Turn.id)
        )
        found.update(dict.fromkeys(await session.scalars(query)))
    return tuple(found)


async def _turns_that_repeat(session: AsyncSession, turn_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the later turns whose dialogue repeats an answer of these, and those that repeat one of theirs, and so on."""
    answers: list[Said] = []
    owners: set[str] = set()
    first = None
    columns = (schema.Turn.owner, schema.Turn.asked_at, schema.Turn.conversation, schema.Turn.shown, schema.Turn.abstained)
    for some in _parts(turn_ids):
        for turn in await session.execute(select(*columns).where(schema.Turn.id.in_(some))):
            owners.add(turn.owner)
            first = turn.asked_at if first is None else min(first, turn.asked_at)
            if not turn.abstained:  # the words of an abstention come from no document
                answers.append(said(conversation=turn.conversation, shown=turn.shown))
    if first is None:
        return ()
    known, repeating = set(turn_ids), list[str]()
    later = (
        select(schema.Turn.id, schema.Turn.history, schema.Turn.conversation, schema.Turn.shown, schema.Turn.abstained)
        .where(
            schema.Turn.owner.in_(sorted(owners)),
            schema.Turn.asked_at >= first,
            schema.Turn.erased_at.is_(None),
            cast(schema.Turn.history, Text) != "[]",
        )
        .order_by(schema.Turn.asked_at, schema.Turn.id)
        .execution_options(yield_per=TURNS_AT_ONCE)
    )
    async for turn in await session.stream(later):
        if turn.id not in known and repeats(turn.history, answers, conversation=turn.conversation):
            repeating.append(turn.id)
            if not turn.abstained:
                answers.append(said(conversation=turn.conversation, shown=turn.shown))
    return tuple(repeating)


def _telling_feedback(turn_ids: Sequence[str]) -> Select[str]:
    of_them = schema.Feedback.turn_id.in_(turn_ids)
    return select(schema.Feedback.id).where(of_them, or_(schema.Feedback.comment.is_not(None), schema.Feedback.correction.is_not(None)))


def _adapters(set_ids: Sequence[str]) -> Select[str]:
    return select(schema.Adapter.id).where(schema.Adapter.training_set_id.in_(set_ids)).order_by(schema.Adapter.id)


async def _cases(session: AsyncSession, attachment_ids: Sequence[str], turn_ids: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for column, ids in ((schema.EvaluationCase.attachment_id, attachment_ids), (schema.EvaluationCase.turn_id, turn_ids)):
        for some in _parts(ids):
            query = select(schema.EvaluationCase.id).where(column.in_(some), schema.EvaluationCase.tombstone.is_(False))
            found.update(dict.fromkeys(await session.scalars(query.order_by(schema.EvaluationCase.id))))
    return tuple(found)


async def _training_rows(session: AsyncSession, attachment_ids: Sequence[str], turn_ids: Sequence[str]) -> dict[str, str]:
    """Return the rows' ids with their sets'."""
    found: dict[str, str] = {}
    row = schema.TrainingRow
    names: list[ColumnElement[bool]] = [
        func.coalesce(cast(row.attachment_ids, Text), "").contains(f'"{name}"', autoescape=True) for name in attachment_ids
    ]
    for conditions in [*_parts(names), *([row.turn_id.in_(some)] for some in _parts(turn_ids))]:
        for each in await session.execute(select(row.id, row.set_id).where(or_(*conditions)).order_by(row.id)):
            found[each.id] = each.set_id
    return found


async def _ids(session: AsyncSession, query_of: Any, ids: Sequence[str]) -> tuple[str, ...]:
    return tuple([found for some in _parts(ids) for found in await session.scalars(query_of(some))])


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[first : first + IDS_PER_STATEMENT] for first in range(0, len(items), IDS_PER_STATEMENT)]
