"""Answering: rewrite, retrieve, prompt, generate, cite, verify, and keep the turn. What is scored and what is served is this."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import USE_NOTED_EVERY_S, owner_principal
from footnote.core.catalog.moment import now
from footnote.core.errors import Overloaded
from footnote.core.ids import new_id
from footnote.core.offload import offload
from footnote.core.settings import GeneratorSettings
from footnote.core.telemetry import Telemetry
from footnote.core.telemetry.metrics import AnswerOutcome
from footnote.core.types import Access, Message, Passage, Release, StoredPassage, TokenUsage, Turn
from retrieval.passages import PassageFinder, Retrieved
from serving.answer import AnswerEvent, AnswerFinished, AnswerStarted, ClaimJudged, Question
from serving.claims import ABSTENTION
from serving.generator.port import GenerationRequest, GenerationSettings, Generator
from serving.judge.port import Judge
from serving.policy import Policy
from serving.prompt_fitting import fit_prompt, recent
from serving.prompting import Prompt
from serving.rewriter import Rewriter
from serving.verification import Verifier

RETRY_AFTER_S = 5.0
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with what was found for it."""

    turn_id: str
    question: Question
    query: str
    access: Access
    retrieved: Retrieved
    passages: tuple[Passage, ...]
    prompt: tuple[Message, ...]


@dataclass(slots=True)
class _Progress:
    """What is known of a turn while it is being made."""

    began: float
    asked_at: datetime
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    finish_reason: str = CANCELLED
    usage: TokenUsage | None = None
    error_code: str | None = None

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000


