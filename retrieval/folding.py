"""From points to chunks: a chunk that was embedded in windows has a point for each, and is found by the best of them."""

from collections.abc import Callable
from dataclasses import dataclass

from retrieval.index.port import HybridHits


@dataclass(frozen=True, slots=True)
class ChunkHit:
    """A chunk that was found, by id. ``score`` and ``similarity`` are each the best of its points."""

    chunk_id: str
    score: float
    similarity: float


def fold_windows(found: HybridHits, *, shown_score: Callable[[float, int], float]) -> tuple[ChunkHit, ...]:
    """Return one hit for each chunk, best first, ties by chunk id.

    Args:
        found: the engine's points with their similarities.
        shown_score: makes the score from the engine's and from the chunk's rank, which counts from 0; must not turn the order round.
    """
    best: dict[str, tuple[float, float]] = {}
    for hit, similarity in zip(found.hits, found.similarities, strict=True):
        score, cosine = best.get(hit.chunk_id, (hit.score, similarity))
        best[hit.chunk_id] = (max(score, hit.score), max(cosine, similarity))
    in_order = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(
        ChunkHit(chunk_id=chunk_id, score=shown_score(score, rank), similarity=cosine)
        for rank, (chunk_id, (score, cosine)) in enumerate(in_order)
    )
