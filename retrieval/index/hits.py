"""The order of hits: best first, ties by point id, so that the same index gives the same list."""

from collections.abc import Mapping, Sequence

from retrieval.index.port import HybridHits, PointHit


def ordered(hits: Sequence[PointHit], *, similarities: Mapping[str, float] | None = None) -> HybridHits:
    """Return hits in their order with the similarity of each.

    Args:
        hits: as the engine gave them.
        similarities: the cosine by point id; None where the query had no vector, and then each is 0.
    """
    best_first = tuple(sorted(hits, key=lambda hit: (-hit.score, hit.point_id)))
    return HybridHits(
        hits=best_first,
        similarities=tuple(0.0 if similarities is None else similarities[hit.point_id] for hit in best_first),
    )
