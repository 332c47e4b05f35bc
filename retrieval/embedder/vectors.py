"""Arithmetic on rows of vectors."""

import numpy as np
from numpy.typing import NDArray

from retrieval.embedder.port import Vectors


def normalised(vectors: NDArray[np.floating]) -> Vectors:
    """Return float32 rows of length 1; a zero row stays zero."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1).astype(np.float32)


def mean_of_groups(vectors: Vectors, group_sizes: list[int]) -> Vectors:
    """Return the normalised mean of each group of rows.

    Args:
        vectors: shape (sum of group sizes, dimension), the groups one after the other.
        group_sizes: each at least 1.
    """
    if not group_sizes:
        return vectors[:0]
    starts = np.cumsum([0, *group_sizes[:-1]])
    return normalised(np.add.reduceat(vectors, starts, axis=0) / np.asarray(group_sizes, dtype=np.float32)[:, None])
