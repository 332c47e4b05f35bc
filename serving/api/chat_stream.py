"""An answer's events as the chunks of a chat completion, and as a completion in one piece. Pure: nothing is sent here.

The order is: the role; what was found, before the model has begun; text, and verdicts as they fall; all annotations; the finish reason;
the whole turn, with the usage where it was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.core.types import Claim, Passage, TokenUsage
from serving.answer import AnswerEvent, AnswerFinished, AnswerStarted, ClaimJudged, TextAdded
from serving.api.annotations import annotations_of
from serving.api.schemas.chat import (
    AnswerMessage,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    ClaimShown,
    Delta,
    Judged,
    PassageShown,
    Started,
    TurnShown,
    Usage,
)


@dataclass(frozen=True, slots=True)
class CompletionHead:
    """What is the same in every chunk of an answer.

    Args:
        id: the completion's own id.
        created: Unix time in seconds.
        model: as it was asked for.
        base_url: where people reach the server, for links to sources.
        include_usage: whether the stream ends with the usage.
    """

    id: str
    created: int
    model: str
    base_url: str
    include_usage: bool = False


def chunks_of(event: AnswerEvent, head: CompletionHead) -> list[ChatCompletionChunk]:
    """Return the chunks that an event becomes, in order."""
    match event:
        case AnswerStarted():
            return [_delta(head, Delta(role="assistant", content="")), _addition(head, _started(event))]
        case TextAdded():
            return [_delta(head, Delta(content=event.text))]
        case ClaimJudged():
            return [_addition(head, Judged(claim=claim_shown(event.claim)))]
        case AnswerFinished():
            return _closing_chunks(event, head)


def completion_of(finished: AnswerFinished, head: CompletionHead) -> ChatCompletion:
    """Return the answer in one piece."""
    message = AnswerMessage(
        content=finished.turn.shown,
        annotations=annotations_of(finished.turn.claims, finished.passages, base_url=head.base_url),
    )
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[Choice(message=message, finish_reason=finished.turn.finish_reason)],
        usage=_usage(finished.turn.usage),
        footnote=_turn(finished),
    )


def claim_shown(claim: Claim) -> ClaimShown:
    """Return a claim with the numbers of the passages that it cites, each once."""
    return ClaimShown(
        start=claim.start,
        end=claim.end,
        verdict=claim.verdict.value,
        score=None if claim.score is None else round(claim.score, 4),
        citations=list(dict.fromkeys(citation.passage for citation in claim.citations)),
        replaced=claim.replaced,
    )


def _closing_chunks(finished: AnswerFinished, head: CompletionHead) -> list[ChatCompletionChunk]:
    annotations = annotations_of(finished.turn.claims, finished.passages, base_url=head.base_url)
    cited = [_delta(head, Delta(annotations=annotations))] if annotations else []
    usage = _usage(finished.turn.usage) if head.include_usage else None
    return [*cited, _delta(head, Delta(), finish_reason=finished.turn.finish_reason), _addition(head, _turn(finished), usage=usage)]


def _delta(head: CompletionHead, delta: Delta, *, finish_reason: str | None = None) -> ChatCompletionChunk:
    choice = ChunkChoice(delta=delta, finish_reason=finish_reason)
    return ChatCompletionChunk(id=head.id, created=head.created, model=head.model, choices=[choice])


def _addition(head: CompletionHead, addition: Started | Judged | TurnShown, *, usage: Usage | None = None) -> ChatCompletionChunk:
    return ChatCompletionChunk(id=head.id, created=head.created, model=head.model, choices=[], footnote=addition, usage=usage)


def _started(event: AnswerStarted) -> Started:
    return Started(turn_id=event.turn_id, release=event.release_id, query=event.query, passages=_passages(event.passages))


def _turn(finished: AnswerFinished) -> TurnShown:
    turn = finished.turn
    return TurnShown(
        turn_id=turn.id,
        release=turn.release_id,
        query=turn.query,
        abstained=turn.abstained,
        claims=[claim_shown(claim) for claim in turn.claims],
        passages=_passages(finished.passages),
        timings_ms={stage: round(ms, 1) for stage, ms in turn.timings_ms.items()},
    )


def _passages(passages: Sequence[Passage]) -> list[PassageShown]:
    return [
        PassageShown(
            n=passage.n,
            file_id=passage.file_id,
            filename=passage.filename,
            vector_store_id=passage.collection_id,
            chunk_ids=list(passage.chunk_ids),
            page=passage.page,
            heading=passage.heading,
            start=passage.start,
            end=passage.end,
            score=round(passage.score, 4),
            text=passage.text,
        )
        for passage in passages
    ]


def _usage(usage: TokenUsage) -> Usage:
    return Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, total_tokens=usage.total_tokens)
