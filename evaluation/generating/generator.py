"""Generates evaluation sets from the documents that a caller may read: ``serving.generated_sets.GeneratesSets``.

By rule in two passes: the first takes candidates from some documents, the second looks in all of them for what makes one ambiguous, or
answers what should have no answer. Rules run beside the event loop, a document or a slice of one at a time, and give way to answers.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from evaluation.generating.by_model import Passage, QuestionWriter, Written, candidate_of, passages_of
from evaluation.generating.candidate import Candidate, LeftOut
from evaluation.generating.choosing import POOL_PER_CASE, Checks, Drafted, choose, drafted, most_per_document, slices
from evaluation.generating.proposing import propose
from evaluation.generating.reading import GiveWay, Shelf, shelf_of, sources
from evaluation.generating.source import Source
from evaluation.sets import draft_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import ImportedSet, SetKind
from footnote.core.catalog.evaluation_sets import require_name
from footnote.core.errors import InvalidInput, ModelUnavailable
from footnote.core.offload import offload
from serving.generated_sets import GeneratedSet, GenerationProgress, OnGeneration, Step, WantedSet, unreported

RULE = "rule"
QUESTIONS_AT_ONCE = 8
FAILURES_UNTIL_GIVEN_UP = 24
DRAWS_PER_SEED = 1_000_003

OpenWriter = Callable[[], AbstractAsyncContextManager[QuestionWriter]]


class SetGenerator:
    """Generates sets, one after the other: more than one at a time would only take longer.

    Args:
        catalog: the documents, and where the set goes.
        open_writer: opens the language model that writes questions; None where none is configured.
        give_way: returns when nobody waits for an answer.
    """

    def __init__(self, catalog: Catalog, *, open_writer: OpenWriter | None, give_way: GiveWay) -> None:
        self._catalog = catalog
        self._open_writer = open_writer
        self._give_way = give_way
        self._one_at_a_time = asyncio.Lock()

    async def generate(self, wanted: WantedSet, *, on_progress: OnGeneration = unreported) -> GeneratedSet:
        """Generate a set; see ``GeneratesSets.generate``."""
        require_name(wanted.name)
        if wanted.collection_id is not None:
            await self._catalog.collections.get(wanted.collection_id, caller=wanted.caller)
        if wanted.way == "model" and self._open_writer is None:
            raise InvalidInput(
                "No language model is configured that could write questions.",
                hint="Set evaluation.judge (kind, base_url, model), or generate by rule.",
                param="by",
            )
        async with self._one_at_a_time:
            shelf = shelf_of(
                await self._catalog.live_documents.list(caller=wanted.caller), collection_id=wanted.collection_id, seed=wanted.seed
            )
            limit = wanted.per_document or most_per_document(wanted.n_cases, len(shelf.asked_of))
            return await _Generation(self._catalog, shelf, wanted, limit=limit, give_way=self._give_way, on_progress=on_progress).run(
                self._open_writer
            )


class _Generation:
    """One generation: what is common to its steps."""

    def __init__(
        self, catalog: Catalog, shelf: Shelf, wanted: WantedSet, *, limit: int, give_way: GiveWay, on_progress: OnGeneration
    ) -> None:
        self._catalog = catalog
        self._shelf = shelf
        self._wanted = wanted
        self._limit = limit
        self._give_way = give_way
        self._on_progress = on_progress
        self._left_out: Counter[LeftOut | str] = Counter()
        self._n_documents = 0

    async def run(self, open_writer: OpenWriter | None) -> GeneratedSet:
        if self._shelf.n_same_name:
            self._left_out[LeftOut.SAME_NAME] = self._shelf.n_same_name
        made_by = RULE
        if self._wanted.way == "model" and open_writer is not None:
            async with open_writer() as writer:
                made_by = f"model:{writer.name}"
                drafts = await self._asked(writer)
        else:
            drafts = await self._proposed()
        passed = await self._checked(drafts)
        chosen = choose(passed, n_cases=self._wanted.n_cases, limit=self._limit, seed=self._wanted.seed)
        return await self._kept(chosen, made_by=made_by)

    async def _proposed(self) -> list[Drafted]:
        """Return drafts of so many documents, in the order of the seed, that cases can be spread and chosen among."""
        enough = self._wanted.n_cases * POOL_PER_CASE
        documents = self._shelf.asked_of
        pool: list[Drafted] = []
        async for document, source in sources(
            self._catalog, documents, shelf=self._shelf, caller=self._wanted.caller, give_way=self._give_way
        ):
            self._n_documents += 1
            if source is not None:
                proposal = await offload(propose, source, seed=self._wanted.seed)
                self._left_out.update(proposal.left_out)
                pool += drafted(
                    source,
                    proposal.candidates,
                    source_id=document.attachment_id,
                    seed=self._wanted.seed,
                    limit=self._limit * POOL_PER_CASE,
                )
            self._report("reading", self._n_documents, len(documents))
            if len(pool) >= enough and self._n_documents >= min(len(documents), self._wanted.n_cases):
                break
        return pool

    async def _asked(self, writer: QuestionWriter) -> list[Drafted]:
        """Return what the model writes for passages, the documents taking turns, until there are enough cases or no more passages."""
        waiting = await self._passages()
        drafts: list[Drafted] = []
        n_asked = n_written = 0
        while waiting and len(drafts) < self._wanted.n_cases:
            await self._give_way()
            now, waiting = waiting[:QUESTIONS_AT_ONCE], waiting[QUESTIONS_AT_ONCE:]
            draws = range(n_asked, n_asked + len(now))
            asked = [
                writer.write(each.passage, label=each.label, draw=self._wanted.seed * DRAWS_PER_SEED + draw)
                for each, draw in zip(now, draws, strict=True)
            ]
            n_asked += len(now)
            for each, outcome in zip(now, await asyncio.gather(*asked), strict=True):
                n_written += isinstance(outcome, Written)
                candidate = outcome if isinstance(outcome, str) else candidate_of(outcome, each.passage)
                if isinstance(candidate, Candidate):
                    drafts.append(each.drafted(candidate))
                else:
                    self._left_out[candidate] += 1
            if n_asked >= FAILURES_UNTIL_GIVEN_UP and not n_written:
                raise ModelUnavailable("The language model writes no questions: each attempt failed.", hint="Look at evaluation.judge.")
            self._report("asking", min(len(drafts), self._wanted.n_cases), self._wanted.n_cases)
        return _of_different_questions(drafts, self._left_out)

    async def _passages(self) -> list["_Waiting"]:
        """Return passages, the documents taking turns; of each as many as may give a case, and as many again for those that fail."""
        documents = self._shelf.asked_of[: self._wanted.n_cases]
        of_each: list[list[_Waiting]] = []
        async for document, source in sources(
            self._catalog, documents, shelf=self._shelf, caller=self._wanted.caller, give_way=self._give_way
        ):
            self._n_documents += 1
            if source is not None:
                drawn = await offload(_drawn, source, n=2 * self._limit, seed=self._wanted.seed)
                of_each.append([_Waiting(document.attachment_id, source.name, source.label, passage) for passage in drawn])
            self._report("reading", self._n_documents, len(documents))
        longest = max(map(len, of_each), default=0)
        return [each[place] for place in range(longest) for each in of_each if place < len(each)]

    async def _checked(self, drafts: Sequence[Drafted]) -> list[Drafted]:
        """Return the drafts that no document speaks against."""
        checks = Checks(drafts)
        searched = self._shelf.searched if drafts else ()
        n_done = 0
        async for document, source in sources(
            self._catalog, searched, shelf=self._shelf, caller=self._wanted.caller, give_way=self._give_way
        ):
            n_done += 1
            for piece in () if source is None else slices(source.document.text):
                await self._give_way()
                await offload(checks.look_at, piece, source_id=document.attachment_id)
            self._report("checking", n_done, len(searched))
        self._left_out.update(checks.left_out)
        return checks.passed()

    async def _kept(self, chosen: Sequence[Drafted], *, made_by: str) -> GeneratedSet:
        imported: ImportedSet | None = None
        if chosen:
            drafts = [draft_of(each.case(made_by=made_by), attachment_ids=(each.source_id,)) for each in chosen]
            imported = await self._catalog.evaluation_sets.import_cases(
                drafts, name=self._wanted.name, kind=SetKind.GENERATED, caller=self._wanted.caller
            )
        return GeneratedSet(
            imported=imported,
            n_documents=self._n_documents,
            by_kind=dict(sorted(Counter(str(each.candidate.kind) for each in chosen).items())),
            by_document=dict(sorted(Counter(each.name for each in chosen).items())),
            left_out={str(reason): n for reason, n in sorted(self._left_out.items()) if n},
        )

    def _report(self, step: Step, n_done: int, n_total: int) -> None:
        self._on_progress(GenerationProgress(step=step, n_done=n_done, n_total=n_total))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A passage that a question is to be written for."""

    attachment_id: str
    name: str
    label: str
    passage: Passage

    def drafted(self, candidate: Candidate) -> Drafted:
        quote = self.passage.text[candidate.start - self.passage.start : candidate.end - self.passage.start]
        return Drafted(candidate, source_id=self.attachment_id, name=self.name, quote=quote)


def _drawn(source: Source, *, n: int, seed: int) -> list[Passage]:
    """Return some of a document's passages, drawn by the seed."""
    found = list(passages_of(source))
    random.Random(f"{seed}:{source.name}").shuffle(found)  # noqa: S311 - draws passages, no secret
    return found[:n]


def _of_different_questions(drafts: Sequence[Drafted], left_out: Counter[LeftOut | str]) -> list[Drafted]:
    times = Counter(draft.candidate.subject for draft in drafts)
    left_out[LeftOut.AMBIGUOUS] += sum(1 for draft in drafts if times[draft.candidate.subject] > 1)
    return [draft for draft in drafts if times[draft.candidate.subject] == 1]
