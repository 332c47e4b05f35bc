"""Search: a query goes in, chunks that the caller may see come out, best first. It does not decide what becomes of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import View
from footnote.core.errors import InvalidInput
from footnote.core.settings import RetrievalSettings
from footnote.core.telemetry.telemetry import Telemetry
from footnote.core.types import Access, Attributes, Filter, Hit
from retrieval.attribute_filter import fulfils
from retrieval.embedder.port import Embedder
from retrieval.folding import ChunkHit, fold_windows
from retrieval.index.port import IndexQuery
from retrieval.merging import merged
from retrieval.scores import SearchMode, shown_score
from retrieval.spaces import Spaces

ATTEMPTS = 3
"""How often a search is done at most while what it finds goes under its hands."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, ties by chunk id, no chunk twice; and the time of the stages ``embed``, ``search`` and ``load``."""

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]


class Searcher:
    """Finds chunks through the index and reads them from the catalog, which has the last word on what may be shown."""

    def __init__(self, *, spaces: Spaces, catalog: Catalog, settings: RetrievalSettings, telemetry: Telemetry | None = None) -> None:
        self._spaces = spaces
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
        preview: str | None = None,
    ) -> SearchResult:
        """Return at most ``limit`` hits; none where ``access`` names nobody or nothing.

        What may be seen is noted first: whatever is published or flipped while the search runs, an attachment's old and new chunks never
        stand in one result, nor do two editions of a collection. Where something went while the search ran, found or not, and what took
        its place was hidden from it, it is done again.

        The catalog has the last word on attributes too: a chunk whose attributes no longer fulfil the filter is not returned, although
        the index may still show those of before.

        Collections that lie in several spaces are searched in each with its own embedder, and the lists are merged (``merging``).

        Args:
            query: a question or words, of any length.
            access: who asks, and where they may look.
            limit: hits wanted.
            filter: conditions on attributes, or None.
            mode: ``dense`` orders by cosine alone and ``bm25`` by words alone; the latter knows no similarity and says 0.
            preview: a re-indexing whose versions are searched before its collection shows them.

        Raises:
            InvalidInput: the query is blank.
            NotFound: ``preview`` is no re-indexing of these collections.
            IndexUnavailable, ModelUnavailable, CatalogUnavailable: a part does not answer, or a collection's model cannot be opened.
        """
        if not query.strip():
            raise InvalidInput("The query is empty.", param="query")
        if access.sees_nothing or limit < 1:
            return SearchResult(hits=(), timings_ms={})
        ahead = self._query_vector_ahead(query, mode)
        try:
            n_left = ATTEMPTS
            while True:
                view = await self._catalog.versions.view(access.collection_ids, preview=preview)
                asked = _Asked(query=query, limit=limit, filter=filter, mode=mode, view=view)
                replacing = await self._catalog.replacements.under_way(view.hidden, collection_ids=access.collection_ids)
                result, has_lost = await self._search_in_view(asked, access, ahead)
                n_left -= 1
                # What was replaced may have left the index before that was asked: then nothing that it found is lost, and it lacks both.
                if not n_left or not (has_lost or await self._catalog.replacements.have_happened(replacing)):
                    return result
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _search_in_view(self, asked: "_Asked", access: Access, ahead: "asyncio.Task[_Vector] | None") -> tuple[SearchResult, bool]:
        """Search once; say also whether some of the best that were found have gone meanwhile."""
        by_space = _by_space(asked.view, access, default=self._spaces.default.name)
        found = await asyncio.gather(*(self._search_space(name, part, asked, ahead) for name, part in by_space.items()))
        with self._telemetry.stage("load") as loading:
            chunks = merged([part.chunks for part in found], mode=asked.mode)
            hits, has_lost = await self._load(chunks, asked)
        slowest = {stage: max((part.timings_ms[stage] for part in found), default=0.0) for stage in ("embed", "search")}
        return SearchResult(hits=hits, timings_ms={**slowest, "load": loading.ms}), has_lost

    def _query_vector_ahead(self, query: str, mode: SearchMode) -> "asyncio.Task[_Vector] | None":
        """Begin to embed in the settings' space, where most collections lie: it reads nothing that a publication could change."""
        return None if mode is SearchMode.BM25 else asyncio.create_task(self._embed(query, self._spaces.default.embedder))

    async def _search_space(self, name: str | None, access: Access, asked: "_Asked", ahead: "asyncio.Task[_Vector] | None") -> "_Found":
        async with self._spaces.using(name) as space:
            vector = _Vector(None, 0.0)
            if asked.mode is not SearchMode.BM25:
                begun = ahead if space is self._spaces.default else None
                vector = await (self._embed(asked.query, space.embedder) if begun is None else begun)
            with self._telemetry.stage("search") as searching:
                found = await space.index.search(
                    IndexQuery(
                        dense=vector.dense,
                        text=None if asked.mode is SearchMode.DENSE else asked.query,
                        limit=max(asked.limit, self._settings.n_candidates),
                        n_candidates=self._settings.n_candidates,
                        excluded_versions=asked.view.hidden,
                        editions=asked.view.editions,
                        other_editions=asked.view.other_editions,
                        filter=asked.filter,
                    ),
                    access,
                )
        chunks = fold_windows(found, shown_score=partial(shown_score, asked.mode))
        return _Found(chunks, {"embed": vector.embed_ms, "search": searching.ms})

    async def _embed(self, query: str, embedder: Embedder) -> "_Vector":
        with self._telemetry.stage("embed") as embedding:
            vectors = await embedder.embed_queries([query])
        return _Vector(vectors[0], embedding.ms)

    async def _load(self, chunks: Sequence[ChunkHit], asked: "_Asked") -> tuple[tuple[Hit, ...], bool]:
        """Read as many chunks as are wanted, and all of them where some of those have gone meanwhile: always in one view.

        Returns:
            The hits, and whether one of the best was lost. One whose attributes were changed is none, and was not lost.
        """
        hits: list[Hit] = []
        has_lost = False
        for wanted in (chunks[: asked.limit], chunks):
            visible = await self._catalog.versions.visible_chunks([chunk.chunk_id for chunk in wanted], view=asked.view)
            has_lost = has_lost or len(visible) < len(wanted)
            hits = [
                Hit(chunk=visible[chunk.chunk_id], score=chunk.score, similarity=chunk.similarity)
                for chunk in wanted
                if chunk.chunk_id in visible and asked.wants(visible[chunk.chunk_id].attributes)
            ]
            if len(hits) >= min(asked.limit, len(chunks)):
                break
        return tuple(hits[: asked.limit]), has_lost


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one search looks for, the same in every space."""

    query: str
    limit: int
    filter: Filter | None
    mode: SearchMode
    view: View

    def wants(self, attributes: Attributes) -> bool:
        return self.filter is None or fulfils(attributes, self.filter)


@dataclass(frozen=True, slots=True)
class _Vector:
    """A query's vector, None where the mode needs none, and the milliseconds that it took."""

    dense: NDArray[np.float32] | None
    embed_ms: float


@dataclass(frozen=True, slots=True)
class _Found:
    """What one space has."""

    chunks: tuple[ChunkHit, ...]
    timings_ms: Mapping[str, float]


def _by_space(view: View, access: Access, *, default: str) -> dict[str | None, Access]:
    """Return what is to be searched in each space; a collection without any version is taken for one of the settings' space."""
    collections: dict[str | None, set[str]] = {}
    for collection_id in access.collection_ids & view.spaces.keys():
        space = view.spaces[collection_id]
        collections.setdefault(None if space == default else space, set()).add(collection_id)
    return {space: replace(access, collection_ids=frozenset(ids)) for space, ids in collections.items()}
