"""Runs: each case is answered once and scored once by each judge, whatever breaks, stalls or dies between."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from evaluation.answered import Answered
from evaluation.cases import Case
from evaluation.front_desk import FrontDesk
from evaluation.running import ANSWER_GONE, FAILURES_IN_A_ROW, RELEASE_CHANGED, TRIES, RunConfiguration, RunFailed, Runner
from evaluation.scores import Score
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, RunState, SetKind
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.leases import HeldLease, lease_of_run
from footnote.core.catalog.records import FileRecord
from footnote.core.catalog.releases import release_id_of
from footnote.core.errors import Conflict, FootnoteError, IndexUnavailable, ModelUnavailable, Overloaded
from retrieval.search import SearchResult
from serving.answer import AnswerEvent, AnswerFinished, Question
from serving.evaluating import WantedRun
from tests.core.catalog.evaluation_story import asked, imported
from tests.core.catalog.story import ANN, attach, caller, collection, erase, upload


def case(key: str, **labels: Any) -> CaseDraft:
    return CaseDraft(key=key, labels={"id": key, "question": f"When is {key}?", **labels})


async def begun(catalog: Catalog, *cases: CaseDraft, **configuration: Any) -> str:
    made = await imported(catalog, *(cases or [case("ebb"), case("flood"), case("slack")]))
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    asks = RunConfiguration(principals=tuple(ANN.principals), **configuration)
    return (await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=ANN, configuration=asks.as_json())).id


class Scripted:
    """Answers, unless the script has an error for the question; keeps turns as serving does."""

    def __init__(self, catalog: Catalog, script: Callable[[str], FootnoteError | None] = lambda question: None) -> None:
        self._catalog = catalog
        self._script = script
        self.asked: Counter[str] = Counter()

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        self.asked[question.text] += 1
        error = self._script(question.text)
        if error is not None:
            raise error
        turn_id = await asked(self._catalog, by=question.caller, question=question.text, run_id=question.run_id)
        yield AnswerFinished(turn=await self._catalog.turns.get(turn_id, caller=question.caller), passages=())


class Length:
    """A judge that likes long questions."""

    def __init__(self, judge: str = "length", on_score: Callable[[Answered], None] = lambda answered: None) -> None:
        self.judge = judge
        self.metrics = ("length",)
        self.not_measured: Mapping[str, str] = {}
        self.scored: Counter[str] = Counter()
        self._on_score = on_score

    async def score(self, answered: Answered) -> Sequence[Score]:
        self.scored[answered.case.id] += 1
        self._on_score(answered)
        if answered.case.id == "slack":
            return [Score("length", self.judge, "draft", None, "too_still")]
        return [Score("length", self.judge, "draft", float(len(answered.turn.question)))]

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        return [Score("length", self.judge, "draft", None, failure_code)]


class Killed(BaseException):
    """The process dies: nothing in it may go on."""


class NoSearch:
    """Finds nothing, or fails."""

    def __init__(self, error: FootnoteError | None = None) -> None:
        self._error = error

    async def search(self, query: str, access: Any, *, limit: int) -> SearchResult:
        if self._error is not None:
            raise self._error
        return SearchResult(hits=(), timings_ms={})


def runner(
    catalog: Catalog,
    answers: Scripted,
    *scorers: Length,
    pauses: list[float] | None = None,
    cases_at_once: int = 1,
    release_id: str | None = None,
    on_pause: Callable[[float], Awaitable[None]] | None = None,
    searcher: NoSearch | None = None,
) -> Runner:
    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    async def nobody_waits() -> None:
        await asyncio.sleep(0)

    return Runner(
        catalog=catalog,
        answers=answers,
        searcher=searcher or NoSearch(),
        scorers=scorers,
        release_id=release_id_of({"model": "smollm2"}) if release_id is None else release_id,
        cases_at_once=cases_at_once,
        give_way=nobody_waits,
        pause=on_pause or pause,
    )


async def values(catalog: Catalog, run_id: str) -> dict[tuple[str, str], float | str | None]:
    keys = {
        case.id: case.key for case in await catalog.evaluation_sets.cases((await catalog.evaluation_runs.by_id(run_id)).set_id, caller=ANN)
    }
    rows = [row async for row in catalog.evaluation_runs.each_score(run_id, caller=ANN)]
    return {(keys[row.case_id], row.judge): row.failure_code if row.value is None else row.value for row in rows}


@pytest.mark.parametrize("cases_at_once", [1, 3])
async def test_every_case_is_answered_and_scored(catalog: Catalog, cases_at_once: int):
    run_id, answers = await begun(catalog), Scripted(catalog)
    await runner(catalog, answers, Length(), Length("other"), cases_at_once=cases_at_once).run(run_id)
    one = {"ebb": 12.0, "flood": 14.0, "slack": "too_still"}
    assert await values(catalog, run_id) == {(key, judge): value for judge in ("length", "other") for key, value in one.items()}
    assert answers.asked == {"When is ebb?": 1, "When is flood?": 1, "When is slack?": 1}
    counts = await catalog.evaluation_runs.counts(run_id, caller=ANN)
    assert (counts.answered, counts.scores, counts.failures) == (3, 4, 2)


async def test_a_run_that_is_cut_off_anywhere_asks_and_judges_nothing_again(catalog: Catalog):
    run_id, answers = await begun(catalog), Scripted(catalog)
    n_calls = 0

    def cut_off(answered: Answered) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls in (2, 4):
            raise Killed

    first, second = Length("first"), Length("second", cut_off)
    for _ in range(2):
        with pytest.raises(BaseExceptionGroup):
            await runner(catalog, answers, first, second).run(run_id)
    await runner(catalog, answers, first, second).run(run_id)
    assert max(answers.asked.values()) == 1
    assert first.scored == {"ebb": 1, "flood": 1, "slack": 1}
    assert sum(second.scored.values()) == 5, "the two that were cut off were judged again, and no other"
    assert len(await values(catalog, run_id)) == 6


async def test_a_run_that_another_process_has_taken_over_stops_and_nothing_more_is_noted(catalog: Catalog):
    run_id, length = await begun(catalog), Length()
    lease = HeldLease(name=lease_of_run(run_id), holder="the slow one")
    await catalog.leases.take(lease.name, holder=lease.holder, ttl_s=0)

    class TakenOver(Scripted):
        async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
            async for event in super().answer(question):
                if "flood" in question.text:
                    assert await catalog.leases.take(lease.name, holder="another", ttl_s=60)
                yield event

    with pytest.raises(LeaseLost):
        await runner(catalog, TakenOver(catalog), length).run(run_id, lease=lease)
    assert await values(catalog, run_id) == {("ebb", "length"): 12.0}
    assert [answer.ordinal for answer in await catalog.evaluation_runs.answers(run_id, caller=ANN)] == [0]
    assert length.scored == {"ebb": 1}

    class Slow(Length):
        async def score(self, answered: Answered) -> Sequence[Score]:
            assert await catalog.leases.take(lease.name, holder="another", ttl_s=60)
            return await super().score(answered)

    await catalog.leases.break_off(lease.name)
    await catalog.leases.take(lease.name, holder=lease.holder, ttl_s=0)
    with pytest.raises(LeaseLost):
        await runner(catalog, Scripted(catalog), Slow("slow")).run(run_id, lease=lease)
    assert await values(catalog, run_id) == {("ebb", "length"): 12.0}


async def test_a_case_that_cannot_be_answered_is_noted_and_the_others_go_on(catalog: Catalog):
    run_id, pauses = await begun(catalog), list[float]()
    answers = Scripted(catalog, lambda question: ModelUnavailable("gone") if "flood" in question else None)
    await runner(catalog, answers, Length(), pauses=pauses).run(run_id)
    assert answers.asked["When is flood?"] == TRIES
    assert pauses == [1.0, 2.0]
    noted = await catalog.evaluation_runs.answers(run_id, caller=ANN)
    assert [answer.error_code for answer in noted] == [None, "ModelUnavailable", None]
    scores = await values(catalog, run_id)
    assert scores == {("ebb", "length"): 12.0, ("flood", "length"): "answer_failed", ("slack", "length"): "too_still"}


async def test_a_case_that_failed_before_the_run_was_cut_off_is_scored_when_it_is_answered(catalog: Catalog):
    run_id, away = await begun(catalog), True
    answers = Scripted(catalog, lambda question: ModelUnavailable("gone") if away and "ebb" in question else None)

    def cut_off(answered: Answered) -> None:
        if away and answered.case.id == "slack":
            raise Killed

    with pytest.raises(BaseExceptionGroup):
        await runner(catalog, answers, Length(on_score=cut_off)).run(run_id)
    assert (await values(catalog, run_id))["ebb", "length"] == "answer_failed"
    away = False
    await runner(catalog, answers, Length(on_score=cut_off)).run(run_id)
    assert await values(catalog, run_id) == {("ebb", "length"): 12.0, ("flood", "length"): 14.0, ("slack", "length"): "too_still"}


async def test_a_scorer_that_breaks_on_an_answer_loses_that_score_alone(catalog: Catalog):
    run_id = await begun(catalog)

    def breaks(answered: Answered) -> None:
        if answered.case.id == "ebb":
            raise ValueError("nothing to split")

    await runner(catalog, Scripted(catalog), Length("first", on_score=breaks), Length("second")).run(run_id)
    scores = await values(catalog, run_id)
    assert (scores["ebb", "first"], scores["ebb", "second"], scores["flood", "first"]) == ("scorer_failed", 12.0, 14.0)


@pytest.mark.parametrize(("error", "failed"), [(None, False), (IndexUnavailable("The index is away."), True)])
async def test_a_search_that_fails_is_told_to_the_scorers(catalog: Catalog, error: FootnoteError | None, failed: bool):
    seen: list[Answered] = []
    await runner(catalog, Scripted(catalog), Length(on_score=seen.append), searcher=NoSearch(error)).run(await begun(catalog, case("ebb")))
    (answered,) = seen
    assert (answered.hits, answered.search_failed) == (None if failed else (), failed)


async def test_people_come_first_for_as_long_as_it_takes(catalog: Catalog):
    run_id, pauses = await begun(catalog, case("ebb")), list[float]()
    busy = iter([True] * 20)
    answers = Scripted(catalog, lambda question: Overloaded("busy", retry_after_s=3.0) if next(busy, False) else None)
    await runner(catalog, answers, Length(), pauses=pauses).run(run_id)
    assert pauses == [3.0] * 20
    assert len(await values(catalog, run_id)) == 1


async def test_a_model_that_stays_away_ends_the_run(catalog: Catalog):
    cases = [case(f"tide {n}") for n in range(2 * FAILURES_IN_A_ROW)]
    run_id = await begun(catalog, *cases)
    answers = Scripted(catalog, lambda question: ModelUnavailable("gone"))
    with pytest.raises(RunFailed, match="gone"):
        await runner(catalog, answers, Length()).run(run_id)
    assert len(answers.asked) == FAILURES_IN_A_ROW


async def test_a_run_that_is_cancelled_stops(catalog: Catalog):
    run_id, answers = await begun(catalog), Scripted(catalog)

    class Cancelling(Length):
        async def score(self, answered: Answered) -> Sequence[Score]:
            await catalog.evaluation_runs.cancel(run_id, caller=ANN)
            return await super().score(answered)

    with pytest.raises(Conflict):
        await runner(catalog, answers, Cancelling()).run(run_id)
    assert (await catalog.evaluation_runs.by_id(run_id)).state == RunState.CANCELLED
    assert sum(answers.asked.values()) == 1
    assert await values(catalog, run_id) == {}


async def test_a_live_case_is_scored_as_it_was_answered(catalog: Catalog):
    turn_id = await asked(catalog, question="Is it high tide now?")
    live = CaseDraft(key="live", labels={"id": "live", "question": "Is it high tide now?", "turn_id": turn_id}, turn_id=turn_id)
    run_id, answers = await begun(catalog, live), Scripted(catalog)
    await runner(catalog, answers, Length()).run(run_id)
    assert not answers.asked
    assert await values(catalog, run_id) == {("live", "length"): 20.0}


async def test_a_live_case_whose_answer_is_gone_is_noted_and_the_others_go_on(catalog: Catalog):
    asking = await begun(catalog, case("ebb"))
    turn_id = await asked(catalog, question="Is it high tide now?", run_id=asking)
    live = CaseDraft(key="live", labels={"id": "live", "question": "Is it high tide now?", "turn_id": turn_id}, turn_id=turn_id)
    run_id = await begun(catalog, live, case("ebb"))
    await catalog.evaluation_runs.cancel(asking, caller=ANN)
    await catalog.evaluation_runs.delete(asking, caller=ANN)
    await runner(catalog, Scripted(catalog), Length()).run(run_id)
    noted = await catalog.evaluation_runs.answers(run_id, caller=ANN)
    assert [answer.error_code for answer in noted] == [ANSWER_GONE, None]
    assert await values(catalog, run_id) == {("live", "length"): "answer_failed", ("ebb", "length"): 12.0}


async def with_a_file(catalog: Catalog) -> tuple[str, FileRecord]:
    """Begin a run whose second case is about a file."""
    file = await upload(catalog, filename="flood.txt")
    await attach(catalog, await collection(catalog), file)
    about = CaseDraft(key="flood", labels={"id": "flood", "question": "When is flood?"}, documents=("flood.txt",))
    return await begun(catalog, case("ebb"), about, case("slack")), file


async def test_a_case_that_is_erased_before_its_turn_comes_is_not_asked(catalog: Catalog):
    run_id, file = await with_a_file(catalog)
    answers = Scripted(catalog)

    class Erasing(Length):
        async def score(self, answered: Answered) -> Sequence[Score]:
            if answered.case.id == "ebb":
                await erase(catalog, file)
            return await super().score(answered)

    await runner(catalog, answers, Erasing()).run(run_id)
    assert sorted(answers.asked) == ["When is ebb?", "When is slack?"]
    assert sorted(await values(catalog, run_id)) == [("ebb", "length"), ("slack", "length")]


async def test_a_case_that_is_erased_while_it_waits_for_people_is_not_asked(catalog: Catalog):
    run_id, file = await with_a_file(catalog)
    answers = Scripted(catalog, lambda question: Overloaded("busy", retry_after_s=3.0) if "flood" in question else None)

    async def erase_meanwhile(seconds: float) -> None:
        await erase(catalog, file)

    await runner(catalog, answers, Length(), on_pause=erase_meanwhile).run(run_id)
    assert answers.asked["When is flood?"] == 1
    assert len(await catalog.evaluation_runs.answers(run_id, caller=ANN)) == 2


async def test_a_case_that_is_erased_after_one_judge_is_not_shown_to_the_next(catalog: Catalog):
    run_id, file = await with_a_file(catalog)

    class Erasing(Length):
        async def score(self, answered: Answered) -> Sequence[Score]:
            if answered.case.id == "flood":
                await erase(catalog, file)
            return await super().score(answered)

    first, second = Erasing("first"), Length("second")
    await runner(catalog, Scripted(catalog), first, second).run(run_id)
    assert first.scored == {"ebb": 1, "flood": 1, "slack": 1}
    assert second.scored == {"ebb": 1, "slack": 1}


async def test_part_and_limit_choose_cases_without_tombstones(catalog: Catalog):
    gone = CaseDraft(key="gone", tombstone=True)
    cases = [gone, case("a", part="tune"), case("b", part="test"), case("c", part="test"), case("d", part="test")]
    run_id, answers = await begun(catalog, *cases, part="test", limit=2), Scripted(catalog)
    await runner(catalog, answers, Length()).run(run_id)
    assert sorted(answers.asked) == ["When is b?", "When is c?"]


@pytest.mark.parametrize("part", [None, "test"])
async def test_a_run_of_some_cases_asks_no_other_in_the_place_of_one_that_was_erased_meanwhile(catalog: Catalog, part: str | None):
    file = await upload(catalog, filename="flood.txt")
    await attach(catalog, await collection(catalog), file)
    flood = replace(case("flood", part="test"), documents=("flood.txt",))
    cases = [case("spring", part="tune"), case("ebb", part="test"), flood, case("slack", part="test"), case("neap", part="test")]
    made, release = await imported(catalog, *cases), await catalog.releases.ensure_champion({"model": "smollm2"})
    desk = FrontDesk(catalog=catalog, release_id=release.id, wake=lambda: None)
    wanted = WantedRun(set_id=made.set.id, part=part, limit=3 if part is None else 2)
    begun = await desk.begin(wanted, caller=ANN, resume=True)
    await erase(catalog, file)
    again, answers = await desk.begin(wanted, caller=ANN, resume=True), Scripted(catalog)
    assert (again.run.id, again.is_resumed) == (begun.run.id, True)
    await runner(catalog, answers, Length()).run(begun.run.id)
    assert set(answers.asked) == ({"When is spring?", "When is ebb?"} if part is None else {"When is ebb?"})


async def test_half_a_run_is_not_answered_by_another_release(catalog: Catalog):
    run_id, answers = await begun(catalog), Scripted(catalog)
    with pytest.raises(RunFailed) as caught:
        await runner(catalog, answers, Length(), release_id="rel_other").run(run_id)
    assert caught.value.cause.code == RELEASE_CHANGED
    assert not answers.asked


async def test_a_live_case_is_scored_whatever_answers_now_and_whoever_asked_it(catalog: Catalog):
    turn_id = await asked(catalog, by=caller("bob"), question="Is it high tide now?")
    live = CaseDraft(key="live", labels={"id": "live", "question": "Is it high tide now?", "turn_id": turn_id}, turn_id=turn_id)
    operator = replace(ANN, is_operator=True)
    made = await catalog.evaluation_sets.import_cases([live], name="asked", kind=SetKind.LIVE, caller=operator)
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    asks = RunConfiguration(principals=tuple(ANN.principals))
    run = await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=operator, configuration=asks.as_json())
    await runner(catalog, Scripted(catalog), Length(), release_id="rel_other").run(run.id)
    assert await values(catalog, run.id) == {("live", "length"): 20.0}
