"""What is asked and what comes back while an answer is made: the events that the API turns into its stream."""

from dataclasses import dataclass, field

from footnote.core.types import Caller, Claim, Filter, Message, Passage, Turn


@dataclass(frozen=True, slots=True)
class Question:
    """A question with all that its caller may say about it.

    Args:
        caller: who asks.
        text: the newest message of the user.
        history: the messages before it, oldest first, system messages left out.
        collection_ids: where to look; None for all that the caller may read.
        filter: conditions on attributes.
        conversation: what belongs together; turns of one conversation get the same release.
        max_tokens, temperature, top_p, seed, stop: instead of the settings' own where not None.
        run_id: the evaluation run that asks; None where a person does. Its turn goes with the run, and no live figure counts it.
    """

    caller: Caller
    text: str
    history: tuple[Message, ...] = ()
    collection_ids: tuple[str, ...] | None = None
    filter: Filter | None = None
    conversation: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = field(default=())
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The first event, before the model has begun."""

    turn_id: str
    release_id: str
    query: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TextAdded:
    """A piece of the text shown. Joined in order the pieces are the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ClaimJudged:
    """A claim of the text shown has its verdict; its text has gone out before."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The last event: the whole answer, stored already.

    ``turn.shown`` is the text, ``turn.claims`` the verdicts on it, ``passages`` the passages with their text.
    """

    turn: Turn
    passages: tuple[Passage, ...]


AnswerEvent = AnswerStarted | TextAdded | ClaimJudged | AnswerFinished
