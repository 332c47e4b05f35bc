"""What of passages and dialogue goes into a prompt: as much as the model's context holds. Pure."""

from collections.abc import Callable, Sequence

from footnote.core.errors import InvalidInput
from footnote.core.types import Message, Passage
from serving.prompting import Prompt, render_answer

MAX_HISTORY_MESSAGES = 20
"""Older messages are left out before anything is counted: what a question refers to stands in the newest ones."""

CountTokens = Callable[[Sequence[Message]], int]


def recent(history: Sequence[Message]) -> tuple[Message, ...]:
    """Return the newest messages of a dialogue, beginning with one of the user's."""
    return _from_first_question(tuple(history[-MAX_HISTORY_MESSAGES:]))


def fit_prompt(
    prompt: Prompt,
    *,
    question: str,
    history: Sequence[Message],
    passages: Sequence[Passage],
    room_tokens: int,
    count_tokens: CountTokens,
) -> tuple[tuple[Passage, ...], tuple[Message, ...]]:
    """Return the passages that fit, best first, and the prompt made of them with as much of the dialogue as is left room for.

    Each message is counted once, so that a long dialogue costs no more than reading it.

    Raises:
        InvalidInput: question and best passage alone are over the room.
    """
    kept = list(passages)
    while (n_tokens := count_tokens(render_answer(prompt, question=question, history=(), passages=kept))) > room_tokens:
        if len(kept) <= 1:
            raise InvalidInput("The question is too long for the model.", hint="Ask it in fewer words.", param="messages")
        kept.pop()
    said = newest_that_fit(history, room_tokens=room_tokens - n_tokens, count_tokens=count_tokens)
    return tuple(kept), render_answer(prompt, question=question, history=said, passages=kept)


def newest_that_fit(history: Sequence[Message], *, room_tokens: int, count_tokens: CountTokens) -> tuple[Message, ...]:
    """Return the end of a dialogue that fits, beginning with a message of the user's as chat templates want it."""
    kept: list[Message] = []
    for message in reversed(history):
        room_tokens -= count_tokens((message,))
        if room_tokens < 0:
            break
        kept.insert(0, message)
    return _from_first_question(tuple(kept))


def _from_first_question(history: tuple[Message, ...]) -> tuple[Message, ...]:
    first = next((n for n, message in enumerate(history) if message.role == "user"), len(history))
    return history[first:]
