"""Search: a query goes in, chunks that the caller may see come out, best first. It does not decide what becomes of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import View
from footnote.core.errors import InvalidInput
from footnote.core.settings import RetrievalSettings
from footnote.core.telemetry.telemetry import Telemetry
from footnote.core.types import Access, Filter, Hit
from retrieval.embedder.port import Embedder
from retrieval.folding import ChunkHit, fold_windows
from retrieval.index.port import Index, IndexQuery
from retrieval.scores import SearchMode, shown_score


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, ties by chunk id, no chunk twice; and the time of the stages ``embed``, ``search`` and ``load``."""

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]


class Searcher:
    """Finds chunks through the index and reads them from the catalog, which has the last word on what may be shown."""

    def __init__(
        self, *, embedder: Embedder, index: Index, catalog: Catalog, settings: RetrievalSettings, telemetry: Telemetry | None = None
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._telemetry = telemetry or Telemetry()

    async def search(
        self,
        query: str,
        access: Access,
        *,
        limit: int,
        filter: Filter | None = None,  # noqa: A002 - the word of the API and of the index port
        mode: SearchMode = SearchMode.HYBRID,
    ) -> SearchResult:
        """Return at most ``limit`` hits; none where ``access`` names nobody or nothing.

        The versions that must not be seen are noted first: whatever is published while the search runs, an attachment's old and new
        chunks never stand in one result.

        Args:
            query: a question or words, of any length.
            access: who asks, and where they may look.
            limit: hits wanted.
            filter: conditions on attributes, or None.
            mode: ``dense`` orders by cosine alone and ``bm25`` by words alone; the latter knows no similarity and says 0.

        Raises:
            InvalidInput: the query is blank.
            IndexUnavailable, ModelUnavailable, CatalogUnavailable: a part does not answer.
        """
        if not query.strip():
            raise InvalidInput("The query is empty.", param="query")
        if access.sees_nothing or limit < 1:
            return SearchResult(hits=(), timings_ms={})
        # Embedding reads nothing that a publication could change, so the snapshot may be taken beside it.
        (vector, embed_ms), view = await asyncio.gather(self._embed(query, mode), self._catalog.versions.view(access.collection_ids))
        with self._telemetry.stage("search") as searching:
            found = await self._index.search(
                IndexQuery(
                    dense=vector,
                    text=None if mode is SearchMode.DENSE else query,
                    limit=max(limit, self._settings.n_candidates),
                    n_candidates=self._settings.n_candidates,
                    excluded_versions=view.hidden,
                    editions=view.editions,
                    other_editions=view.other_editions,
                    filter=filter,
                ),
                access,
            )
        with self._telemetry.stage("load") as loading:
            hits = await self._load(fold_windows(found, shown_score=partial(shown_score, mode)), view=view, limit=limit)
        return SearchResult(hits=hits, timings_ms={"embed": embed_ms, "search": searching.ms, "load": loading.ms})

    async def _embed(self, query: str, mode: SearchMode) -> tuple[NDArray[np.float32] | None, float]:
        """Return the query's vector where the mode needs one, and the milliseconds that it took."""
        if mode is SearchMode.BM25:
            return None, 0.0
        with self._telemetry.stage("embed") as embedding:
            vectors = await self._embedder.embed_queries([query])
        return vectors[0], embedding.ms

    async def _load(self, chunks: Sequence[ChunkHit], *, view: View, limit: int) -> tuple[Hit, ...]:
        """Read as many chunks as are wanted, and all of them where some of those have been hidden meanwhile: always in one view."""
        hits: list[Hit] = []
        for wanted in (chunks[:limit], chunks):
            visible = await self._catalog.versions.visible_chunks([chunk.chunk_id for chunk in wanted], view=view)
            hits = [
                Hit(chunk=visible[chunk.chunk_id], score=chunk.score, similarity=chunk.similarity)
                for chunk in wanted
                if chunk.chunk_id in visible
            ]
            if len(hits) >= min(limit, len(chunks)):
                break
        return tuple(hits[:limit])
