"""Questions for passages by RAGAS's way of making test sets: entities of the passage, then a question and its answer by RAGAS's prompts.

RAGAS takes the whole passage for the answer's ground. Here the model is asked a third time, for the very words that hold the answer.
"""

import random

from pydantic import BaseModel, Field

from evaluation.generating.by_model import Passage, Written
from evaluation.ragas_metrics.failures import JudgeFailure
from evaluation.ragas_metrics.judge_model import JudgeModel, JudgeUsage
from evaluation.ragas_metrics.vendor import (
    GeneratedQueryAnswer,
    NEROutput,
    NERPrompt,
    Persona,
    QueryAnswerGenerationPrompt,
    QueryCondition,
    QueryLength,
    QueryStyle,
    TextWithExtractionLimit,
)

MAX_TERMS = 10

PERSONAS = (
    Persona(name="New colleague", role_description="Has just begun and wants to know how things are done here."),
    Persona(name="Expert", role_description="Knows the subject well and needs an exact detail."),
    Persona(name="Manager", role_description="Decides, and asks what applies in a case at hand."),
)
"""Who asks. RAGAS has the model make personas of summaries of the documents; these three serve any team's."""

STYLES = tuple(style for style in QueryStyle if style is not QueryStyle.MISSPELLED)

_EVIDENCE = """A question was asked about the passage below, and answered from it.
Copy the one or two sentences of the passage that hold the answer, word for word, as `quote`. Change nothing in them.
Copy the few words of that quote that answer the question by themselves as `short_answer`; leave it empty if no few words do.
If the passage does not answer the question, or if the question cannot be understood without seeing the passage, leave both empty.

Answer in JSON: {{"quote": "...", "short_answer": "..."}}

Now perform the same with the following input
Passage:
{passage}

Question: {question}
Answer: {answer}
"""


class Evidence(BaseModel):
    """Where in a passage an answer stands."""

    quote: str = Field(description="Sentences of the passage, word for word.")
    short_answer: str = Field(description="The few words of the quote that matter.")


class RagasQuestionWriter:
    """Writes questions with one model; ``evaluation.generating.by_model.QuestionWriter``.

    Args:
        model: is closed with the writer.
    """

    def __init__(self, model: JudgeModel) -> None:
        self._model = model
        self.usage = JudgeUsage()

    @property
    def name(self) -> str:
        return self._model.model

    async def write(self, passage: Passage, *, label: str, draw: int) -> Written | str:
        """Return a question with its evidence, or the code of the failure."""
        try:
            return await self._written(passage, label=label, rng=random.Random(draw))  # noqa: S311 - varies questions, no secret
        except JudgeFailure as failure:
            return failure.code

    async def close(self) -> None:
        await self._model.close()

    async def _written(self, passage: Passage, *, label: str, rng: random.Random) -> Written:
        text = f"{label} – {passage.heading}\n{passage.text}" if passage.heading else f"{label}\n{passage.text}"
        found = await self._model.ask(
            NERPrompt().to_string(TextWithExtractionLimit(text=passage.text, max_num=MAX_TERMS)), NEROutput, usage=self.usage
        )
        terms = [term for term in found.entities if term.strip()] or [passage.heading or label]
        condition = QueryCondition(
            persona=rng.choice(PERSONAS),
            term=rng.choice(terms),
            query_style=rng.choice(STYLES).value,
            query_length=rng.choice(list(QueryLength)).value,
            context=text,
        )
        asked = await self._model.ask(QueryAnswerGenerationPrompt().to_string(condition), GeneratedQueryAnswer, usage=self.usage)
        prompt = _EVIDENCE.format(passage=passage.text, question=asked.query, answer=asked.answer)
        evidence = await self._model.ask(prompt, Evidence, usage=self.usage)
        return Written(question=asked.query, answer=asked.answer, quote=evidence.quote, short_answer=evidence.short_answer)
