"""The query for a question: a follow-up made to stand alone, by rule or by a capable model."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from footnote.core.errors import FootnoteError
from footnote.core.offload import offload
from footnote.core.types import Message
from serving.generator.port import GenerationRequest, GenerationSettings, Generator
from serving.prompting import Prompt, render_rewrite
from serving.rewriting import standalone_query

MAX_TOKENS = 96
MAX_QUERY_CHARS = 600
TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


class RuleRewriter:
    """Carries words over from earlier questions, see ``serving.rewriting``."""

    name = "rule-1"

    async def rewrite(self, question: str, history: Sequence[Message]) -> str:
        """Return the query; never fails."""
        return await offload(standalone_query, question, history)


class ModelRewriter:
    """Asks the generator to write the question anew; where it fails, dawdles or rambles, the rule does it."""

    name = "model-1"

    def __init__(self, generator: Generator, prompt: Prompt, *, timeout_s: float = TIMEOUT_S) -> None:
        self._generator = generator
        self._prompt = prompt
        self._timeout_s = timeout_s

    async def rewrite(self, question: str, history: Sequence[Message]) -> str:
        """Return the query; a question without a dialogue before it is its own."""
        if not history:
            return question
        try:
            async with asyncio.timeout(self._timeout_s):
                written = await self._write(question, history)
        except (FootnoteError, TimeoutError) as error:
            log.warning("a follow-up is rewritten by rule, because the model did not", error=type(error).__name__)
            return standalone_query(question, history)
        return written if written and len(written) <= MAX_QUERY_CHARS else standalone_query(question, history)

    async def _write(self, question: str, history: Sequence[Message]) -> str:
        request = GenerationRequest(
            messages=render_rewrite(self._prompt, question=question, history=history),
            question=question,
            passages=(),
            settings=GenerationSettings(max_tokens=MAX_TOKENS),
        )
        async with aclosing(self._generator.generate(request)) as deltas:
            return " ".join("".join([delta.text async for delta in deltas]).split())


Rewriter = RuleRewriter | ModelRewriter
