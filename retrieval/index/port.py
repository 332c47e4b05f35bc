"""The index port: one schema (dense and BM25 vectors, payload of ids), and searches that cannot be asked without an access filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from footnote.core.types import Access, Attributes, Filter, PartHealth


@dataclass(frozen=True, slots=True)
class Point:
    """One vector of one chunk: its window ``window`` (0 where the chunk fits the embedder's window).

    ``text`` is what BM25 sees; it becomes a sparse vector and is not stored in the index. ``edition`` is the re-indexing that its version
    was made for; None where there was none.
    """

    id: str
    collection_id: str
    attachment_id: str
    version_id: str
    chunk_id: str
    window: int
    page: int | None
    principals: frozenset[str]
    attributes: Attributes
    dense: NDArray[np.float32]
    text: str
    edition: str | None = None


@dataclass(frozen=True, slots=True)
class PointHit:
    """A point that a search found; ``score`` is the engine's (cosine, BM25 or fused), best first, ties by point id."""

    point_id: str
    collection_id: str
    attachment_id: str
    version_id: str
    chunk_id: str
    window: int
    score: float


@dataclass(frozen=True, slots=True)
class HybridHits:
    """One search's result: the fused list, and the cosine of the query with each of its points; 0 where the query has no vector."""

    hits: tuple[PointHit, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What is searched for. With both vectors the lists are fused by RRF in the engine; with one, its own order holds.

    Args:
        dense: the query's vector, float32 of shape (dimension,), or None for BM25 alone.
        text: the query's words for BM25, or None for dense alone.
        limit: hits wanted.
        n_candidates: how many of each list go into the fusion.
        excluded_versions: versions that are pending or retired.
        editions: the edition that is seen of each collection; one that is not named is seen without editions.
        other_editions: editions that points may have of collections that are seen without.
        filter: conditions on attributes, or None.
        exact: compare with every point instead of walking the graph.
    """

    dense: NDArray[np.float32] | None
    text: str | None
    limit: int
    n_candidates: int = 50
    excluded_versions: frozenset[str] = field(default_factory=frozenset[str])
    editions: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    other_editions: frozenset[str] = field(default_factory=frozenset[str])
    filter: Filter | None = None
    exact: bool = False


class Points(Protocol):
    """Points that were written, wherever they lie: in one index, or in several (``retrieval.spaces``).

    Errors of every method: ``IndexUnavailable`` where the engine does not answer, ``StorageUnavailable`` where its disk is full.
    """

    async def count(self, access: Access | None = None, *, version_id: str | None = None) -> int:
        """Count points exactly; without ``access`` all of them (for operators, never for callers)."""
        ...

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        """Set principals and attributes of an attachment's points, replacing both."""
        ...

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        """Delete all points of these versions; those that are not there are no error."""
        ...

    async def delete_collection(self, collection_id: str) -> None:
        """Delete all points of a collection."""
        ...

    async def optimize(self) -> None:
        """Let the engine build its graphs and drop deleted points; queries go on meanwhile."""
        ...

    async def purge(self) -> bool:
        """Rewrite what holds deleted points; return whether it is certain that nothing of them is left in the engine's files.

        What it costs grows with the whole index. False where the engine does this by itself, in its own time.
        """
        ...

    async def health(self) -> PartHealth:
        """Say whether the engine answers, with the number of points."""
        ...


class Index(Points, Protocol):
    """The points of all collections under one embedding recipe."""

    async def open(self) -> None:
        """Create the schema where there is none.

        Raises:
            IndexSchemaMismatch: what is there was built with another schema, dimension or recipe.
        """
        ...

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point whose id is there already is replaced. They are durable and can be found when this returns."""
        ...

    async def search(self, query: IndexQuery, access: Access) -> HybridHits:
        """Return the best points that ``access`` allows, of versions not excluded; nothing where ``access`` names nobody or nothing."""
        ...

    async def close(self) -> None:
        """Flush and close; the index is not used again."""
        ...
