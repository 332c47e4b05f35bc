"""From a question to numbered passages, or to the decision that there is nothing to answer from."""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import RetrievalSettings
from footnote.core.telemetry.telemetry import Telemetry
from footnote.core.types import Access, Filter, Hit, Passage
from retrieval.abstention import evidence, should_abstain
from retrieval.coverage import Coverage
from retrieval.near_duplicates import drop_near_duplicates
from retrieval.neighbours import gaps_to_read
from retrieval.packing import TokenSpans, pack
from retrieval.search import Searcher

N_NEAREST = 3
"""Passages that are shown in place of an answer."""

SPARE_SHARE = 0.5
"""So many more hits than wanted are searched for: near-duplicates fall away, and copies of a document are what collections are full of."""

Rerank = Callable[[str, tuple[Hit, ...]], Awaitable[tuple[Hit, ...]]]
"""Puts hits into another order, and may drop some."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for a question.

    Args:
        passages: numbered from 1, the best first; none where ``abstain``.
        hits: what passages were chosen from, best first, near-duplicates gone.
        abstain: nothing that was found speaks of what was asked.
        nearest: where ``abstain``, the passages that came nearest, numbered from 1; else none.
        timings_ms: by stage: ``embed``, ``search``, ``load``, ``rerank`` where there is one, ``pack``.
    """

    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    abstain: bool
    nearest: tuple[Passage, ...]
    timings_ms: Mapping[str, float]


class PassageFinder:
    """Searches, and makes passages of hits."""

    def __init__(
        self,
        *,
        searcher: Searcher,
        catalog: Catalog,
        token_spans: TokenSpans,
        settings: RetrievalSettings,
        rerank: Rerank | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._searcher = searcher
        self._catalog = catalog
        self._token_spans = token_spans
        self._settings = settings
        self._rerank = rerank
        self._telemetry = telemetry or Telemetry()
        self._coverage = Coverage()

    async def retrieve(
        self,
        query: str,
        access: Access,
        *,
        filter: Filter | None = None,  # noqa: A002 - the word of the API and of the index port
        limit: int | None = None,
        budget_tokens: int | None = None,
    ) -> Retrieved:
        """Return the passages to answer from.

        Args:
            query: the question, standing alone.
            access: who asks, and where they may look.
            filter: conditions on attributes, or None.
            limit: hits that become passages at most; by default the setting.
            budget_tokens: for all passages together; by default the setting.

        Raises:
            InvalidInput, IndexUnavailable, ModelUnavailable, CatalogUnavailable: as in ``Searcher.search``.
        """
        wanted = limit or self._settings.n_hits
        found = await self._searcher.search(query, access, limit=math.ceil((1 + SPARE_SHARE) * wanted), filter=filter)
        timings_ms = dict(found.timings_ms)
        hits = found.hits
        if self._rerank is not None:
            with self._telemetry.stage("rerank") as reranking:
                hits = await self._rerank(query, hits)
            timings_ms["rerank"] = reranking.ms
        with self._telemetry.stage("pack") as packing:
            hits = drop_near_duplicates(hits, overlap=self._settings.near_duplicate_overlap, limit=wanted)
            abstain = should_abstain(self._evidences(query, hits), threshold=self._settings.min_evidence)
            passages = await self._packed(hits, self._settings.budget_tokens if budget_tokens is None else budget_tokens)
        timings_ms["pack"] = packing.ms
        return Retrieved(
            passages=() if abstain else passages,
            hits=hits,
            abstain=abstain,
            nearest=passages[:N_NEAREST] if abstain else (),
            timings_ms=timings_ms,
        )

    def _evidences(self, query: str, hits: Sequence[Hit]) -> Iterator[float]:
        """Yield the evidence of each hit; one after the other, because the first one mostly decides."""
        terms = self._coverage.terms(query)
        for hit in hits:
            coverage = self._coverage.of(f"{hit.chunk.context}\n{hit.chunk.text}", terms)
            yield evidence(similarity=hit.similarity, coverage=coverage)

    async def _packed(self, hits: Sequence[Hit], budget_tokens: int) -> tuple[Passage, ...]:
        gap_texts = await self._catalog.versions.spans(gaps_to_read(hits)) if self._settings.join_neighbours else None
        return pack(hits, budget_tokens=budget_tokens, token_spans=self._token_spans, gap_texts=gap_texts)
