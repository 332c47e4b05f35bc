"""What a point must be before it is written."""

from collections.abc import Sequence

import numpy as np

from retrieval.index.port import Point


def check_points(points: Sequence[Point], *, dimension: int) -> None:
    """Refuse points that would corrupt the index.

    Raises:
        ValueError: a vector has another shape than the recipe says, or holds what is not a number.
    """
    for point in points:
        if point.dense.shape != (dimension,):
            raise ValueError(f"point {point.id} has a vector of shape {point.dense.shape}, not ({dimension},)")
        if not np.isfinite(point.dense).all():
            raise ValueError(f"point {point.id} has a vector that is not finite")
