"""What repeats an erased document's text: turns, feedback on them, evaluation cases and training rows. Found by ids, emptied of text.

A turn loses all of its text, also the question: that often names what it asks about, and without its passages the turn can never be
answered again. Ids, times, token counts, verdicts and scores stay, so that the figures of the past still add up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.moment import now
from footnote.core.catalog.repeated_answers import Said, answer_hash, repeats, said
from footnote.core.offload import offload

IDS_PER_STATEMENT = 200


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
class Told:
    """What a turn has said to whom; nothing of it where it abstained, as the words of an abstention come from no document."""

    turn_id: str
    owner: str
    asked_at: datetime
    said: Said | None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at turns and cases has found: another one goes on from it, and compares only what has come since.

    Args:
        turn_ids: turns that had passages of the document, that answered a case which goes, or that repeat what one of all these has said.
        repeating: those of them whose dialogue repeats it.
        case_ids: cases that have text of the document, or of one of the turns.
        told: what the turns have said.
        seen: the turns that were compared with it.
    """

    turn_ids: tuple[str, ...] = ()
    repeating: tuple[str, ...] = ()
    case_ids: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    seen: frozenset[str] = frozenset()


async def look(session: AsyncSession, attachment_ids: Sequence[str], *, before: Look, is_locking: bool = False) -> Look:
    """Find the turns that quote or repeat the attachments' documents and still have text, and the cases; attachments may be gone.

    A turn leads to the dialogues that repeat it and to the cases made of it, and a case to the turns that answered it: this goes on until
    nothing new is found. Comparing takes milliseconds for each turn where much was told, in a thread: look before a write, and in the write
    go on from there.

    Args:
        session: a read; or the write in which it will be erased, with ``is_locking``.
        attachment_ids: whose documents.
        before: what a look before has found.
        is_locking: whether the cases are locked: what a run notes of them waits, or is seen.
    """
    repeating = await _with_text(session, before.repeating)
    turn_ids = list(dict.fromkeys([*await _turns_with_passages(session, attachment_ids), *repeating]))
    told, seen = list(before.told), set(before.seen)
    while True:
        known = {each.turn_id for each in told}
        fresh = await _told_by(session, [turn_id for turn_id in turn_ids if turn_id not in known])
        told += fresh
        found = await _repetitions(session, turn_ids, told=told, fresh=fresh, seen=seen)
        repeating += found
        turn_ids += found
        with_answers, case_ids = await _with_cases(session, attachment_ids, turn_ids, is_locking=is_locking)
        if len(with_answers) == len(turn_ids):
            return Look(tuple(turn_ids), repeating=tuple(repeating), case_ids=case_ids, told=tuple(told), seen=frozenset(seen))
        turn_ids = list(with_answers)


async def find_quotations(session: AsyncSession, attachment_ids: Sequence[str], *, before: Look) -> Quotations:
    """Find what repeats the text of the attachments' documents and still has text; attachments may be gone.

    Args:
        session: the write in which it will be erased.
        attachment_ids: whose documents.
        before: what a look shortly before has found.
    """
    looked = await look(session, attachment_ids, before=before, is_locking=True)
    rows = await _training_rows(session, attachment_ids, looked.turn_ids)
    return Quotations(
        turn_ids=looked.turn_ids,
        feedback_ids=await _ids(session, _telling_feedback, looked.turn_ids),
        case_ids=looked.case_ids,
        training_row_ids=tuple(rows),
        adapter_ids=await _ids(session, _adapters, sorted(set(rows.values()))),
    )


async def erase_quotations(session: AsyncSession, quotations: Quotations) -> None:
    """Empty turns and feedback of their text, make tombstones of cases, and delete training rows."""
    await empty_turns(session, quotations.turn_ids)
    for feedback_ids in _parts(quotations.feedback_ids):
        await session.execute(update(schema.Feedback).where(schema.Feedback.id.in_(feedback_ids)).values(comment=None, correction=None))
    for case_ids in _parts(quotations.case_ids):
        await session.execute(update(schema.EvaluationCase).where(schema.EvaluationCase.id.in_(case_ids)).values(labels={}, tombstone=True))
    for row_ids in _parts(quotations.training_row_ids):
        await session.execute(delete(schema.TrainingRow).where(schema.TrainingRow.id.in_(row_ids)))


async def empty_turns(session: AsyncSession, all_turn_ids: Sequence[str]) -> None:
    """Take their text from turns, and keep the hashes of what they have said."""
    for turn_ids in _parts(all_turn_ids):
        texts = (*_TOLD_COLUMNS, schema.Turn.claims, schema.Turn.answer_hash)
        for turn in await session.execute(select(*texts).where(schema.Turn.id.in_(turn_ids))):
            hashed = turn.answer_hash or hash_of_answer(turn)  # turns of before have none yet
            lost = {**without_text(turn.claims), "answer_hash": hashed}
            await session.execute(update(schema.Turn).where(schema.Turn.id == turn.id).values(**lost))


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


