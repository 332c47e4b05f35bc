"""What a rule proposes: a question with its answer, and the place of the document that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MIN_QUOTE_CHARS = 12
MAX_QUOTE_CHARS = 600
"""A passage of the default chunking (256 tokens) holds about a thousand characters."""

MAX_QUESTION_CHARS = 260


class CaseKind(StrEnum):
    """What a case was made of; reports group by it."""

    HEADING = "heading"
    TABLE = "table"
    DEFINITION = "definition"
    NUMBER = "number"
    MODEL = "model"
    UNANSWERABLE = "unanswerable"


class LeftOut(StrEnum):
    """Why something that a rule looked at made no case."""

    LANGUAGE = "language"
    AMBIGUOUS = "ambiguous"
    NO_SHORT_ANSWER = "no_short_answer"
    QUOTE_LENGTH = "quote_length"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    SAME_NAME = "same_name"
    NOT_QUOTED = "not_quoted"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that a document answers, or that no document does.

    Args:
        kind: what it was made of.
        question: in plain words.
        subject: what is asked for, in one spelling: two candidates with the same are ambiguous, wherever they stand.
        answers: short texts of which a right answer holds at least one.
        reference_answer: a whole answer.
        start: where the gold passage begins in the document's text, and ``end`` where it ends.
        page: where it begins.
        absent: for an unanswerable one the words that no document may hold at all.
        group: what several are drafts of: one of them is enough.
        apart: for an unanswerable one the words that no paragraph, row or section may hold together.
    """

    kind: CaseKind
    question: str
    subject: str
    answers: tuple[str, ...] = ()
    reference_answer: str = ""
    start: int = 0
    end: int = 0
    page: int | None = None
    absent: str = ""
    apart: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the rules propose for one document, in its order, and how many of what they looked at they left out, by reason."""

    candidates: tuple[Candidate, ...]
    left_out: Mapping[LeftOut, int]
