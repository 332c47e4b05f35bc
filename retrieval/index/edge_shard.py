"""One open Edge shard: footnote's schema in the engine's calls. Every method blocks and holds the interpreter's lock while it runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from qdrant_edge import (
    CountRequest,
    EdgeConfig,
    EdgeShard,
    Fusion,
    HasIdCondition,
    KeywordIndexParams,
    PayloadSelector,
    Prefetch,
    Query,
    QueryRequest,
    ScoredPoint,
    SearchParams,
    UpdateOperation,
)
from qdrant_edge import Filter as EdgeFilter
from qdrant_edge import Point as EdgePoint
from qdrant_edge import SparseVector as EdgeSparseVector

from retrieval.index.bm25 import Bm25Encoder
from retrieval.index.edge_filter import edge_filter
from retrieval.index.filters import AllOf
from retrieval.index.hits import ordered
from retrieval.index.port import HybridHits, IndexQuery, Point, PointHit
from retrieval.index.schema import (
    COLLECTION,
    DENSE,
    HIT_FIELDS,
    INDEXED,
    RRF_K,
    SPARSE,
    hit_of,
    payload_of,
)


def create_shard(folder: Path, config: EdgeConfig) -> None:
    """Make an empty shard with its payload indexes, and close it."""
    shard = EdgeShard.create(str(folder), config)
    try:
        index_fields(shard)
    finally:
        shard.close()


def index_fields(shard: EdgeShard) -> None:
    """Make the payload indexes that are missing: all in a new shard, in an older one those that came with a later footnote."""
    missing = [field for field in INDEXED if field not in shard.info().payload_schema]
    for field in missing:
        shard.update(UpdateOperation.create_field_index(field, KeywordIndexParams(is_tenant=field == COLLECTION)))
    if missing:
        shard.flush()


def skip_operations(shard: EdgeShard, n: int) -> None:
    """Let ``n`` numbers pass that the engine gives to operations, by as many that do nothing (a microsecond each).

    The engine numbers operations by its write-ahead log, and silently leaves out one whose number is not above the one that a point was
    last written by. A shard that was copied without its log begins at 0 again: deletions and changes of older points would be lost.
    """
    for _ in range(n):
        shard.update(UpdateOperation.delete_points([]))


def upserting(points: Sequence[Point], bm25: Bm25Encoder) -> UpdateOperation:
    return UpdateOperation.upsert_points([_edge_point(point, bm25) for point in points])


def search(shard: EdgeShard, query: IndexQuery, condition: AllOf, *, bm25: Bm25Encoder, hnsw_ef: int) -> HybridHits:
    """Answer a query: one call of the engine, and a second one where hits of BM25 need their cosine."""
    visible = edge_filter(condition)
    walking = SearchParams(hnsw_ef=hnsw_ef, exact=query.exact)
    dense = None if query.dense is None else Query.Nearest(query.dense.tolist(), using=DENSE)
    terms = None if query.text is None else bm25.query(query.text)
    sparse = None
    if terms is not None and not terms.is_empty:
        sparse = Query.Nearest(EdgeSparseVector(indices=list(terms.indices), values=list(terms.values)), using=SPARSE)

    if query.text is None and dense is not None:
        hits = shard.query(_request(query, dense, filter=visible, params=walking))
        return ordered([_hit(hit) for hit in hits], similarities={str(hit.id): hit.score for hit in hits})
    if query.dense is None:
        return ordered([_hit(hit) for hit in shard.query(_request(query, sparse, filter=visible))]) if sparse else ordered([])

    lists = [Prefetch(limit=query.n_candidates, query=dense, filter=visible, params=walking)]
    if sparse is not None:
        lists.append(Prefetch(limit=query.n_candidates, query=sparse, filter=visible))
    hits = shard.query(_request(query, _reciprocal_rank_fusion(), prefetches=lists))
    if not hits:
        return ordered([])
    # Reading the vectors back through Python costs three times as much as asking the engine for these points' cosines.
    found = EdgeFilter(must=[HasIdCondition({hit.id for hit in hits})])
    cosines = shard.query(QueryRequest(limit=len(hits), query=dense, filter=found, params=SearchParams(exact=True)))
    return ordered([_hit(hit) for hit in hits], similarities={str(hit.id): hit.score for hit in cosines})


def count(shard: EdgeShard, condition: AllOf | None) -> int:
    return shard.count(CountRequest(exact=True, filter=None if condition is None else edge_filter(condition)))


def _request(
    query: IndexQuery,
    scoring: Query | Fusion,
    *,
    prefetches: list[Prefetch] | None = None,
    filter: EdgeFilter | None = None,  # noqa: A002  # the engine's own word
    params: SearchParams | None = None,
) -> QueryRequest:
    return QueryRequest(
        limit=query.limit,
        query=scoring,
        prefetches=prefetches,
        filter=filter,
        params=params,
        with_payload=PayloadSelector.Include(list(HIT_FIELDS)),
    )


def _reciprocal_rank_fusion() -> Fusion:
    return cast("Fusion", Fusion.Rrf(k=RRF_K))  # the engine's stubs forget that it is one


def _hit(point: ScoredPoint) -> PointHit:
    return hit_of(point_id=str(point.id), payload=point.payload or {}, score=point.score)


def _edge_point(point: Point, bm25: Bm25Encoder) -> EdgePoint:
    terms = bm25.document(point.text)
    return EdgePoint(
        point.id,
        {DENSE: point.dense.tolist(), SPARSE: EdgeSparseVector(indices=list(terms.indices), values=list(terms.values))},
        dict(payload_of(point)),
    )
