"""What is used of RAGAS, its reports home turned off. Nothing else imports it: that takes seconds, and would send what it counts.

RAGAS posts usage events unless ``RAGAS_DO_NOT_TRACK`` is ``true``, reads that once, and remembers the answer. So it is set before the first
import and, in case somebody else has imported RAGAS before, forgotten behind it.
"""

import os

# Before the first import of RAGAS, which is why imports follow.
os.environ["RAGAS_DO_NOT_TRACK"] = "true"

from ragas import _analytics  # pyright: ignore[reportPrivateUsage]  # there is no public way to ask
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics.collections import AnswerCorrectness, AnswerRelevancy, ContextPrecision, ContextRecall, Faithfulness
from ragas.metrics.collections.answer_correctness.util import ClassificationWithReason
from ragas.metrics.collections.faithfulness.util import (
    NLIStatementInput,
    NLIStatementOutput,
    NLIStatementPrompt,
    StatementFaithfulnessAnswer,
)
from ragas.testset.persona import Persona
from ragas.testset.synthesizers.base import QueryLength, QueryStyle
from ragas.testset.synthesizers.single_hop.prompts import GeneratedQueryAnswer, QueryAnswerGenerationPrompt, QueryCondition
from ragas.testset.transforms.extractors.llm_based import NEROutput, NERPrompt, TextWithExtractionLimit

_analytics.do_not_track.cache_clear()


def is_silent() -> bool:
    """Whether RAGAS takes itself to be asked not to send anything."""
    return _analytics.do_not_track()


__all__ = [
    "AnswerCorrectness",
    "AnswerRelevancy",
    "BaseRagasEmbedding",
    "ClassificationWithReason",
    "ContextPrecision",
    "ContextRecall",
    "Faithfulness",
    "GeneratedQueryAnswer",
    "InstructorBaseRagasLLM",
    "NEROutput",
    "NERPrompt",
    "NLIStatementInput",
    "NLIStatementOutput",
    "NLIStatementPrompt",
    "Persona",
    "QueryAnswerGenerationPrompt",
    "QueryCondition",
    "QueryLength",
    "QueryStyle",
    "StatementFaithfulnessAnswer",
    "TextWithExtractionLimit",
    "is_silent",
]
