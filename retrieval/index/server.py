"""The index on a Qdrant server, through the async qdrant-client over gRPC.

Unverified until the contract tests have run against a real server (``FOOTNOTE_TEST_QDRANT_URL``); so far they run against the client's
own in-memory mode.
"""

from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models

from footnote.core.errors import FootnoteError, IndexSchemaMismatch
from footnote.core.types import Access, Attributes, EmbeddingRecipe, PartHealth
from retrieval.index.bm25 import Bm25Encoder
from retrieval.index.filters import AllOf, OneOf, visible
from retrieval.index.hits import ordered
from retrieval.index.points import check_points
from retrieval.index.port import HybridHits, IndexQuery, Point, PointHit
from retrieval.index.schema import (
    ATTACHMENT,
    COLLECTION,
    DENSE,
    HIT_FIELDS,
    INDEXED,
    REBUILD_HINT,
    RRF_K,
    SPARSE,
    VERSION,
    changeable_payload,
    hit_of,
    payload_of,
    physical_collection,
)
from retrieval.index.server_errors import server_errors
from retrieval.index.server_filter import server_filter
from retrieval.index.server_layout import ServerLayout
from retrieval.index.similarity import cosine

log = structlog.get_logger(__name__)

BATCH_POINTS = 256
"""Points of one request: about a megabyte."""


