"""The similarity of two vectors."""

import numpy as np
from numpy.typing import NDArray


def cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """Return the cosine of two vectors of the same dimension; 0 where one of them is zero."""
    lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / lengths if lengths else 0.0
