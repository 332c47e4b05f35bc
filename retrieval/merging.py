"""One ranking of the lists that several spaces gave for one query.

Cosines of two embedders cannot be compared, ranks can. A hybrid score is reciprocal rank fusion of a dense and a BM25 list already, as a
share of the most that it can be, so lists of several spaces are merged by it as they are: what leads both lists of its own space stands
beside what leads both of another, which is the fusion of all lists at once, since no chunk lies in two spaces. For one list alone the
place counts, in the same way.
"""

from collections.abc import Sequence
from dataclasses import replace

from retrieval.folding import ChunkHit
from retrieval.index.schema import RRF_K
from retrieval.scores import SearchMode


def merged(lists: Sequence[Sequence[ChunkHit]], *, mode: SearchMode) -> tuple[ChunkHit, ...]:
    """Return one list, best first, ties by chunk id; a single list stays as it is.

    Args:
        lists: of one space each, best first, without a chunk in common.
        mode: what their scores are: of ``dense``, whose scores are cosines, the places count instead.
    """
    if len(lists) == 1:
        return tuple(lists[0])
    if mode is SearchMode.DENSE:
        lists = [[replace(hit, score=RRF_K / (RRF_K + rank)) for rank, hit in enumerate(hits)] for hits in lists]
    return tuple(sorted((hit for hits in lists for hit in hits), key=lambda hit: (-hit.score, hit.chunk_id)))
