"""Answering on real parts: catalog, Edge index, embedder, judge, and the generator that quotes; models that misbehave are scripted."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.evaluation_records import CaseDraft, SetKind
from footnote.core.errors import InvalidInput, ModelUnavailable, NotFound, Overloaded
from footnote.core.settings import GeneratorSettings
from footnote.core.telemetry import Telemetry
from footnote.core.types import EVERYONE, Caller, Message, Release, Turn, Verdict
from serving.answer import AnswerEvent, AnswerFinished, AnswerStarted, ClaimJudged, Question, TextAdded
from serving.answering import Answerer
from serving.generator.extractive import ExtractiveGenerator
from serving.generator.port import Delta, GenerationRequest, Generator
from serving.judge.local import LocalJudge
from serving.policy import Policy
from serving.prompting import load_prompt
from serving.rewriter import RuleRewriter
from tests.retrieval.library import OWNER, Library, library  # noqa: F401 - a fixture

LEAVE = "Full-time staff have 28 days of paid leave in a calendar year."
CARRY = "At most five days of leave may be carried over, and they lapse at the end of March."
LIVE_FIGURES = {"footnote_answers_total", "footnote_tokens_total", "footnote_verdicts_total"}
DINNER = "Dinner on a business trip is refunded up to 45 crowns when the receipt is handed in."


class Scripted(ExtractiveGenerator):
    """A model that writes what a test tells it to, piece by piece, and may break or never end."""

    def __init__(self, *pieces: str, breaks: bool = False, endless: bool = False) -> None:
        super().__init__()
        self._pieces, self._breaks, self._endless = pieces, breaks, endless
        self.closed = asyncio.Event()
        self.requests: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        self.requests.append(request)
        try:
            for piece in self._pieces:
                yield Delta(piece)
            while self._endless:
                await asyncio.sleep(0.001)
                yield Delta("more ")
            if self._breaks:
                raise ModelUnavailable("The model server went away.")
            yield Delta("", finish_reason="stop")
        finally:
            self.closed.set()


@pytest.fixture
async def handbook(library: Library) -> Library:  # noqa: F811 - the fixture
    await library.publish("leave.md", LEAVE, CARRY, context="Leave")
    await library.publish("travel.md", DINNER, context="Travel > Meals")
    await library.publish("secret.md", "The board's secret project is called Heron.", principals=("board",))
    return library


async def answerer(library: Library, generator: Generator, *, policy: Policy = "flag", max_concurrent: int = 4) -> Answerer:  # noqa: F811
    release: Release = await library.catalog.releases.ensure_champion({"test": policy})
    return Answerer(
        catalog=library.catalog,
        passages=library.finder(),
        generator=generator,
        judge=LocalJudge(library.embedder),
        rewriter=RuleRewriter(),
        prompt=load_prompt("answer"),
        policy=policy,
        release=release,
        settings=GeneratorSettings(),
        budget_tokens=1_200,
        telemetry=Telemetry(),
        max_concurrent=max_concurrent,
    )


async def events_of(answering: Answerer, question: Question) -> list[AnswerEvent]:
    return [event async for event in answering.answer(question)]


def finished(events: list[AnswerEvent]) -> AnswerFinished:
    assert isinstance(events[-1], AnswerFinished)
    return events[-1]


def ask(text: str, **fields) -> Question:
    return Question(caller=OWNER, text=text, **fields)


async def test_events_come_in_order_and_the_turn_is_kept(handbook: Library) -> None:
    events = await events_of(await answerer(handbook, ExtractiveGenerator()), ask("How many days of leave do full-time staff have?"))
    assert isinstance(events[0], AnswerStarted)
    turn = finished(events).turn
    assert "".join(event.text for event in events if isinstance(event, TextAdded)) == turn.shown
    assert tuple(event.claim for event in events if isinstance(event, ClaimJudged)) == turn.claims
    assert "28 days" in turn.shown
    assert await handbook.catalog.turns.get(turn.id, caller=OWNER) == turn


async def test_what_a_run_asks_is_marked_and_counts_in_no_live_figure(handbook: Library) -> None:
    answering = await answerer(handbook, ExtractiveGenerator())
    telemetry = answering._telemetry

    def counted() -> set[str]:
        samples = [sample for metric in telemetry.metrics.registry.collect() for sample in metric.samples]
        return {sample.name for sample in samples if sample.name in LIVE_FIGURES and sample.value}

    cases = [CaseDraft(key="a", labels={"id": "a", "question": "?!"})]
    made = await handbook.catalog.evaluation_sets.import_cases(cases, name="leave", kind=SetKind.GOLDEN, caller=OWNER)
    release = await handbook.catalog.releases.ensure_champion({"test": "flag"})
    run = await handbook.catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=OWNER)
    text = "How many days of leave do full-time staff have?"
    turn = finished(await events_of(answering, ask(text, run_id=run.id))).turn
    assert (await handbook.catalog.turns.get(turn.id, caller=OWNER)).run_id == run.id
    assert counted() == set()
    assert finished(await events_of(answering, ask(text))).turn.run_id is None
    assert counted() == LIVE_FIGURES


async def test_every_offset_holds(handbook: Library) -> None:
    answer = finished(await events_of(await answerer(handbook, ExtractiveGenerator()), ask("How many days of leave are carried over?")))
    assert answer.turn.claims
    for passage in answer.passages:
        text = await handbook.catalog.versions.text_of(passage.version_id)
        assert text[passage.start : passage.end] == passage.text
    for claim in answer.turn.claims:
        assert 0 <= claim.start < claim.end <= len(answer.turn.shown)
        for citation in claim.citations:
            passage = answer.passages[citation.passage - 1]
            assert passage.start <= citation.start < citation.end <= passage.end
            text = await handbook.catalog.versions.text_of(passage.version_id)
            assert text[citation.start : citation.end] == citation.quote


async def test_a_turn_can_be_answered_again_from_what_is_stored(handbook: Library) -> None:
    answering = await answerer(handbook, ExtractiveGenerator())
    turn = finished(await events_of(answering, ask("How many days of leave do full-time staff have?"))).turn
    kept = await handbook.catalog.turns.get(turn.id, caller=OWNER)
    assert (await handbook.catalog.releases.get(kept.release_id)).manifest == {"test": "flag"}
    texts = [(await handbook.catalog.versions.text_of(each.version_id))[each.start : each.end] for each in kept.passages]
    assert all(text in kept.prompt[-1].content for text in texts)
    again = finished(await events_of(answering, ask(kept.question, history=kept.history))).turn
    assert (again.prompt, again.draft, again.shown, again.passages) == (kept.prompt, kept.draft, kept.shown, kept.passages)


async def test_what_was_invented_is_flagged_and_under_quote_not_shown(handbook: Library) -> None:
    draft = (LEAVE, " [1] ", "Employees are entitled to a company helicopter on Tuesdays. ")
    question = ask("How many days of leave do full-time staff have?")
    flagged = finished(await events_of(await answerer(handbook, Scripted(*draft)), question)).turn
    assert [claim.verdict for claim in flagged.claims] == [Verdict.SUPPORTED, Verdict.UNSUPPORTED]
    assert flagged.shown == flagged.draft
    quoted = finished(await events_of(await answerer(handbook, Scripted(*draft), policy="quote"), question)).turn
    assert "helicopter" not in quoted.shown
    assert "helicopter" in quoted.draft
    assert quoted.changes


async def test_nothing_to_answer_from_is_an_abstention_with_the_nearest_passages(handbook: Library) -> None:
    model = Scripted("It was Brazil.")
    answer = finished(await events_of(await answerer(handbook, model), ask("Which team won the world championship of 1998?")))
    assert answer.turn.abstained
    assert model.requests == []
    assert answer.turn.claims[0].verdict is Verdict.UNCHECKED


async def test_nobody_reads_what_is_not_for_them(handbook: Library) -> None:
    question = "What is the board's secret project called?"
    stranger = Caller(owner="stranger", principals=frozenset({EVERYONE, "owner:stranger"}))
    answering = await answerer(handbook, ExtractiveGenerator())
    events = await events_of(answering, Question(caller=stranger, text=question))
    assert "Heron" not in repr(events)
    board = Caller(owner="director", principals=frozenset({EVERYONE, "owner:director", "board"}))
    assert "Heron" in finished(await events_of(answering, Question(caller=board, text=question))).turn.shown
    with pytest.raises(NotFound):
        await handbook.catalog.turns.get(finished(events).turn.id, caller=OWNER)


async def test_a_follow_up_searches_with_the_question_before_it(handbook: Library) -> None:
    history = (Message("user", "What is refunded for dinner on a business trip?"), Message("assistant", "Up to 45 crowns [1]."))
    events = await events_of(await answerer(handbook, ExtractiveGenerator()), ask("And is a receipt needed for it?", history=history))
    assert isinstance(events[0], AnswerStarted)
    assert "dinner" in events[0].query
    assert events[0].passages[0].filename == "travel.md"


async def test_leaving_stops_the_model_and_keeps_the_turn(handbook: Library) -> None:
    model = Scripted("Staff have 28 days. ", endless=True)
    answering = await answerer(handbook, model)
    async with aclosing(answering.answer(ask("How many days of leave do full-time staff have?"))) as events:
        async for event in events:
            if isinstance(event, AnswerStarted):
                turn_id = event.turn_id
            if isinstance(event, TextAdded):
                break
    async with asyncio.timeout(5):
        await model.closed.wait()
    turn: Turn = await handbook.catalog.turns.get(turn_id, caller=OWNER)
    assert (turn.finish_reason, turn.error_code) == ("cancelled", None)
    assert turn.shown.startswith("Staff")


async def test_an_answer_that_breaks_off_is_kept_with_its_error(handbook: Library) -> None:
    answering = await answerer(handbook, Scripted("Staff have 28 days of leave. ", breaks=True))
    seen: list[AnswerEvent] = []

    async def read() -> None:
        async for event in answering.answer(ask("How many days of leave do full-time staff have?")):
            seen.append(event)  # noqa: PERF401 - what came before the error is what is looked at

    with pytest.raises(ModelUnavailable):
        await read()
    assert isinstance(seen[0], AnswerStarted)
    turn = await handbook.catalog.turns.get(seen[0].turn_id, caller=OWNER)
    assert (turn.finish_reason, turn.error_code, turn.shown) == ("error", "ModelUnavailable", "Staff have 28 days of leave. ")


async def test_too_many_at_once_are_told_to_come_back(handbook: Library) -> None:
    answering = await answerer(handbook, Scripted(endless=True), max_concurrent=1)
    first = answering.answer(ask("How many days of leave?"))
    await anext(first)
    with pytest.raises(Overloaded):
        await anext(answering.answer(ask("How many days of leave?")))
    await first.aclose()
    second = answering.answer(ask("How many days of leave?"))
    await anext(second)
    await second.aclose()


async def test_an_unknown_collection_is_not_found(handbook: Library) -> None:
    with pytest.raises(NotFound):
        await events_of(await answerer(handbook, ExtractiveGenerator()), ask("Leave?", collection_ids=(DEFAULT_COLLECTION, "vs_unknown")))


async def test_a_long_dialogue_and_many_passages_are_cut_to_the_models_context(handbook: Library) -> None:
    class Narrow(Scripted):
        @property
        def context_tokens(self) -> int:
            return 2_000

    model = Narrow("Staff have 28 days of leave.")
    history = tuple(Message("user" if n % 2 == 0 else "assistant", f"What about leave in week {n}? " * 20) for n in range(10))
    await events_of(await answerer(handbook, model), ask("How many days of leave do full-time staff have?", history=history))
    prompt = model.requests[0].messages
    assert model.count_prompt_tokens(prompt) <= 2_000 - 300
    assert prompt[-1].content.endswith("How many days of leave do full-time staff have?")
    with pytest.raises(InvalidInput, match="too long"):
        await events_of(await answerer(handbook, Narrow("x")), ask("How many days of leave do full-time staff have? " * 100))
