"""Whether any of several things rose between two runs over the same cases. Pure, and the same each time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""Of pairs of runs between which nothing has changed so many show a rise: one in twenty, of all columns together."""

N_FLIPS = 9_999
SEED = 20_240_607

Values = Mapping[str, float]
"""A value for each case id."""


def differences(before: Values, now: Values) -> Values:
    """Return now less before for each case that has both."""
    return {case_id: now[case_id] - before[case_id] for case_id in before if case_id in now}


def rise_p_values(columns: Sequence[Values]) -> list[float]:
    """Return for each column of differences how often chance alone lets it rise as far, all columns taken into account.

    If nothing had changed, each case's differences would have either sign as easily. The p-values are those of the largest studentised
    sum under flipped signs, which are flipped alike for all columns of a case, step by step (Westfall and Young 1993, "Resampling-based
    multiple testing", algorithm 2.8; Romano and Wolf 2005). Faults come together: columns that say the same are not paid for twice, as
    Holm's correction would, and a fault in a tenth of fifty cases can be seen. All columns together give a false alarm as often as
    ``LEVEL`` says. A column without a difference has 1.
    """
    case_ids = sorted({case_id for column in columns for case_id in column})
    if not case_ids:
        return [1.0] * len(columns)
    matrix = np.array([[column.get(case_id, 0.0) for column in columns] for case_id in case_ids])
    # The root of the sum of squares is the same whichever way signs fall.
    scale = np.sqrt((matrix**2).sum(axis=0))
    matrix = np.divide(matrix, scale, out=np.zeros_like(matrix), where=scale > 0)
    signs = np.random.default_rng(SEED).choice((-1.0, 1.0), size=(N_FLIPS, len(case_ids)))
    return _step_down(matrix.sum(axis=0), signs @ matrix)


def _step_down(observed: NDArray[np.float64], flipped: NDArray[np.float64]) -> list[float]:
    """Return adjusted p-values: each column against the largest of itself and those that rose less."""
    order = np.argsort(-observed, kind="stable")
    # From the column that rose least upwards.
    largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
    raw = (1 + (largest >= observed[order] - 1e-12).sum(axis=0)) / (1 + len(flipped))
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(raw)
    return [float(p_value) for p_value in adjusted]