class QdrantIndex:
    """An ``Index`` on a server. Each recipe has a Qdrant collection of its own, so points of two embedders never meet.

    Args:
        client: over gRPC to a server, or the client's in-memory mode; closed with the index.
        recipe: the embedder whose vectors it holds.
        hnsw_ef: breadth of the graph search.
        layout: how the server is to keep it, where it is made now.
    """

    def __init__(
        self, client: AsyncQdrantClient, *, recipe: EmbeddingRecipe, hnsw_ef: int = 256, layout: ServerLayout | None = None
    ) -> None:
        self._client = client
        self._recipe = recipe
        self._name = physical_collection(recipe)
        self._hnsw_ef = hnsw_ef
        self._layout = layout or ServerLayout()
        self._differences: list[str] = []
        self._bm25 = Bm25Encoder()

    async def open(self) -> None:
        with server_errors("Opening the index"):
            if not await self._client.collection_exists(self._name):
                await self._create()
            found = await self._client.get_collection(self._name)
            self._check(found.config.params)
            # Also where it was there: whoever made it may have died before, and later versions have more of them. Twice does no harm.
            for field in INDEXED:
                if field not in found.payload_schema:
                    await self._index_field(field)
        self._differences = self._layout.differences(found.config)
        if self._differences:
            log.warning("the Qdrant collection was made with other settings", collection=self._name, differences=self._differences)

    async def upsert(self, points: Sequence[Point]) -> None:
        check_points(points, dimension=self._recipe.dimension)
        with server_errors("Writing to the index"):
            for start in range(0, len(points), BATCH_POINTS):
                batch = [self._structure(point) for point in points[start : start + BATCH_POINTS]]
                await self._client.upsert(self._name, points=batch, wait=True)

    async def search(self, query: IndexQuery, access: Access) -> HybridHits:
        condition = visible(
            access,
            excluded_versions=query.excluded_versions,
            editions=query.editions,
            other_editions=query.other_editions,
            attribute_filter=query.filter,
        )
        if condition is None or query.limit < 1:
            return ordered([])
        with server_errors("Searching"):
            return await self._search(query, server_filter(condition))

    async def count(self, access: Access | None = None, *, version_id: str | None = None) -> int:
        if access is None:
            condition = AllOf(() if version_id is None else (OneOf(VERSION, (version_id,)),))
        else:
            condition = visible(access, version_id=version_id)
        if condition is None:
            return 0
        with server_errors("Counting"):
            return (await self._client.count(self._name, count_filter=server_filter(condition), exact=True)).count

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        payload = changeable_payload(principals=principals, attributes=attributes)
        with server_errors("Writing to the index"):
            await self._client.set_payload(self._name, payload=dict(payload), points=_where(ATTACHMENT, attachment_id), wait=True)

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        if version_ids:
            await self._delete(_where(VERSION, *version_ids))

    async def delete_collection(self, collection_id: str) -> None:
        await self._delete(_where(COLLECTION, collection_id))

    async def optimize(self) -> None:
        """Do nothing: a server optimizes by itself."""

    async def purge(self) -> bool:
        """Do nothing, and say so: a server rewrites a segment once enough of it is deleted (docs/erasing.md)."""
        return False

    async def health(self) -> PartHealth:
        try:
            n_points = await self.count()
        except FootnoteError as error:
            return PartHealth(name="index", ready=False, detail=str(error), facts={"kind": "qdrant"})
        return PartHealth(
            name="index",
            ready=True,
            detail=" ".join([f"Qdrant server, collection {self._name}, with {n_points} points.", *self._made_otherwise()]),
            facts={"kind": "qdrant", "points": n_points, "collection": self._name},
        )

    async def close(self) -> None:
        with server_errors("Closing the index"):
            await self._client.close()

    async def _create(self) -> None:
        try:
            await self._client.create_collection(self._name, **self._layout.creation(dimension=self._recipe.dimension))
        except Exception:
            if not await self._client.collection_exists(self._name):
                raise
            # Another process was faster; over gRPC and over HTTP the refusal looks different, so the server is asked.

    async def _index_field(self, field: str) -> None:
        await self._client.create_payload_index(
            self._name,
            field_name=field,
            field_schema=models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == COLLECTION),
        )

    def _made_otherwise(self) -> list[str]:
        if not self._differences:
            return []
        return [f"It was made with other settings: {'; '.join(self._differences)} (docs/reindexing.md says how to change that)."]

    def _check(self, found: models.CollectionParams) -> None:
        """Refuse a collection of this name that somebody made otherwise."""
        dense = found.vectors.get(DENSE) if isinstance(found.vectors, dict) else None
        sparse = (found.sparse_vectors or {}).get(SPARSE)
        if dense is None or dense.size != self._recipe.dimension or dense.distance is not models.Distance.COSINE:
            raise IndexSchemaMismatch(
                f"The Qdrant collection {self._name} has no vector `{DENSE}` of {self._recipe.dimension} dimensions.", hint=REBUILD_HINT
            )
        if sparse is None or sparse.modifier is not models.Modifier.IDF:
            raise IndexSchemaMismatch(f"The Qdrant collection {self._name} has no sparse vector `{SPARSE}` with IDF.", hint=REBUILD_HINT)

    def _structure(self, point: Point) -> models.PointStruct:
        terms = self._bm25.document(point.text)
        return models.PointStruct(
            id=point.id,
            vector={DENSE: point.dense.tolist(), SPARSE: models.SparseVector(indices=list(terms.indices), values=list(terms.values))},
            payload=dict(payload_of(point)),
        )

    async def _search(self, query: IndexQuery, condition: models.Filter) -> HybridHits:
        """Ask once; the hits' vectors come with them, and their cosines are computed here: a second request would cost more."""
        walking = self._layout.search(hnsw_ef=self._hnsw_ef, exact=query.exact)
        dense = None if query.dense is None else query.dense.tolist()
        terms = None if query.text is None else self._bm25.query(query.text)
        sparse = None
        if terms is not None and not terms.is_empty:
            sparse = models.SparseVector(indices=list(terms.indices), values=list(terms.values))
        lists = [
            *([models.Prefetch(query=dense, using=DENSE, filter=condition, params=walking, limit=query.n_candidates)] if dense else []),
            *([models.Prefetch(query=sparse, using=SPARSE, filter=condition, limit=query.n_candidates)] if sparse else []),
        ]
        if not lists:
            return ordered([])
        fused = query.dense is not None and query.text is not None
        only = lists[0]
        answer = await self._client.query_points(
            self._name,
            prefetch=lists if fused else None,
            query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)) if fused else only.query,
            using=None if fused else only.using,
            query_filter=None if fused else condition,
            search_params=None if fused else only.params,
            limit=query.limit,
            with_payload=list(HIT_FIELDS),
            with_vectors=[DENSE] if query.dense is not None else False,
        )
        hits = [_hit(found) for found in answer.points]
        if query.dense is None:
            return ordered(hits)
        return ordered(hits, similarities={str(found.id): cosine(query.dense, _dense(found)) for found in answer.points})

    async def _delete(self, condition: models.Filter) -> None:
        with server_errors("Deleting from the index"):
            await self._client.delete(self._name, points_selector=models.FilterSelector(filter=condition), wait=True)


def _where(field: str, *words: str) -> models.Filter:
    return server_filter(AllOf((OneOf(field, words),)))


def _hit(point: models.ScoredPoint) -> PointHit:
    return hit_of(point_id=str(point.id), payload=point.payload or {}, score=point.score)


def _dense(point: models.ScoredPoint) -> NDArray[np.float32]:
    assert isinstance(point.vector, dict)
    return np.asarray(point.vector[DENSE], dtype=np.float32)
