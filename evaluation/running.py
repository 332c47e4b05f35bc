"""Doing a run: what serves answers every case, and every judge scores every answer. What was cut off goes on where it stopped.

Each answer and each judge's scores are noted by one write: a run that is begun again asks no question twice and pays no judge twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import structlog

from evaluation.answered import ANSWER_FAILED, Answered
from evaluation.labels import CitedSpan
from evaluation.scores import Score, Scorer
from evaluation.sets import case_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseRecord, CaseScoreDraft, RunAnswerRecord, RunRecord
from footnote.core.catalog.evaluation_runs import ANSWER_REPLACED
from footnote.core.catalog.leases import HeldLease
from footnote.core.errors import Conflict, DependencyError, FootnoteError, NotFound, Overloaded
from footnote.core.types import Access, Caller, Turn
from retrieval.search import SearchResult
from serving.answer import AnswerFinished, Question
from serving.services import Answers

SEARCH_DEPTH = 10
"""Hits that retrieval metrics look at."""

TRIES = 3
FIRST_PAUSE_S = 1.0
"""A part that does not answer is asked again after 1, 2, 4 … seconds; then its code stands in the place of an answer."""

FAILURES_IN_A_ROW = 5
"""So many cases that fail one after the other are not the cases' fault: the run ends, to be begun again when the part is back."""

RELEASE_CHANGED = "release_changed"
"""Another release answers here than the one that a run was begun for: half its answers would be another's."""

ANSWER_GONE = "answer_gone"
"""The turn that answered a case is not there any more."""

SCORER_FAILED = "scorer_failed"
"""The failure code of what a scorer that broke, for a fault of its own, leaves without a score."""

log = structlog.get_logger(__name__)


class Search(Protocol):
    """Finds chunks: ``retrieval.search.Searcher`` is the one there is."""

    async def search(self, query: str, access: Access, *, limit: int) -> SearchResult: ...


