"""Verification: a draft streams in, the text shown and the verdicts on its claims stream out.

Under ``flag`` text goes out at once and verdicts follow; under ``quote`` each claim waits for its verdict. Judging runs beside
generation, one claim after the other, so that a slow judge never stops the model and verdicts keep the order of the text.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from footnote.core.errors import DependencyError
from footnote.core.types import Claim, DraftClaim, Passage, Verdict
from serving.answer import ClaimJudged, TextAdded
from serving.citations import strip_markers
from serving.claims import ClaimSplitter, DraftSentence, is_abstention, is_advice, is_checkable
from serving.judge.port import Judge, Judgement
from serving.policy import Change, ChangeCode, Decision, Policy, QuotePolicy, draft_claim, flag

MAX_FAILED_IN_A_ROW = 2

LOST_BY = (ChangeCode.REPLACED_BY_QUOTE, ChangeCode.DROPPED_UNSUPPORTED, ChangeCode.REPEATED)

VerifiedEvent = TextAdded | ClaimJudged


@dataclass(slots=True)
class VerifiedText:
    """What there is of an answer so far: complete when ``Verifier.verify`` has ended, usable whenever it was left."""

    draft: str = ""
    shown: str = ""
    draft_claims: list[DraftClaim] = field(default_factory=list[DraftClaim])
    claims: list[Claim] = field(default_factory=list[Claim])
    changes: list[Change] = field(default_factory=list[Change])
    judge_ms: float = 0.0

    @property
    def is_abstention(self) -> bool:
        """Whether the text says that the documents do not say, and asserts nothing else but what they do not support.

        Advice that nobody could check, such as whom to ask instead, asserts nothing either.
        """
        texts = [(claim, self.shown[claim.start : claim.end]) for claim in self.claims]
        return any(is_abstention(text) for _, text in texts) and not any(_asserts(text, claim.verdict) for claim, text in texts)


def _asserts(text: str, verdict: Verdict) -> bool:
    if verdict is Verdict.UNCHECKED and is_advice(text):
        return False
    return is_checkable(text) and verdict is not Verdict.UNSUPPORTED


class _Ended:
    """The last event in the queue."""


class Verifier:
    """Verifies one draft against its passages.

    Args:
        judge: None where nothing is checked; policy ``quote`` then has nothing to go by and shows each claim unchecked.
    """

    def __init__(self, passages: Sequence[Passage], *, judge: Judge | None, policy: Policy, question: str = "") -> None:
        self.text = VerifiedText()
        self._question = question
        self._passages = passages
        self._judge = judge
        self._policy: Policy = policy
        self._threshold = 1.0 if judge is None else judge.threshold
        self._quoting = QuotePolicy(passages, threshold=self._threshold, question=question)
        self._n_failed_in_a_row = 0
        self._is_lost = False
        self._has_ended = False
        self._splitter = ClaimSplitter()
        self._closed: asyncio.Queue[DraftSentence | None] = asyncio.Queue()
        self._events: asyncio.Queue[VerifiedEvent | _Ended] = asyncio.Queue()

    async def verify(self, draft: AsyncGenerator[str]) -> AsyncGenerator[VerifiedEvent]:
        """Yield text and verdicts as they come. The draft is closed when it ends, when the reader leaves, and when it has lost the thread.

        Raises:
            FootnoteError: whatever the draft raises, after the text and the verdicts that came before it.
        """
        reading = asyncio.create_task(self._read(draft), name="read draft")
        judging = asyncio.create_task(self._judge_closed(), name="judge claims")
        try:
            while not isinstance(event := await self._events.get(), _Ended):
                yield event
            await asyncio.gather(reading, judging)
        finally:
            for task in (reading, judging):
                task.cancel()
            await asyncio.gather(reading, judging, return_exceptions=True)

    async def _read(self, draft: AsyncGenerator[str]) -> None:
        try:
            async with aclosing(draft):
                async for piece in draft:
                    self.text.draft += piece
                    if self._policy == "flag":
                        self._show(piece)
                    self._close(self._splitter.feed(piece))
                    if self._is_lost:
                        break
            self._has_ended = True
        finally:
            # The last sentence of a draft that broke off, or was stopped, is half a sentence: only what is shown anyway is judged.
            if self._policy == "flag" or (self._has_ended and not self._is_lost):
                self._close(self._splitter.flush())
            self._closed.put_nowait(None)

    def _close(self, sentences: Sequence[DraftSentence]) -> None:
        for sentence in sentences:
            self._closed.put_nowait(sentence)

    async def _judge_closed(self) -> None:
        try:
            await self._prepare_judge()
            while (sentence := await self._closed.get()) is not None:
                if not self._is_lost:
                    self._decide(sentence, await self._judged(sentence))
            if self._policy == "quote" and self._has_ended:
                self._apply(self._quoting.finish())
        finally:
            self._events.put_nowait(_Ended())

    async def _prepare_judge(self) -> None:
        """Let the judge read the passages while the model is still at its first sentence."""
        if self._judge is None or not self._passages:
            return
        with suppress(DependencyError):  # judging will meet it again, and say ``unchecked``
            await self._judge.prepare(self._passages)
            if self._policy == "quote" and self._question:
                (nearest,) = await self._judge.judge([self._question], self._passages)
                self._quoting = QuotePolicy(self._passages, threshold=self._threshold, question=self._question, nearest=nearest.supports)

    async def _judged(self, sentence: DraftSentence) -> Judgement | None:
        if self._judge is None or not is_checkable(sentence.text):
            return None
        began = asyncio.get_running_loop().time()
        try:
            (judgement,) = await self._judge.judge([strip_markers(sentence.text)], self._passages)
        except DependencyError:
            return None  # the claim is shown as unchecked, never as supported
        finally:
            self.text.judge_ms += (asyncio.get_running_loop().time() - began) * 1000
        return judgement

    def _decide(self, sentence: DraftSentence, judgement: Judgement | None) -> None:
        self.text.draft_claims.append(draft_claim(sentence, judgement))
        if self._policy == "quote":
            decision = self._quoting.decide(sentence, judgement)
            self._apply(decision)
            self._note_loss(decision)
        else:
            self._tell(flag(sentence, judgement, self._passages, threshold=self._threshold))

    def _apply(self, decision: Decision) -> None:
        self.text.changes += decision.changes
        if decision.text:
            self._show(decision.text)
        if decision.claim is not None:
            self._tell(decision.claim)

    def _note_loss(self, decision: Decision) -> None:
        """Stop a model that has lost the thread: what it writes after several claims in a row that do not hold is no better."""
        failed = any(change.code in LOST_BY for change in decision.changes)
        self._n_failed_in_a_row = self._n_failed_in_a_row + 1 if failed else 0
        self._is_lost = self._is_lost or self._n_failed_in_a_row >= MAX_FAILED_IN_A_ROW

    def _show(self, text: str) -> None:
        self.text.shown += text
        self._events.put_nowait(TextAdded(text))

    def _tell(self, claim: Claim) -> None:
        self.text.claims.append(claim)
        self._events.put_nowait(ClaimJudged(claim))
