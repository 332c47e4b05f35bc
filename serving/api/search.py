"""``POST /v1/vector_stores/{id}/search``."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends

from footnote.core.catalog.collections import USE_NOTED_EVERY_S
from footnote.core.types import Access, Hit
from serving.api.authentication import CallerDependency
from serving.api.filters import parse_filters
from serving.api.limits import require_short
from serving.api.opening import services_of
from serving.api.schemas.search import ResultContent, SearchRequest, SearchResult, SearchResults
from serving.services import Services

router = APIRouter(tags=["vector stores"])


@router.post("/v1/vector_stores/{vector_store_id}/search", summary="Search a vector store")
async def search_vector_store(
    vector_store_id: str, body: SearchRequest, caller: CallerDependency, services: Annotated[Services, Depends(services_of)]
) -> SearchResults:
    """Return the chunks that fit the query best, found by meaning and by words."""
    queries = [body.query] if isinstance(body.query, str) else body.query
    require_short(queries, max_chars=services.settings.server.max_question_chars, param="query")
    attribute_filter = parse_filters(body.filters)
    (collection,) = await services.catalog.collections.readable([vector_store_id], caller=caller)
    access = Access(collection_ids=frozenset({collection.id}), principals=caller.principals)
    hits: list[Hit] = []
    for query in queries:
        found = await services.searcher.search(query, access, limit=body.max_num_results, filter=attribute_filter, preview=body.reindex)
        hits += found.hits
    await services.catalog.collections.touch([collection.id], older_than_s=USE_NOTED_EVERY_S)
    threshold = 0.0 if body.ranking_options is None else body.ranking_options.score_threshold
    best = [hit for hit in merged(hits) if hit.score >= threshold]
    return SearchResults(search_query=queries, data=[_result(hit) for hit in best[: body.max_num_results]])


def merged(hits: Iterable[Hit]) -> list[Hit]:
    """Return the hits of several searches as one list: each chunk once with its best score, best first, ties by chunk id."""
    best: dict[str, Hit] = {}
    for hit in hits:
        known = best.get(hit.chunk.id)
        if known is None or hit.score > known.score:
            best[hit.chunk.id] = hit
    return sorted(best.values(), key=lambda hit: (-hit.score, hit.chunk.id))


def _result(hit: Hit) -> SearchResult:
    chunk = hit.chunk
    content = ResultContent(text=chunk.text, chunk_id=chunk.id, page=chunk.page, start=chunk.start, end=chunk.end)
    return SearchResult(
        file_id=chunk.file_id,
        filename=chunk.filename,
        score=round(hit.score, 6),
        similarity=round(hit.similarity, 6),
        attributes=dict(chunk.attributes),
        content=[content],
        chunk_id=chunk.id,
        vector_store_id=chunk.collection_id,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
    )
