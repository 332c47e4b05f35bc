"""What goes into a prompt: never over the room, passages before dialogue, the newest of the dialogue first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import InvalidInput
from footnote.core.types import Message
from serving.prompt_fitting import MAX_HISTORY_MESSAGES, fit_prompt, newest_that_fit, recent
from serving.prompting import load_prompt
from tests.serving.passages import make_passage

PROMPT = load_prompt("answer")
PASSAGES = tuple(make_passage(n, "Staff have 28 days of leave in the year. " * 5) for n in range(1, 6))


def count(messages) -> int:
    return sum(len(message.content) + 10 for message in messages)


def dialogue(n: int) -> tuple[Message, ...]:
    return tuple(Message("user" if m % 2 == 0 else "assistant", f"Message {m} " * 10) for m in range(n))


@given(room=st.integers(1_500, 5_000), n=st.integers(0, 30))
def test_a_prompt_is_never_over_its_room(room: int, n: int) -> None:
    passages, messages = fit_prompt(
        PROMPT, question="How much leave?", history=dialogue(n), passages=PASSAGES, room_tokens=room, count_tokens=count
    )
    assert count(messages) <= room
    assert passages == PASSAGES[: len(passages)]
    assert messages[0].role == "system"
    assert messages[1].role == "user"
    assert messages[-1].content.endswith("How much leave?")


def test_passages_come_before_dialogue() -> None:
    bare = count(fit_prompt(PROMPT, question="Q?", history=(), passages=PASSAGES, room_tokens=10**6, count_tokens=count)[1])
    passages, messages = fit_prompt(
        PROMPT, question="Q?", history=dialogue(6), passages=PASSAGES, room_tokens=bare + 20, count_tokens=count
    )
    assert (passages, len(messages)) == (PASSAGES, 2)


def test_each_message_is_counted_once() -> None:
    counted: list[Message] = []

    def counting(messages) -> int:
        counted.extend(message for message in messages if message.content.startswith("Message"))
        return count(messages)

    fit_prompt(PROMPT, question="Q?", history=dialogue(20), passages=PASSAGES, room_tokens=4_000, count_tokens=counting)
    assert len(counted) == len({id(message) for message in counted})


def test_what_cannot_fit_is_said() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        fit_prompt(PROMPT, question="Q? " * 1_000, history=(), passages=PASSAGES, room_tokens=1_500, count_tokens=count)


def test_a_dialogue_begins_with_the_user() -> None:
    history = dialogue(51)
    kept = recent(history)
    assert kept[0].role == "user"
    assert kept[-1] == history[-1]
    assert len(kept) <= MAX_HISTORY_MESSAGES
    assert newest_that_fit(history[:4], room_tokens=count(history[1:4]), count_tokens=count) == history[2:4]
    assert newest_that_fit(history, room_tokens=-1, count_tokens=count) == ()
