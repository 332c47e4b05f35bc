"""Answers for which documents that are being read give way."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from footnote.core.attention import Attention
from serving.answer import AnswerEvent, Question
from serving.services import Answers


class Attended:
    """Answers as another does, and says so while it does."""

    def __init__(self, answers: Answers, attention: Attention) -> None:
        self._answers = answers
        self._attention = attention

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Yield the events of an answer, as ``serving.services.Answers`` promises."""
        with self._attention.given():
            async with aclosing(self._answers.answer(question)) as events:
                async for event in events:
                    yield event
