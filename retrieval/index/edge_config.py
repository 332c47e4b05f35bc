"""The engine's settings for an Edge shard."""

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    HnswIndexConfig,
    Modifier,
)

from retrieval.index.schema import DENSE, HNSW_EF_CONSTRUCT, HNSW_M, SPARSE

_FULL_SCAN_KB = 10_000
"""The engine's own default: a filter that leaves less than this much vector data is answered by comparing with each point."""


def shard_config(*, dimension: int, graph_from_points: int, drop_deleted: bool = False) -> EdgeConfig:
    """Return the engine's settings.

    Args:
        dimension: of the dense vectors.
        graph_from_points: a segment with so many points gets a graph when it is optimized.
        drop_deleted: when optimized, rewrite each segment that holds a deleted point; otherwise only where they are a fifth of it.
    """
    return EdgeConfig(
        vectors={DENSE: EdgeVectorParams(size=dimension, distance=Distance.Cosine)},
        sparse_vectors={SPARSE: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        hnsw_config=HnswIndexConfig(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT, full_scan_threshold=_FULL_SCAN_KB),
        optimizers=EdgeOptimizersConfig(
            deleted_threshold=0.0 if drop_deleted else 0.2,
            vacuum_min_vector_number=0 if drop_deleted else 1_000,
            indexing_threshold=max(1, graph_from_points * dimension * 4 // 1024),
        ),
    )