class Answerer:
    """Answers questions under one release."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        passages: PassageFinder,
        generator: Generator,
        judge: Judge | None,
        rewriter: Rewriter,
        prompt: Prompt,
        policy: Policy,
        release: Release,
        settings: GeneratorSettings,
        budget_tokens: int,
        telemetry: Telemetry,
        max_concurrent: int,
    ) -> None:
        self._catalog = catalog
        self._passages = passages
        self._generator = generator
        self._judge = judge
        self._rewriter = rewriter
        self._prompt = prompt
        self._policy: Policy = policy
        self._release = release
        self._settings = settings
        self._budget_tokens = budget_tokens
        self._telemetry = telemetry
        self._max_concurrent = max_concurrent
        self._n_running = 0

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Yield the events of an answer, as ``serving.services.Answers`` promises.

        The turn is kept however the answer ends: finished, left by the reader (``finish_reason`` is then ``cancelled``), or broken by an
        error (``error``).
        """
        if self._n_running >= self._max_concurrent:
            raise Overloaded("Too many answers are being written at the moment.", retry_after_s=RETRY_AFTER_S)
        self._n_running += 1
        try:
            async with aclosing(self._answer(question)) as events:
                async for event in events:
                    yield event
        finally:
            self._n_running -= 1

    async def _answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        progress = _Progress(began=time.perf_counter(), asked_at=now())
        asked = await self._ask(replace(question, history=recent(question.history)), progress)
        yield AnswerStarted(turn_id=asked.turn_id, release_id=self._release.id, query=asked.query, passages=asked.passages)
        verifier, draft = self._drafted(asked, progress)
        try:
            async with aclosing(verifier.verify(draft)) as events:
                async for event in events:
                    if isinstance(event, ClaimJudged) and question.run_id is None:
                        self._telemetry.metrics.count_verdict(event.claim.verdict)
                    yield event
            if progress.finish_reason == CANCELLED:  # no model wrote, or verification has heard enough of it
                progress.finish_reason = "stop"
        except Exception as error:
            progress.finish_reason, progress.error_code = "error", type(error).__name__
            raise
        finally:
            turn = await offload(self._turn, asked, verifier, progress)
            await asyncio.shield(self._keep(turn))
        yield AnswerFinished(turn=turn, passages=asked.passages)

    def _drafted(self, asked: _Asked, progress: _Progress) -> tuple[Verifier, AsyncGenerator[str]]:
        """Return the draft and what verifies it. Where nothing was found, the words of an abstention need neither model nor judge."""
        if asked.retrieved.abstain:
            return Verifier(asked.passages, judge=None, policy="flag"), _abstention()
        verifier = Verifier(asked.passages, judge=self._judge, policy=self._policy, question=asked.query)
        return verifier, self._draft(asked, progress)

    async def _ask(self, question: Question, progress: _Progress) -> _Asked:
        """Find out where the caller may look, what to look for, and what is there."""
        collections = await self._catalog.collections.readable(question.collection_ids, caller=question.caller)
        access = Access(collection_ids=frozenset(each.id for each in collections), principals=question.caller.principals)
        with self._telemetry.stage("rewrite") as rewriting:
            query = await self._rewriter.rewrite(question.text, question.history)
        progress.timings_ms["rewrite"] = rewriting.ms
        with self._telemetry.stage("retrieve"):
            retrieved = await self._passages.retrieve(query, access, filter=question.filter, budget_tokens=self._budget_tokens)
        progress.timings_ms.update(retrieved.timings_ms)
        passages, prompt = await self._fit(question, retrieved)
        return _Asked(
            turn_id=new_id("turn"),
            question=question,
            query=query,
            access=access,
            retrieved=retrieved,
            passages=passages,
            prompt=prompt,
        )

    async def _fit(self, question: Question, retrieved: Retrieved) -> tuple[tuple[Passage, ...], tuple[Message, ...]]:
        """Render the prompt with as many passages and as much of the dialogue as the model's context holds."""
        if retrieved.abstain:
            return retrieved.nearest, ()
        return await offload(
            fit_prompt,
            self._prompt,
            question=question.text,
            history=question.history,
            passages=retrieved.passages,
            room_tokens=self._generator.context_tokens - self._generation(question).max_tokens,
            count_tokens=self._generator.count_prompt_tokens,
        )

    def _generation(self, question: Question) -> GenerationSettings:
        settings = self._settings
        return GenerationSettings(
            max_tokens=min(question.max_tokens or settings.max_tokens, self._generator.context_tokens // 2),
            temperature=settings.temperature if question.temperature is None else question.temperature,
            top_p=settings.top_p if question.top_p is None else question.top_p,
            seed=question.seed,
            stop=question.stop,
        )

    async def _draft(self, asked: _Asked, progress: _Progress) -> AsyncGenerator[str]:
        """Yield the model's text; what it says of its end goes into ``progress``."""
        request = GenerationRequest(
            messages=asked.prompt,
            question=asked.query,
            passages=asked.passages,
            settings=self._generation(asked.question),
            adapter=self._settings.adapter,
        )
        with self._telemetry.stage("generate") as generating:
            async with aclosing(self._generator.generate(request)) as deltas:
                async for delta in deltas:
                    if delta.text:
                        progress.timings_ms.setdefault("first_token", generating.ms)
                        yield delta.text
                    progress.finish_reason = delta.finish_reason or progress.finish_reason
                    progress.usage = delta.usage or progress.usage
        progress.timings_ms["generate"] = generating.ms

    def _turn(self, asked: _Asked, verifier: Verifier, progress: _Progress) -> Turn:
        text = verifier.text
        question = asked.question
        timings = {**progress.timings_ms, "judge": text.judge_ms, "total": progress.elapsed_ms()}
        return Turn(
            id=asked.turn_id,
            owner=question.caller.owner,
            principals=frozenset({owner_principal(question.caller.owner)}),
            conversation=question.conversation or asked.turn_id,
            release_id=self._release.id,
            asked_at=progress.asked_at,
            question=question.text,
            history=question.history,
            query=asked.query,
            collection_ids=tuple(sorted(asked.access.collection_ids)),
            prompt=asked.prompt,
            passages=tuple(_stored(passage) for passage in asked.passages),
            draft=text.draft,
            shown=text.shown,
            changes=tuple(str(change) for change in text.changes),
            claims=tuple(text.claims),
            draft_claims=tuple(text.draft_claims),
            abstained=asked.retrieved.abstain or text.is_abstention,
            finish_reason=progress.finish_reason,
            usage=progress.usage or self._counted(asked, text.draft),
            timings_ms={name: round(value, 2) for name, value in timings.items()},
            error_code=progress.error_code,
            run_id=question.run_id,
        )

    def _counted(self, asked: _Asked, draft: str) -> TokenUsage:
        """Count what a generator did not: a draft that was left, stopped or broke off brings no usage."""
        if not asked.prompt:
            return TokenUsage()
        count = self._generator.count_prompt_tokens
        written = count((Message(role="assistant", content=draft),)) if draft else 0
        return TokenUsage(prompt_tokens=count(asked.prompt), completion_tokens=written)

    async def _keep(self, turn: Turn) -> None:
        await self._catalog.turns.store(turn)
        if turn.run_id is not None:
            return
        await self._catalog.collections.touch(turn.collection_ids, older_than_s=USE_NOTED_EVERY_S)
        metrics = self._telemetry.metrics
        metrics.count_tokens("prompt", turn.usage.prompt_tokens)
        metrics.count_tokens("completion", turn.usage.completion_tokens)
        metrics.count_answer(_outcome(turn))


def _outcome(turn: Turn) -> AnswerOutcome:
    if turn.error_code is not None:
        return "failed"
    if turn.finish_reason == CANCELLED:
        return "cancelled"
    return "abstained" if turn.abstained else "answered"


def _stored(passage: Passage) -> StoredPassage:
    return StoredPassage(
        n=passage.n,
        attachment_id=passage.attachment_id,
        version_id=passage.version_id,
        chunk_ids=passage.chunk_ids,
        start=passage.start,
        end=passage.end,
        score=passage.score,
        similarity=passage.similarity,
    )


async def _abstention() -> AsyncGenerator[str]:
    """Yield what is said where retrieval found nothing to answer from: no model is asked."""
    yield ABSTENTION
