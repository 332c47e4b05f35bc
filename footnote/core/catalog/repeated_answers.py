"""Answers that later dialogues repeat: clients send a dialogue again with each question, and with it what an earlier turn has said.

While a turn has its text, a dialogue is compared with it. Once it was erased only the hash of its answer is left, by which a dialogue that
goes on afterwards is recognised before it is kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

HASH_BYTES = 16

_MARKER = re.compile(r"\[ *\d+(?: *, *\d+)* *\]")
_SPACE_BEFORE_STOP = re.compile(r" (?=[.,;:!?])")
_MIN_TELLING_CHARS = 20
"""A shorter answer ("Yes.") may stand in any dialogue; it counts as repeated within its own conversation alone."""

_MOST_LINES = 100
"""So many lines that a client has put before or after an answer in one message are looked past."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as a later dialogue may repeat it."""

    conversation: str
    text: str


def said(*, conversation: str, shown: str) -> Said:
    """Return an answer without what clients change when they send it again: markers, white space, capitals."""
    return Said(conversation=conversation, text=_plain(shown))


def repeats(history: Sequence[Mapping[str, Any]], answers: Sequence[Said], *, conversation: str) -> bool:
    """Whether a dialogue repeats one of the answers. Messages of all roles count: people quote what they were told."""
    messages = [_plain(_content(message)) for message in history]
    dialogue = "\n".join(messages)  # no answer has a line break in it any more
    return any(
        answer.text in dialogue if _is_telling(answer.text) else answer.conversation == conversation and answer.text in messages
        for answer in answers
        if answer.text
    )


def answer_hash(*, owner: str, conversation: str, shown: str) -> str | None:
    """Return by what an answer is recognised once its text is gone; None where it had none.

    Of a short one, which could be guessed from its hash, only that it was short, and in which conversation.
    """
    text = _plain(shown)
    if not text:
        return None
    return _hash(text, owner=owner) if _is_telling(text) else short_answer_hash(owner=owner, conversation=conversation)


def short_answer_hash(*, owner: str, conversation: str) -> str:
    """Return the hash that all short answers of a conversation share."""
    return _hash("", owner=owner, conversation=conversation)


def hashes_of(history: Sequence[Mapping[str, Any]], *, owner: str, conversation: str) -> frozenset[str]:
    """Return the hashes of all answers that a dialogue may repeat: whole messages, also such as have further lines before or after one."""
    found: set[str] = set()
    for message in history:
        lines = [plain for line in _content(message).splitlines() if (plain := _plain(line))]
        runs = {_joined(run) for n in range(min(len(lines), _MOST_LINES)) for run in (lines[n:], lines[: len(lines) - n])}
        found |= {_hash(run, owner=owner) for run in runs if _is_telling(run)}
        if lines and message.get("role") == "assistant" and not _is_telling(_joined(lines)):
            found.add(short_answer_hash(owner=owner, conversation=conversation))
    return frozenset(found)


def _content(message: Mapping[str, Any]) -> str:
    return str(message.get("content", ""))


def _plain(text: str) -> str:
    return _SPACE_BEFORE_STOP.sub("", " ".join(_MARKER.sub(" ", text).split())).casefold()


def _joined(lines: Sequence[str]) -> str:
    """Return what ``_plain`` makes of several lines, of what it makes of each."""
    return _SPACE_BEFORE_STOP.sub("", " ".join(lines))


def _is_telling(text: str) -> bool:
    return len(text) >= _MIN_TELLING_CHARS


def _hash(text: str, *, owner: str, conversation: str = "") -> str:
    # Of one owner, so that nobody can tell from two hashes that two people were told the same.
    key = blake2b(f"{len(owner)} {owner}{conversation}".encode(errors="surrogatepass"), digest_size=32).digest()
    return blake2b(text.encode(errors="surrogatepass"), digest_size=HASH_BYTES, key=key).hexdigest()