@dataclass(frozen=True, slots=True)
class RunConfiguration:
    """What a run does, beside its set and release. It is kept with the run, and holds no text of documents.

    Args:
        principals: as whom its questions are asked; never more than whoever began it may read.
        collection_ids: where answers are looked for; None for all that these principals may read.
        part: the part of the set that is asked; None for the whole set.
        limit: cases at most, the first ones; None for all.
        scheduled_for: the moment of the schedule that it was begun for, as ISO 8601; None where somebody asked for it.
        n_cases: how many cases were chosen when it was begun; what was erased since is not asked.
        up_to: the place in the set of the last case that was chosen when it was begun with a limit: no later one is asked in the place of
            what was erased since.
    """

    principals: tuple[str, ...]
    collection_ids: tuple[str, ...] | None = None
    part: str | None = None
    limit: int | None = None
    scheduled_for: str | None = None
    n_cases: int | None = None
    up_to: int | None = None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` has written."""
        collection_ids = fields.get("collection_ids")
        return cls(
            principals=tuple(fields["principals"]),
            collection_ids=None if collection_ids is None else tuple(collection_ids),
            part=fields.get("part"),
            limit=fields.get("limit"),
            scheduled_for=fields.get("scheduled_for"),
            n_cases=fields.get("n_cases"),
            up_to=fields.get("up_to"),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as the catalog keeps it."""
        return {
            "principals": sorted(self.principals),
            "collection_ids": None if self.collection_ids is None else sorted(self.collection_ids),
            "part": self.part,
            "limit": self.limit,
            "scheduled_for": self.scheduled_for,
            "n_cases": self.n_cases,
            "up_to": self.up_to,
        }

    def chosen(self, cases: Sequence[CaseRecord]) -> list[CaseRecord]:
        """Return the cases that the run is about, in their order. Tombstones are not asked, and do not count towards the limit.

        Args:
            cases: all cases of the set, in their order.
        """
        wanted = [case for case in cases if not case.tombstone and (self.part is None or case.labels.get("part") == self.part)]
        return wanted[: self.limit] if self.up_to is None else [case for case in wanted if case.ordinal <= self.up_to]

    def begun_with(self, chosen: Sequence[CaseRecord]) -> Self:
        """Return what is kept of it with a run that begins with these cases."""
        return replace(self, n_cases=len(chosen), up_to=None if self.limit is None else chosen[-1].ordinal)

    def asks_as(self, other: Self) -> bool:
        """Whether a run that was begun with this asks for the same as another, whatever the set held when either was begun."""
        return replace(self, n_cases=None, up_to=None) == replace(other, n_cases=None, up_to=None)


def caller_of(run: RunRecord) -> Caller:
    """Return who asks a run's questions."""
    return Caller(owner=run.owner, principals=frozenset(RunConfiguration.from_json(run.configuration).principals))


async def turn_of(catalog: Catalog, case: CaseRecord, turn_id: str, *, caller: Caller) -> Turn:
    """Return the turn that answered a case of a set that the caller may read.

    That of a live case may be somebody else's: whoever sampled it was allowed to, and it is scored here, not shown.

    Raises:
        NotFound: it is gone.
    """
    if case.turn_id == turn_id:
        return await catalog.live_turns.get(turn_id, caller=replace(caller, is_operator=True))
    return await catalog.turns.get(turn_id, caller=caller)


class RunFailed(Exception):
    """Case after case failed for the same reason.

    Args:
        cause: the last case's error.
    """

    def __init__(self, cause: FootnoteError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Runner:
    """Does runs.

    Args:
        catalog: where sets, runs and scores are.
        answers: what answers, the very code that serves.
        searcher: finds what retrieval metrics look at.
        scorers: one for each judge.
        release_id: the release that ``answers`` answers by.
        cases_at_once: cases that are answered and scored beside each other.
        give_way: returns when no person waits for an answer.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        answers: Answers,
        searcher: Search,
        scorers: Sequence[Scorer],
        release_id: str,
        cases_at_once: int,
        give_way: Callable[[], Awaitable[None]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._catalog = catalog
        self._answers = answers
        self._searcher = searcher
        self._scorers = tuple(scorers)
        self._release_id = release_id
        self._cases_at_once = cases_at_once
        self._give_way = give_way
        self._pause = pause

    async def run(self, run_id: str, *, lease: HeldLease | None = None) -> None:
        """Answer and score whatever is not answered and scored yet.

        Args:
            run_id: of which run.
            lease: the run's, without which nothing is noted; None where no other process can be at the run.

        Raises:
            NotFound: the run is gone.
            Conflict: it is finished, or was cancelled.
            LeaseLost: another process is at it.
            RunFailed: a part that it needs stays away, or there are questions to be asked and another release answers here.
            CatalogUnavailable: the catalog cannot be used; begun again the run goes on.
        """
        runs = self._catalog.evaluation_runs
        run = await runs.start(run_id, lease=lease)
        caller = caller_of(run)
        cases = RunConfiguration.from_json(run.configuration).chosen(await self._catalog.evaluation_sets.cases(run.set_id, caller=caller))
        done = {answer.case_id: answer for answer in await runs.answers(run_id, caller=caller)}
        work = _Work(run, caller, lease=lease, failures_in_a_row=FAILURES_IN_A_ROW)
        places = asyncio.Semaphore(self._cases_at_once)

        async def do(case: CaseRecord) -> None:
            async with places:
                await self._do(work, case, done.get(case.id))

        try:
            async with asyncio.TaskGroup() as group:
                for case in cases:
                    group.create_task(do(case), name=f"case {case.key}")
        except* (RunFailed, FootnoteError) as errors:
            raise _first_of(errors) from None  # tasks of one group raise no groups of their own

    async def _do(self, work: "_Work", case: CaseRecord, noted: RunAnswerRecord | None) -> None:
        if await self._is_erased(case):  # since the run was begun: the case is in hand with its labels
            return
        turn_id = None if noted is None else noted.turn_id
        judges = frozenset[str]() if noted is None or turn_id is None else noted.judges
        if turn_id is None:  # also where it failed before the run was cut off
            turn_id = await self._answered(work, case)
        if turn_id is None:
            await self._note_missing(work, case)
            return
        left = [scorer for scorer in self._scorers if scorer.judge not in judges]
        if not left:
            return
        try:
            answered = await self._read(work, case, turn_id)
        except NotFound as error:  # it went with the run that had asked it, or was somebody's who is gone
            log.warning("an answer is gone", case_id=case.id, error=str(error))
            await self._catalog.evaluation_runs.note_answer(work.run.id, case.id, error_code=ANSWER_GONE, lease=work.lease)
            await self._note_missing(work, case)
            return
        for scorer in left:
            await self._give_way()
            if await self._is_erased(case):
                return
            await self._note(work, case, scorer, await _scored(scorer, answered), turn_id=turn_id)

    async def _note_missing(self, work: "_Work", case: CaseRecord) -> None:
        """Note that a case has no answer, in the place of each score that it would have whatever its answer."""
        for scorer in self._scorers:
            await self._note(work, case, scorer, scorer.missing(case_of(case), ANSWER_FAILED), turn_id=None)

    async def _note(self, work: "_Work", case: CaseRecord, scorer: Scorer, scores: Sequence[Score], *, turn_id: str | None) -> None:
        """Keep scores of the answer that was judged; those of a case or an answer that went meanwhile are dropped."""
        drafts = [_draft(score) for score in scores]
        try:
            await self._catalog.evaluation_runs.note_scores(
                work.run.id, case.id, judge=scorer.judge, scores=drafts, turn_id=turn_id, lease=work.lease
            )
        except NotFound:
            if not await self._is_erased(case):
                raise
        except Conflict as error:
            if error.code != ANSWER_REPLACED:
                raise
            log.warning("scores of an answer that was replaced are dropped", case_id=case.id)

    async def _is_erased(self, case: CaseRecord) -> bool:
        return await self._catalog.evaluation_sets.is_erased(case.id)

    # ----------------------------------------------------------------------------------------------------------------- answering

    async def _answered(self, work: "_Work", case: CaseRecord) -> str | None:
        """Return the turn that answers a case, noted in the run; None where none does, which is noted too."""
        try:
            turn_id = case.turn_id or await self._asked(work, case)
        except FootnoteError as error:
            work.failed(error)
            await self._catalog.evaluation_runs.note_answer(work.run.id, case.id, error_code=code_of(error), lease=work.lease)
            return None
        if turn_id is None:
            return None
        work.went_well()
        await self._catalog.evaluation_runs.note_answer(work.run.id, case.id, turn_id=turn_id, lease=work.lease)
        return turn_id

    async def _asked(self, work: "_Work", record: CaseRecord) -> str | None:
        """Return the turn that answers a case; None where the case was erased before it could be asked."""
        if work.run.release_id != self._release_id:
            reason = f"The run is of {work.run.release_id}, and {self._release_id} answers now."
            raise RunFailed(Conflict(reason, hint="Begin another one.", code=RELEASE_CHANGED))
        case, configuration = case_of(record), RunConfiguration.from_json(work.run.configuration)
        question = Question(
            caller=work.caller,
            text=case.question,
            history=case.history,
            collection_ids=configuration.collection_ids,
            run_id=work.run.id,
        )
        n_tries = 0
        while True:
            await self._give_way()
            if await self._is_erased(record):
                return None
            try:
                return (await _finished(self._answers, question)).id
            except Overloaded as error:  # people come first
                await self._pause(error.retry_after_s)
            except DependencyError:
                n_tries += 1
                if n_tries == TRIES:
                    raise
                await self._pause(FIRST_PAUSE_S * 2 ** (n_tries - 1))

    # ------------------------------------------------------------------------------------------------------------------- scoring

    async def _read(self, work: "_Work", case: CaseRecord, turn_id: str) -> Answered:
        turn = await turn_of(self._catalog, case, turn_id, caller=work.caller)
        passages = await self._catalog.passages.of(turn.passages, caller=None)  # judged by what the model was given
        answered = Answered(case=case_of(case), turn=turn, passages=passages)
        if not turn.query.strip():
            return answered
        hits = await self._hits(turn, work.caller)
        return replace(answered, hits=hits, search_failed=hits is None)

    async def _hits(self, turn: Turn, caller: Caller) -> tuple[CitedSpan, ...] | None:
        """Return what the search finds for a turn's query; None where it cannot search."""
        access = Access(collection_ids=frozenset(turn.collection_ids), principals=caller.principals)
        try:
            found = await self._searcher.search(turn.query, access, limit=SEARCH_DEPTH)
        except (DependencyError, NotFound) as error:
            log.warning("retrieval cannot be scored", turn_id=turn.id, error=str(error))
            return None
        return tuple(CitedSpan(document=hit.chunk.filename, text=hit.chunk.text) for hit in found.hits)


class _Work:
    """A run in hand, and how many cases have failed one after the other."""

    def __init__(self, run: RunRecord, caller: Caller, *, lease: HeldLease | None, failures_in_a_row: int) -> None:
        self.run = run
        self.caller = caller
        self.lease = lease
        self._most = failures_in_a_row
        self._n_failed = 0

    def went_well(self) -> None:
        self._n_failed = 0

    def failed(self, error: FootnoteError) -> None:
        """Count a case that failed.

        Raises:
            RunFailed: it is one too many; the case is then left to be asked when the run is begun again.
        """
        self._n_failed += 1
        if self._n_failed >= self._most:
            raise RunFailed(error)


async def _scored(scorer: Scorer, answered: Answered) -> Sequence[Score]:
    """Return the scores of an answer. A scorer that breaks on it loses this answer's scores, and not the run all that come after."""
    try:
        return await scorer.score(answered)
    except Exception:  # whatever it is, it is noted in the place of each score, and told with its trace
        log.exception("an answer cannot be scored", judge=scorer.judge, turn_id=answered.turn.id)
        return scorer.missing(answered.case, SCORER_FAILED)


async def _finished(answers: Answers, question: Question) -> Turn:
    async with aclosing(answers.answer(question)) as events:
        async for event in events:
            if isinstance(event, AnswerFinished):
                return event.turn
    raise AssertionError("an answer ends with its turn, or raises")


def code_of(error: FootnoteError) -> str:
    """Return a stable word for an error: its own code, or its class."""
    return error.code or type(error).__name__


def _draft(score: Score) -> CaseScoreDraft:
    return CaseScoreDraft(
        metric=score.metric, target=score.target, value=score.value, failure_code=score.failure_code, details=score.details
    )


def _first_of(errors: BaseExceptionGroup[Exception]) -> Exception:
    """Return one of several errors: what says most about why a run ended."""
    found = [error for error in errors.exceptions if not isinstance(error, BaseExceptionGroup)]
    return next((error for error in found if isinstance(error, RunFailed)), found[0])
