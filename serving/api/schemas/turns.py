"""A turn, whole: what was asked, found, written and shown, and what was made of it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from footnote.core.catalog.evaluation_records import FeedbackRecord
from footnote.core.types import Citation, Claim, Message, Passage, StoredPassage, Turn
from serving.api.schemas.api_object import ApiObject, omitted, unix_seconds
from serving.api.schemas.chat import Usage
from serving.api.schemas.feedback import FeedbackShown, feedback_shown

Verdict = Literal["supported", "unsupported", "unchecked"]


class MessageShown(ApiObject):
    """A message of the dialogue, or of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class TurnPassageShown(ApiObject):
    """A passage of the prompt. Its text, and whose it is, is left out where the asker may not read it any more, or it is gone."""

    n: int
    readable: bool = Field(description="Whether it is still there, and the asker may read it.")
    file_id: str | None = omitted()
    filename: str | None = omitted()
    vector_store_id: str | None = omitted()
    chunk_ids: list[str]
    page: int | None = omitted()
    heading: str | None = omitted()
    start: int
    end: int
    score: float
    similarity: float
    text: str | None = omitted()


class TurnCitationShown(ApiObject):
    """A citation; ``start`` and ``end`` point into the document's text. Its quote is left out where its passage's text is."""

    passage: int
    start: int
    end: int
    quote: str | None = omitted()
    page: int | None = omitted()
    score: float
    marked: bool = Field(description="Whether the model wrote the marker itself.")


class TurnClaimShown(ApiObject):
    """A sentence of the text shown."""

    start: int
    end: int
    verdict: Verdict
    score: float | None = omitted()
    citations: list[TurnCitationShown]
    replaced: bool


class DraftClaimShown(ApiObject):
    """A sentence of the draft."""

    start: int
    end: int
    verdict: Verdict
    score: float | None = omitted()


class TurnWhole(ApiObject):
    """A question and its answer with all that explains it."""

    id: str
    object: Literal["turn"] = "turn"
    created_at: int
    release: str
    conversation: str
    run_id: str | None = omitted(description="The evaluation run that asked it; left out where a person did.")
    erased_at: int | None = omitted(description="When it lost its text, because a file that it quoted was erased.")
    question: str
    history: list[MessageShown] = Field(description="The dialogue before the question; empty where somebody else's turn is shown.")
    query: str
    vector_store_ids: list[str]
    prompt: list[MessageShown] | None = omitted(
        description="Left out where the asker may not read all passages in it any more, and where somebody else's turn is shown."
    )
    passages: list[TurnPassageShown]
    draft: str = Field(description="What the model wrote.")
    draft_claims: list[DraftClaimShown]
    shown: str = Field(description="What the asker got.")
    claims: list[TurnClaimShown]
    changes: list[str] = Field(description="What was changed between draft and shown text, and why.")
    abstained: bool
    finish_reason: str
    error_code: str | None = omitted()
    usage: Usage
    timings_ms: dict[str, float]
    feedback: FeedbackShown | None = omitted()


def turn_whole(turn: Turn, *, passages: Sequence[Passage], feedback: FeedbackRecord | None, is_own: bool) -> TurnWhole:
    """Return a turn as somebody may read it.

    Args:
        turn: as it is kept.
        passages: those of its passages that the reader may read now.
        feedback: what the asker thinks of it.
        is_own: the reader asked it; what others see lacks the dialogue before, whose answers rest on other passages.
    """
    by_number = {passage.n: passage for passage in passages}
    all_readable = all(passage.n in by_number for passage in turn.passages)
    return TurnWhole(
        id=turn.id,
        created_at=unix_seconds(turn.asked_at),
        release=turn.release_id,
        conversation=turn.conversation,
        run_id=turn.run_id,
        erased_at=None if turn.erased_at is None else unix_seconds(turn.erased_at),
        question=turn.question,
        history=_messages(turn.history) if is_own else [],
        query=turn.query,
        vector_store_ids=list(turn.collection_ids),
        prompt=_messages(turn.prompt) if all_readable and is_own else None,
        passages=[_passage(stored, by_number.get(stored.n)) for stored in turn.passages],
        draft=turn.draft,
        draft_claims=[
            DraftClaimShown(start=claim.start, end=claim.end, verdict=claim.verdict.value, score=claim.score) for claim in turn.draft_claims
        ],
        shown=turn.shown,
        claims=[_claim(claim, by_number) for claim in turn.claims],
        changes=list(turn.changes),
        abstained=turn.abstained,
        finish_reason=turn.finish_reason,
        error_code=turn.error_code,
        usage=Usage(
            prompt_tokens=turn.usage.prompt_tokens,
            completion_tokens=turn.usage.completion_tokens,
            total_tokens=turn.usage.total_tokens,
        ),
        timings_ms=dict(turn.timings_ms),
        feedback=None if feedback is None else feedback_shown(feedback),
    )


def _messages(messages: Sequence[Message]) -> list[MessageShown]:
    return [MessageShown(role=message.role, content=message.content) for message in messages]


def _passage(stored: StoredPassage, passage: Passage | None) -> TurnPassageShown:
    return TurnPassageShown(
        n=stored.n,
        readable=passage is not None,
        file_id=None if passage is None else passage.file_id,
        filename=None if passage is None else passage.filename,
        vector_store_id=None if passage is None else passage.collection_id,
        chunk_ids=list(stored.chunk_ids),
        page=None if passage is None else passage.page,
        heading=None if passage is None else passage.heading,
        start=stored.start,
        end=stored.end,
        score=stored.score,
        similarity=stored.similarity,
        text=None if passage is None else passage.text,
    )


def _claim(claim: Claim, passages: Mapping[int, Passage]) -> TurnClaimShown:
    return TurnClaimShown(
        start=claim.start,
        end=claim.end,
        verdict=claim.verdict.value,
        score=claim.score,
        citations=[_citation(citation, is_readable=citation.passage in passages) for citation in claim.citations],
        replaced=claim.replaced,
    )


def _citation(citation: Citation, *, is_readable: bool) -> TurnCitationShown:
    return TurnCitationShown(
        passage=citation.passage,
        start=citation.start,
        end=citation.end,
        quote=citation.quote if is_readable else None,
        page=citation.page,
        score=citation.score,
        marked=citation.marked,
    )
