"""Turns: what was asked, what was found, what the model wrote, what was shown, and why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.quotations import dialogue_of, hash_of_answer, without_text
from footnote.core.catalog.repeated_answers import hashes_of, short_answer_hash
from footnote.core.catalog.storable_text import storable
from footnote.core.errors import NotFound
from footnote.core.offload import offload
from footnote.core.types import Caller, Citation, Claim, DraftClaim, Message, StoredPassage, TokenUsage, Turn, Verdict

HASHES_PER_STATEMENT = 500


class Turns:
    """Reads and writes turns. Somebody else's turn is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, turn: Turn) -> None:
        """Keep a turn with its passages; without its text where a file that it quotes was erased while it was answered.

        So too where its dialogue repeats what an erased turn has said to the same owner, and where a run asked it for a case that was
        erased meanwhile.

        Raises:
            NotFound: an evaluation run asked it, and was deleted meanwhile.
        """
        row = _row(turn)
        repeated = await offload(hashes_of, dialogue_of(row), owner=turn.owner, conversation=turn.conversation)
        async with self._database.write(beside=True) as session:
            if turn.run_id is not None:
                await _require_run(session, turn.run_id)
            if (
                await _quotes_an_erased_file(session, turn)
                or await _repeats_an_erased_answer(session, turn, repeated)
                or await _asks_an_erased_case(session, turn)
            ):
                for column, value in without_text(row.claims).items():
                    setattr(row, column, value)
            session.add(row)
            await session.flush()
            session.add_all(_passage_row(turn.id, passage) for passage in turn.passages)

    async def get(self, turn_id: str, *, caller: Caller) -> Turn:
        """Return a turn.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Turn, turn_id)
            if row is None or row.owner != caller.owner:
                raise NotFound(f"There is no turn {turn_id}.", param="turn_id")
            return await turn_with_passages(session, row)

    async def some(self, turn_ids: Collection[str], *, caller: Caller) -> Mapping[str, Turn]:
        """Return a page of turns by id, without those that are gone or somebody else's."""
        row = schema.Turn
        async with self._database.read() as session:
            rows = (await session.scalars(select(row).where(row.id.in_(turn_ids), row.owner == caller.owner))).all()
            return {turn.id: turn for turn in await turns_with_passages(session, rows)}


async def turn_with_passages(session: AsyncSession, row: schema.Turn) -> Turn:
    """Return the turn of a row."""
    (turn,) = await turns_with_passages(session, [row])
    return turn


async def turns_with_passages(session: AsyncSession, rows: Sequence[schema.Turn]) -> list[Turn]:
    """Return the turns of a page of rows, in their order."""
    passage = schema.TurnPassage
    query = select(passage).where(passage.turn_id.in_([row.id for row in rows])).order_by(passage.turn_id, passage.n)
    found: dict[str, list[StoredPassage]] = {}
    for each in await session.scalars(query):
        found.setdefault(each.turn_id, []).append(_passage(each))
    return [_turn(row, tuple(found.get(row.id, ()))) for row in rows]


async def _require_run(session: AsyncSession, run_id: str) -> None:
    """Make sure that a run is there, and stays until the turn is kept."""
    if await session.get(schema.EvaluationRun, run_id, with_for_update={"read": True}) is None:
        raise NotFound(f"There is no run {run_id}.", param="run_id")


async def _quotes_an_erased_file(session: AsyncSession, turn: Turn) -> bool:
    """Whether a file that the turn has passages of is gone. Those that are not stay locked until the turn is kept: an erasure waits."""
    attachment_ids = sorted({passage.attachment_id for passage in turn.passages})
    if not attachment_ids:
        return False
    named = union(
        select(schema.Attachment.file_id).where(schema.Attachment.id.in_(attachment_ids)),
        select(schema.FormerAttachment.file_id).where(schema.FormerAttachment.id.in_(attachment_ids)),
    )
    file_ids = frozenset(await session.scalars(named))
    there = select(schema.File.id).where(schema.File.id.in_(sorted(file_ids))).order_by(schema.File.id).with_for_update(read=True)
    return bool(file_ids - frozenset(await session.scalars(there)))


