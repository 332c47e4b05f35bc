"""Verification: order and completeness of text and verdicts under both policies, and what is left when a draft breaks off."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from footnote.core.errors import ModelUnavailable
from footnote.core.types import PartHealth, Passage, Verdict
from serving.answer import ClaimJudged, TextAdded
from serving.claims import ABSTENTION
from serving.judge.port import Judgement, Support
from serving.policy import Policy
from serving.verification import Verifier
from tests.serving.passages import make_passage

PASSAGES = (make_passage(1, "Leave is 25 days a year.", start=100), make_passage(2, "Dinner costs 30 crowns at most.", start=500))
DRAFT = "Leave is 25 days a year [1]. The moon is made of cheese. Dinner costs 30 crowns at most [1]."


class VerbatimJudge:
    """Supports a claim that stands in a passage word for word, and nothing else: a rule that tests can foresee."""

    name = "verbatim"
    threshold = 0.5

    def __init__(self, *, fails: bool = False, waits: asyncio.Event | None = None) -> None:
        self._fails = fails
        self._waits = waits

    async def prepare(self, passages: Sequence[Passage]) -> None:
        return

    async def judge(self, claims: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        if self._waits is not None:
            await self._waits.wait()
        if self._fails:
            raise ModelUnavailable("The judge is not there.")
        return [self._judged(claim, passages) for claim in claims]

    async def health(self) -> PartHealth:
        return PartHealth(name="judge", ready=True, detail="It judges.")

    def _judged(self, claim: str, passages: Sequence[Passage]) -> Judgement:
        supports = [
            Support(passage=each.n, score=1.0 if claim.rstrip(".") in each.text else 0.1, start=each.start, end=each.end)
            for each in passages
        ]
        supports.sort(key=lambda support: (-support.score, support.passage))
        score = max((support.score for support in supports), default=0.0)
        return Judgement(score=score, supported=score >= self.threshold, supports=tuple(supports))


async def pieces(text: str, *, size: int = 3, breaks: bool = False) -> AsyncGenerator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
        await asyncio.sleep(0)
    if breaks:
        raise ModelUnavailable("The server went away.")


async def verified(
    draft: AsyncGenerator[str], *, policy: Policy, judge: VerbatimJudge | None
) -> tuple[Verifier, list[TextAdded | ClaimJudged]]:
    verifier = Verifier(PASSAGES, judge=judge, policy=policy)
    return verifier, [event async for event in verifier.verify(draft)]


@pytest.mark.parametrize("policy", ["flag", "quote"])
async def test_text_and_claims_agree(policy: Policy) -> None:
    verifier, events = await verified(pieces(DRAFT), policy=policy, judge=VerbatimJudge())
    text = verifier.text
    assert "".join(event.text for event in events if isinstance(event, TextAdded)) == text.shown
    assert [event.claim for event in events if isinstance(event, ClaimJudged)] == text.claims
    assert text.draft == DRAFT
    assert [claim.verdict for claim in text.draft_claims] == [Verdict.SUPPORTED, Verdict.UNSUPPORTED, Verdict.SUPPORTED]
    for claim in text.claims:
        for citation in claim.citations:
            cited = PASSAGES[citation.passage - 1]
            assert cited.text[citation.start - cited.start : citation.end - cited.start] == citation.quote


async def test_flag_changes_nothing() -> None:
    verifier, events = await verified(pieces(DRAFT), policy="flag", judge=VerbatimJudge())
    assert verifier.text.shown == DRAFT
    assert [event.text for event in events if isinstance(event, TextAdded)] == [DRAFT[i : i + 3] for i in range(0, len(DRAFT), 3)]
    wrong, invented, right = verifier.text.claims[2], verifier.text.claims[1], verifier.text.claims[0]
    assert (right.citations[0].passage, right.citations[0].marked) == (1, True)
    assert (invented.verdict, invented.citations) == (Verdict.UNSUPPORTED, ())
    # The marker [1] is wrong: the passage that supports the claim is found for it.
    assert (wrong.citations[0].passage, wrong.citations[0].marked) == (2, False)


async def test_flag_does_not_wait_for_the_judge() -> None:
    waits = asyncio.Event()
    verifier = Verifier(PASSAGES, judge=VerbatimJudge(waits=waits), policy="flag")
    shown = ""
    async for event in verifier.verify(pieces(DRAFT)):
        shown += event.text if isinstance(event, TextAdded) else ""
        if shown == DRAFT and not waits.is_set():
            assert verifier.text.claims == []
            waits.set()
    assert len(verifier.text.claims) == 3


async def test_quote_shows_nothing_unsupported() -> None:
    verifier, _ = await verified(pieces(DRAFT), policy="quote", judge=VerbatimJudge())
    assert "cheese" not in verifier.text.shown
    assert all(claim.verdict is Verdict.SUPPORTED for claim in verifier.text.claims)
    assert "Dinner costs 30 crowns at most. [2]" in verifier.text.shown
    assert verifier.text.changes


async def test_quote_abstains_where_nothing_is_left() -> None:
    verifier, _ = await verified(pieces("The moon is made of cheese."), policy="quote", judge=VerbatimJudge())
    assert verifier.text.shown == ABSTENTION
    assert verifier.text.is_abstention


@pytest.mark.parametrize("judge", [None, VerbatimJudge(fails=True)])
async def test_without_a_judge_nothing_is_called_supported(judge: VerbatimJudge | None) -> None:
    verifier, _ = await verified(pieces(DRAFT), policy="flag", judge=judge)
    assert {claim.verdict for claim in verifier.text.claims} == {Verdict.UNCHECKED}


@pytest.mark.parametrize(("policy", "n_claims"), [("flag", 3), ("quote", 2)])
async def test_what_came_before_a_break_is_kept_and_the_error_told(policy: Policy, n_claims: int) -> None:
    """Under ``quote`` the last sentence is held: nobody knows whether it was whole."""
    verifier = Verifier(PASSAGES, judge=VerbatimJudge(), policy=policy)
    with pytest.raises(ModelUnavailable, match="went away"):
        async for _ in verifier.verify(pieces(DRAFT, breaks=True)):
            pass
    assert verifier.text.draft == DRAFT
    assert len(verifier.text.draft_claims) == n_claims


@pytest.mark.parametrize("policy", ["flag", "quote"])
async def test_a_model_that_fails_at_once_has_not_abstained(policy: Policy) -> None:
    verifier = Verifier(PASSAGES, judge=VerbatimJudge(), policy=policy)
    with pytest.raises(ModelUnavailable):
        async for _ in verifier.verify(pieces("", breaks=True)):
            pass
    assert (verifier.text.shown, verifier.text.is_abstention) == ("", False)


async def test_without_a_judge_a_refusal_beside_claims_is_no_abstention() -> None:
    verifier, _ = await verified(pieces("I cannot find the rest. Leave is 25 days a year."), policy="flag", judge=None)
    assert not verifier.text.is_abstention


async def test_without_a_judge_advice_beside_a_refusal_leaves_it_an_abstention() -> None:
    verifier, _ = await verified(pieces("I cannot find this. Please contact HR."), policy="flag", judge=None)
    assert verifier.text.is_abstention
    verifier, _ = await verified(pieces("Please contact HR."), policy="flag", judge=None)
    assert not verifier.text.is_abstention, "it answers whom to ask"


async def test_leaving_early_stops_the_draft() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[str]:
        try:
            while True:
                yield "word "
                await asyncio.sleep(0)
        finally:
            closed.set()

    verifier = Verifier(PASSAGES, judge=VerbatimJudge(), policy="flag")
    draft = endless()
    events = verifier.verify(draft)
    await anext(events)
    await events.aclose()
    await draft.aclose()
    assert closed.is_set()
    assert verifier.text.shown.startswith("word ")


async def test_saying_that_the_documents_do_not_say_is_an_abstention() -> None:
    verifier, _ = await verified(pieces(ABSTENTION), policy="flag", judge=VerbatimJudge())
    assert verifier.text.is_abstention
    verifier, _ = await verified(pieces("Leave is 25 days a year. " + ABSTENTION), policy="flag", judge=VerbatimJudge())
    assert not verifier.text.is_abstention


async def test_a_model_that_lost_the_thread_is_stopped() -> None:
    written: list[str] = []

    async def rambling() -> AsyncGenerator[str]:
        for n in range(200):
            written.append(f"Invented sentence {n} about cheese. ")
            yield written[-1]
            await asyncio.sleep(0)

    verifier = Verifier(PASSAGES, judge=VerbatimJudge(), policy="quote", question="How much leave is there?")
    draft = rambling()
    async for _ in verifier.verify(draft):
        pass
    await draft.aclose()
    assert len(written) < 20
    assert "cheese" not in verifier.text.shown


async def test_an_unsupported_claim_yields_to_what_is_nearest_to_the_question() -> None:
    question = "Dinner costs 30 crowns at most"  # the judge of these tests supports what stands there word for word
    verifier = Verifier(PASSAGES, judge=VerbatimJudge(), policy="quote", question=question)
    async for _ in verifier.verify(pieces("It is made of cheese.")):
        pass
    assert "“Dinner costs 30 crowns at most.” [2]" in verifier.text.shown