async def _told_by(session: AsyncSession, turn_ids: Sequence[str]) -> list[Told]:
    told: list[Told] = []
    for some in _parts(turn_ids):
        told += [_told(turn) for turn in await session.execute(select(*_TOLD_COLUMNS).where(schema.Turn.id.in_(some)))]
    return told


async def _with_text(session: AsyncSession, turn_ids: Sequence[str]) -> list[str]:
    """Return those of the turns that were not erased meanwhile."""
    left: set[str] = set()
    for some in _parts(turn_ids):
        left.update(await session.scalars(select(schema.Turn.id).where(schema.Turn.id.in_(some), schema.Turn.erased_at.is_(None))))
    return [turn_id for turn_id in turn_ids if turn_id in left]


async def _repetitions(
    session: AsyncSession, turn_ids: Sequence[str], *, told: list[Told], fresh: Sequence[Told], seen: set[str]
) -> list[str]:
    """Return later turns, beside these, whose dialogue repeats what was told; what they have said is told from then on.

    Args:
        session: a read or a write.
        turn_ids: those that are known already.
        told: all that was told; it grows.
        fresh: what of it no turn was compared with yet.
        seen: the turns that were compared with the rest of it; it grows.
    """
    repeating, compared = list[str](), set[str]()
    while any(each.said is not None for each in told):
        due = [turn_id for turn_id in await _due(session, told=told, fresh=fresh, seen=seen) if turn_id not in compared]
        known = {*turn_ids, *repeating}
        fresh = await _that_repeat(session, [turn_id for turn_id in due if turn_id not in known], told)
        seen.update(due)
        compared.update(due)
        told += fresh
        repeating += [turn.turn_id for turn in fresh]
        if not fresh:
            break
    return repeating


async def _due(session: AsyncSession, *, told: Sequence[Told], fresh: Sequence[Told], seen: Collection[str]) -> list[str]:
    """Return, oldest first, the later turns that were not seen yet, and those that may repeat what has only now become known as told."""
    since, fresh_since = _since(told), _since(fresh)
    first = min(since.values())
    due: list[Any] = []
    for owners in _parts(sorted(since)):
        # Neither history nor the last columns are asked for here: long texts stand before those, which SQLite would have to read through.
        later = select(schema.Turn.id, schema.Turn.owner, schema.Turn.asked_at).where(
            schema.Turn.owner.in_(owners), schema.Turn.asked_at >= first
        )
        due += [
            turn
            for turn in await session.execute(later)
            if turn.asked_at >= since[turn.owner]
            and (turn.id not in seen or (turn.owner in fresh_since and turn.asked_at >= fresh_since[turn.owner]))
        ]
    return [turn.id for turn in sorted(due, key=lambda turn: (turn.asked_at, turn.id))]


def _since(told: Sequence[Told]) -> dict[str, datetime]:
    """Return by owner when the first of what they were told was said."""
    since: dict[str, datetime] = {}
    for each in told:
        if each.said is not None:
            since[each.owner] = min(each.asked_at, since.get(each.owner, each.asked_at))
    return since


async def _that_repeat(session: AsyncSession, turn_ids: Sequence[str], told: Sequence[Told]) -> list[Told]:
    """Return those of the turns, given oldest first, whose dialogue repeats what their owner was told, or what one of these has said."""
    answers: dict[str, list[Said]] = {}
    for each in told:
        if each.said is not None:
            answers.setdefault(each.owner, []).append(each.said)
    repeating: list[Told] = []
    for some in _parts(turn_ids):
        turns = (
            select(*_TOLD_COLUMNS, schema.Turn.question, schema.Turn.history)
            .where(schema.Turn.id.in_(some), schema.Turn.erased_at.is_(None))
            .order_by(schema.Turn.asked_at, schema.Turn.id)
        )
        repeating += await offload(_compare, (await session.execute(turns)).all(), answers)
    return repeating


def _compare(turns: Sequence[Any], answers: dict[str, list[Said]]) -> list[Told]:
    """Return the turns that repeat an answer, and add what they have said to the answers."""
    repeating: list[Told] = []
    for turn in turns:
        if repeats(dialogue_of(turn), answers.get(turn.owner, ()), conversation=turn.conversation):
            told = _told(turn)
            repeating.append(told)
            if told.said is not None:
                answers.setdefault(told.owner, []).append(told.said)
    return repeating


_TOLD_COLUMNS = (
    schema.Turn.id,
    schema.Turn.owner,
    schema.Turn.asked_at,
    schema.Turn.conversation,
    schema.Turn.shown,
    schema.Turn.abstained,
)


