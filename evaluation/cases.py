"""Labelled cases: a question, and what a right answer to it holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footnote.core.errors import InvalidInput
from footnote.core.types import Message


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """Where the answer stands: a sentence or table row of a document, and its page where the format has pages."""

    document: str
    page: int | None
    quote: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what is known about its right answer.

    Args:
        id: its name within a set: the same case has the same name in each version of a set.
        part: ``tune`` or ``test`` where a set keeps them apart, else empty.
        kind: how reports group it: ``fact``, ``table``, ``follow_up``; of live turns why they were sampled.
        answerable: whether the documents hold the answer; None where nobody has said.
        answers: short strings of which a right answer holds at least one.
        gold: where the answer stands. Unanswerable cases have none, and no answers.
        document: the document that the question is about, where it is about one.
        turn_id: the live turn that it was sampled from; its answer is scored as it was given.
    """

    id: str
    question: str
    part: str = ""
    kind: str = "question"
    history: tuple[Message, ...] = ()
    answerable: bool | None = None
    reference_answer: str = ""
    answers: tuple[str, ...] = ()
    gold: tuple[GoldPassage, ...] = ()
    document: str = ""
    turn_id: str | None = None


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read cases from JSON lines, in the order of the file.

    Raises:
        InvalidInput: a line is not JSON or lacks a field; the message says which.
    """
    with path.open(encoding="utf-8") as lines:
        return tuple(_case(line, number=number) for number, line in enumerate(lines, start=1) if line.strip())


def _case(line: str, *, number: int) -> Case:
    try:
        fields: Mapping[str, Any] = json.loads(line)
        return Case(
            id=fields["id"],
            part=fields["part"],
            kind=fields["kind"],
            question=fields["question"],
            history=tuple(Message(role=message["role"], content=message["content"]) for message in fields["history"]),
            answerable=fields["answerable"],
            reference_answer=fields["reference_answer"],
            answers=tuple(fields["answers"]),
            gold=tuple(GoldPassage(document=gold["document"], page=gold["page"], quote=gold["quote"]) for gold in fields["gold"]),
            document=fields["document"],
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"Line {number} of the cases cannot be read: {error!r}.") from error