async def _asks_an_erased_case(session: AsyncSession, turn: Turn) -> bool:
    """Whether a run asked the turn, cases of its set were erased, and none that is left has this question."""
    if turn.run_id is None:
        return False
    case, run = schema.EvaluationCase, schema.EvaluationRun
    of_set = case.set_id == select(run.set_id).where(run.id == turn.run_id).scalar_subquery()
    if await session.scalar(select(case.id).where(of_set, case.tombstone.is_(True)).limit(1)) is None:
        return False
    same = case.labels["question"].as_string() == storable(turn.question)
    return await session.scalar(select(case.id).where(of_set, case.tombstone.is_(False), same).limit(1)) is None


async def _repeats_an_erased_answer(session: AsyncSession, turn: Turn, repeated: Collection[str]) -> bool:
    """Whether one of the hashes is that of an erased answer; not where a turn that has its text still says the same, from other files."""
    of_short_ones = short_answer_hash(owner=turn.owner, conversation=turn.conversation)
    row, hashes = schema.Turn, sorted(repeated)
    counted = select(row.answer_hash, func.count().label("n"), func.count(row.erased_at).label("n_erased")).group_by(row.answer_hash)
    for first in range(0, len(hashes), HASHES_PER_STATEMENT):
        some = hashes[first : first + HASHES_PER_STATEMENT]
        for found in await session.execute(counted.where(row.answer_hash.in_(some))):
            if found.n_erased and (found.n == found.n_erased or found.answer_hash == of_short_ones):
                return True
    return False


def _row(turn: Turn) -> schema.Turn:
    return schema.Turn(
        id=turn.id,
        owner=turn.owner,
        principals=sorted(turn.principals),
        conversation=turn.conversation,
        release_id=turn.release_id,
        asked_at=turn.asked_at,
        question=turn.question,
        history=[asdict(message) for message in turn.history],
        query=turn.query,
        collection_ids=list(turn.collection_ids),
        prompt=[asdict(message) for message in turn.prompt],
        draft=turn.draft,
        shown=turn.shown,
        changes=list(turn.changes),
        claims=[asdict(claim) for claim in turn.claims],
        draft_claims=[asdict(claim) for claim in turn.draft_claims],
        abstained=turn.abstained,
        finish_reason=turn.finish_reason,
        prompt_tokens=turn.usage.prompt_tokens,
        completion_tokens=turn.usage.completion_tokens,
        timings_ms=dict(turn.timings_ms),
        error_code=turn.error_code,
        erased_at=turn.erased_at,
        answer_hash=hash_of_answer(turn),
        run_id=turn.run_id,
    )


def _turn(row: schema.Turn, passages: tuple[StoredPassage, ...]) -> Turn:
    return Turn(
        id=row.id,
        owner=row.owner,
        principals=frozenset(row.principals),
        conversation=row.conversation,
        release_id=row.release_id,
        asked_at=row.asked_at,
        question=row.question,
        history=tuple(Message(**message) for message in row.history),
        query=row.query,
        collection_ids=tuple(row.collection_ids),
        prompt=tuple(Message(**message) for message in row.prompt),
        passages=passages,
        draft=row.draft,
        shown=row.shown,
        changes=tuple(row.changes),
        claims=tuple(_claim(claim) for claim in row.claims),
        draft_claims=tuple(_draft_claim(claim) for claim in row.draft_claims),
        abstained=row.abstained,
        finish_reason=row.finish_reason,
        usage=TokenUsage(prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens),
        timings_ms=row.timings_ms,
        error_code=row.error_code,
        erased_at=row.erased_at,
        run_id=row.run_id,
    )


def _draft_claim(claim: dict[str, Any]) -> DraftClaim:
    fields: dict[str, Any] = {**claim, "verdict": Verdict(claim["verdict"])}
    return DraftClaim(**fields)


def _claim(claim: dict[str, Any]) -> Claim:
    fields: dict[str, Any] = {
        **claim,
        "verdict": Verdict(claim["verdict"]),
        "citations": tuple(Citation(**citation) for citation in claim["citations"]),
    }
    return Claim(**fields)


def _passage_row(turn_id: str, passage: StoredPassage) -> schema.TurnPassage:
    return schema.TurnPassage(turn_id=turn_id, **{**asdict(passage), "chunk_ids": list(passage.chunk_ids)})


def _passage(row: schema.TurnPassage) -> StoredPassage:
    return StoredPassage(
        n=row.n,
        attachment_id=row.attachment_id,
        version_id=row.version_id,
        chunk_ids=tuple(row.chunk_ids),
        start=row.start,
        end=row.end,
        score=row.score,
        similarity=row.similarity,
    )
