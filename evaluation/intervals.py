"""Intervals of means, by bootstrap over cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

N_RESAMPLES = 10_000
SEED = 20_240_607


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval, over ``n`` cases."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}] (n={self.n})"


def bootstrap_mean(values: Sequence[float], *, seed: int = SEED) -> Interval:
    """Return the mean of values with its interval: the 2.5th and 97.5th percentiles of the means of resamples.

    Percentile bootstrap (Efron and Tibshirani 1993, ch. 13). The same values give the same interval.

    Raises:
        ValueError: there are no values: a mean of nothing is not zero.
    """
    if not values:
        raise ValueError("a mean needs at least one value")
    data = np.asarray(values, dtype=np.float64)
    resamples = np.random.default_rng(seed).choice(data, size=(N_RESAMPLES, data.size)).mean(axis=1)
    low, high = np.percentile(resamples, [2.5, 97.5])
    return Interval(mean=float(data.mean()), low=float(low), high=float(high), n=data.size)
