"""A hit's score as people and programs see it: in [0, 1], falling along the list, on a scale that does not depend on the query.

- ``hybrid``: the fused score as a share of the most that it can be, which a chunk has that leads both lists. One that leads one list and is
  missing in the other has 0.5.
- ``bm25``: BM25 has no upper bound, so the score is what fusion would give this place in a single list.
- ``dense``: the cosine, and 0 where it is negative.

A score says how well a hit did against the others. Whether anything answers the question is for the similarity to say (``abstention``).
"""

from enum import StrEnum

from retrieval.index.schema import RRF_K

_N_LISTS = 2
_BEST_FUSED = _N_LISTS / RRF_K
"""Qdrant counts ranks from 0: the first of a list has 1 / RRF_K."""


class SearchMode(StrEnum):
    """Which lists are searched: both, fused, or one alone."""

    HYBRID = "hybrid"
    DENSE = "dense"
    BM25 = "bm25"


def shown_score(mode: SearchMode, engine_score: float, rank: int) -> float:
    """Return the score in [0, 1] of a hit with the engine's score at a place of its list, counted from 0."""
    if mode is SearchMode.HYBRID:
        return min(1.0, engine_score / _BEST_FUSED)
    if mode is SearchMode.DENSE:
        return min(1.0, max(0.0, engine_score))
    return RRF_K / (RRF_K + rank)
