"""Which RAGAS metrics say something about an answer, and what they are given. Pure: the same rules whoever judges."""

from dataclasses import dataclass

from evaluation.answered import Answered, TextTarget
from evaluation.cases import Case
from serving.claims import DraftSentence, claims_of, is_checkable

FAITHFULNESS = "faithfulness"
ANSWER_RELEVANCY = "answer_relevancy"
ANSWER_CORRECTNESS = "answer_correctness"
CONTEXT_PRECISION = "context_precision"
CONTEXT_RECALL = "context_recall"

NEEDS_LANGUAGE_MODEL = "needs_language_model"
"""The reason (``evaluation.metrics.REASONS``) for which these metrics are absent where no language model judges."""

OF_LANGUAGE_MODELS = (ANSWER_RELEVANCY, CONTEXT_PRECISION, CONTEXT_RECALL, ANSWER_CORRECTNESS)
"""What no judge but a language model gives."""


@dataclass(frozen=True, slots=True)
class JudgedInput:
    """What RAGAS is given, in its own words: question, contexts, reference."""

    user_input: str
    retrieved_contexts: tuple[str, ...]
    reference: str


def judged_input(answered: Answered) -> JudgedInput:
    """Return the question as it stands alone, the passages as the prompt had them, and the reference answer where the case has one.

    A follow-up's question is the query that it was rewritten to: RAGAS sees no dialogue.
    """
    case, turn = answered.case, answered.turn
    return JudgedInput(
        user_input=(turn.query if case.history else case.question).strip() or case.question.strip(),
        retrieved_contexts=tuple(
            f"{passage.context}\n{passage.text}" if passage.context else passage.text for passage in answered.passages
        ),
        reference=reference_of(case),
    )


def checkable_claims(text: str) -> tuple[DraftSentence, ...]:
    """Return the claims of a text (with markers) that assert something about the documents, with their offsets in it."""
    return tuple(claim for claim in claims_of(text) if is_checkable(claim.text))


def text_metrics(answered: Answered, target: TextTarget) -> tuple[str, ...]:
    """Return the metrics that apply to a text. One that declines to answer has none: the metric abstention says whether it should have.

    Where the answer failed as a whole, the text that was due is missing, and what would have applied to it is counted all the same.
    """
    if answered.failure is not None:
        return due_text_metrics(answered.case)
    if answered.abstained(target):
        return ()
    with_claims = checkable_claims(answered.text(target))
    return tuple(metric for metric in due_text_metrics(answered.case) if metric != FAITHFULNESS or with_claims)


def due_text_metrics(case: Case) -> tuple[str, ...]:
    """Return the metrics that apply to an answer of which nothing but its case is known."""
    return (FAITHFULNESS, ANSWER_RELEVANCY, *((ANSWER_CORRECTNESS,) if reference_of(case) else ()))


def turn_metrics(case: Case) -> tuple[str, ...]:
    """Return the metrics that apply to what was retrieved: they compare it with a reference answer."""
    return (CONTEXT_PRECISION, CONTEXT_RECALL) if reference_of(case) else ()


def reference_of(case: Case) -> str:
    """Return the reference answer; empty where there is none, and of an unanswerable case whatever its field says."""
    return "" if case.answerable is False else case.reference_answer.strip()
