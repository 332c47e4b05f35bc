"""Small points for tests: a vector that points mostly along one axis, and words."""

import numpy as np

from footnote.core.ids import point_id
from footnote.core.types import Access, EmbeddingRecipe
from retrieval.index.port import IndexQuery, Point

DIMENSION = 8
RECIPE = EmbeddingRecipe(model="test", revision="1", dimension=DIMENSION, max_tokens=254)
HANDBOOK = "vs_handbook"
EVERYBODY = Access(collection_ids=frozenset({HANDBOOK}), principals=frozenset({"everyone"}))


def axis(n: int, *, tilt: float = 0.0) -> np.ndarray:
    """A unit vector along axis ``n``, tilted towards the next one."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[n % DIMENSION] = 1.0
    vector[(n + 1) % DIMENSION] = tilt
    return vector / np.linalg.norm(vector)


def point(
    chunk: str,
    *,
    dense: np.ndarray | None = None,
    text: str = "",
    version: str = "ver_1",
    collection: str = HANDBOOK,
    attachment: str = "att_1",
    principals: tuple[str, ...] = ("everyone",),
    window: int = 0,
    page: int | None = 1,
    edition: str | None = None,
    **attributes: str | float | bool,
) -> Point:
    return Point(
        id=point_id(version_id=version, chunk_id=chunk, window=window),
        collection_id=collection,
        attachment_id=attachment,
        version_id=version,
        chunk_id=chunk,
        window=window,
        page=page,
        principals=frozenset(principals),
        attributes=attributes,
        dense=axis(0) if dense is None else dense,
        text=text,
        edition=edition,
    )


def query(dense: np.ndarray | None = None, text: str | None = None, *, limit: int = 10, **others: object) -> IndexQuery:
    return IndexQuery(dense=dense, text=text, limit=limit, **others)