def _told(turn: Any) -> Told:
    answer = None if turn.abstained else said(conversation=turn.conversation, shown=turn.shown)
    return Told(turn_id=turn.id, owner=turn.owner, asked_at=turn.asked_at, said=answer)


def dialogue_of(turn: Any) -> list[dict[str, Any]]:
    """Return the messages of a turn, of which its row has the columns, with the question at the end: people quote there too."""
    return [*turn.history, {"role": "user", "content": turn.question}]


def hash_of_answer(turn: Any) -> str | None:
    """Return the hash of a turn's answer, of which its row or record has the columns; None where it abstained."""
    return None if turn.abstained else answer_hash(owner=turn.owner, conversation=turn.conversation, shown=turn.shown)


def _telling_feedback(turn_ids: Sequence[str]) -> Select[str]:
    of_them = schema.Feedback.turn_id.in_(turn_ids)
    return select(schema.Feedback.id).where(of_them, or_(schema.Feedback.comment.is_not(None), schema.Feedback.correction.is_not(None)))


def _adapters(set_ids: Sequence[str]) -> Select[str]:
    return select(schema.Adapter.id).where(schema.Adapter.training_set_id.in_(set_ids)).order_by(schema.Adapter.id)


async def _with_cases(
    session: AsyncSession, attachment_ids: Sequence[str], turn_ids: Sequence[str], *, is_locking: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return these turns, then those that answer a case which goes, and the cases that go, also with those turns.

    What answers a case repeats its question, which is about the document, also where the search has not found the document.
    """
    turns, cases = dict.fromkeys(turn_ids), dict[str, None]()
    fresh = await _cases(session, attachment_ids, turn_ids, is_locking=is_locking)
    while fresh:
        cases.update(dict.fromkeys(fresh))
        answering = [turn_id for turn_id in await _turns_of_cases(session, fresh) if turn_id not in turns]
        turns.update(dict.fromkeys(answering))
        fresh = tuple([case_id for case_id in await _cases(session, (), answering, is_locking=is_locking) if case_id not in cases])
    return tuple(turns), tuple(cases)


async def _turns_of_cases(session: AsyncSession, case_ids: Sequence[str]) -> list[str]:
    """Return the turns with text that answer the cases, and those that a run asked for them before it was cut off."""
    case, answer, turn = schema.EvaluationCase, schema.RunAnswer, schema.Turn
    found: dict[str, None] = {}
    for some in _parts(case_ids):
        noted = select(answer.turn_id).where(answer.case_id.in_(some))
        live = select(case.turn_id).where(case.id.in_(some), case.turn_id.is_not(None))
        query = select(turn.id).where(turn.erased_at.is_(None), or_(turn.id.in_(noted), turn.id.in_(live))).order_by(turn.id)
        found.update(dict.fromkeys(await session.scalars(query)))
        found.update(dict.fromkeys(await _asked_and_not_noted(session, some)))
    return list(found)


async def _asked_and_not_noted(session: AsyncSession, case_ids: Sequence[str]) -> list[str]:
    """Return the turns that a run asked and did not note as any case's answer, with the question of one of these cases."""
    case, run, answer, turn = schema.EvaluationCase, schema.EvaluationRun, schema.RunAnswer, schema.Turn
    of_set: dict[str, set[str]] = {}
    for each in await session.execute(select(case.set_id, case.labels).where(case.id.in_(case_ids))):
        of_set.setdefault(each.set_id, set()).add(str(each.labels.get("question", "")).strip())
    query = (
        select(turn.id, turn.question, run.set_id)
        .join(run, run.id == turn.run_id)
        .where(run.set_id.in_(sorted(of_set)), turn.erased_at.is_(None), ~select(answer.run_id).where(answer.turn_id == turn.id).exists())
        .order_by(turn.id)
    )
    return [each.id for each in await session.execute(query) if each.question.strip() in of_set[each.set_id]]


async def _cases(session: AsyncSession, attachment_ids: Sequence[str], turn_ids: Sequence[str], *, is_locking: bool) -> tuple[str, ...]:
    """Return the cases that have text of the attachments or turns."""
    found: dict[str, None] = {}
    case, link = schema.EvaluationCase, schema.EvaluationCaseAttachment
    with_text = select(case.id).where(case.tombstone.is_(False)).order_by(case.id)
    quoting = [with_text.where(case.id.in_(select(link.case_id).where(link.attachment_id.in_(some)))) for some in _parts(attachment_ids)]
    asked = [with_text.where(case.turn_id.in_(some)) for some in _parts(turn_ids)]
    for query in (*quoting, *asked):
        found.update(dict.fromkeys(await session.scalars(query.with_for_update() if is_locking else query)))
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
