"""A case with the answer that one release gave it: all that a metric may look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.cases import Case
from evaluation.labels import CitedSpan
from footnote.core.types import Passage, Turn
from serving.answering import CANCELLED
from serving.citations import marked_numbers, strip_markers
from serving.claims import claims_of, is_abstention, is_advice, is_checkable

TextTarget = Literal["draft", "shown"]
TEXT_TARGETS: tuple[TextTarget, ...] = ("draft", "shown")

ANSWER_FAILED = "answer_failed"
"""The failure code of what an answer that broke off, or never came, leaves without a score."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A case, the turn that answered it, and what the turn rested on.

    Args:
        passages: those of the turn's prompt, with their text, by number.
        hits: what the search found for the turn's query before passages were packed, best first; None where nobody asked the search.
        search_failed: whether it was asked, and could not search.
    """

    case: Case
    turn: Turn
    passages: tuple[Passage, ...]
    hits: tuple[CitedSpan, ...] | None = None
    search_failed: bool = False

    @property
    def failure(self) -> str | None:
        """Why the answer's texts cannot be scored, as a failure code, or None: half an answer is not a short one."""
        if self.turn.erased_at is not None:
            return "answer_erased"
        if self.turn.error_code is not None:
            return ANSWER_FAILED
        return "answer_cancelled" if self.turn.finish_reason == CANCELLED else None

    def text(self, target: TextTarget) -> str:
        """Return what the model wrote, or what the person got, with its markers."""
        return self.turn.draft if target == "draft" else self.turn.shown

    def plain_text(self, target: TextTarget) -> str:
        """Return the text without its markers."""
        return strip_markers(self.text(target))

    def abstained(self, target: TextTarget) -> bool:
        """Whether the text declines to answer: it says that the documents do not say, and asserts nothing else, or says nothing at all.

        Advice beside that, such as whom to ask instead, is no assertion.

        Of the text shown this was decided when it was verified, where what the documents do not support is no assertion.
        """
        if not self.plain_text(target).strip():
            return True
        return self.turn.abstained if target == "shown" else _declines(self.turn.draft)

    def cited(self, target: TextTarget) -> tuple[Passage, ...]:
        """Return the passages that the text cites, by number.

        Of the draft these are the model's own markers alone: what verification found for it belongs to the text shown.
        """
        numbers = set(marked_numbers(self.turn.draft)) if target == "draft" else self._cited_numbers()
        return tuple(passage for passage in self.passages if passage.n in numbers)

    def n_unknown(self, target: TextTarget) -> int:
        """Return how many numbers the text's markers have that no passage has; verification leaves none of them in the text shown."""
        known = {passage.n for passage in self.passages}
        return sum(number not in known for number in marked_numbers(self.turn.draft)) if target == "draft" else 0

    def _cited_numbers(self) -> set[int]:
        return {citation.passage for claim in self.turn.claims for citation in claim.citations}


def _declines(text: str) -> bool:
    claims = [claim.text for claim in claims_of(text)]
    return any(map(is_abstention, claims)) and not any(is_checkable(claim) and not is_advice(claim) for claim in claims)


def spans(passages: Sequence[Passage]) -> tuple[CitedSpan, ...]:
    """Return passages as labels compare them."""
    return tuple(CitedSpan(document=passage.filename, text=passage.text) for passage in passages)
