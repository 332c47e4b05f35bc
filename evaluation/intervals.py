"""Intervals of means, by bootstrap over cases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 10_000
SEED = 20_240_607

_BLOCK = 2_000_000
"""Numbers held at once: some tens of megabytes, however many cases there are."""


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

    Percentile bootstrap (Efron and Tibshirani 1993, ch. 13). The same values give the same interval, in whatever order.

    Raises:
        ValueError: there are no values: a mean of nothing is not zero.
    """
    return bootstrap_means([values], seed=seed)[0]


def bootstrap_means(columns: Sequence[Sequence[float]], *, seed: int = SEED, n_resamples: int = N_RESAMPLES) -> list[Interval]:
    """Return the interval of each column's mean, as ``bootstrap_mean`` does. Columns of the same length share their resamples.

    Raises:
        ValueError: a column has no values.
    """
    intervals: list[Interval | None] = [None] * len(columns)
    for n in sorted({len(column) for column in columns}):
        if n == 0:
            raise ValueError("a mean needs at least one value")
        places = [place for place, column in enumerate(columns) if len(column) == n]
        values = np.sort(np.asarray([columns[place] for place in places], dtype=np.float64).T, axis=0)
        means = np.array([math.fsum(column) / n for column in values.T.tolist()])
        bounds = np.percentile(_resampled_means(values, seed=seed, n_resamples=n_resamples), [2.5, 97.5], axis=0)
        for place, mean, low, high in zip(places, means.tolist(), *bounds.tolist(), strict=True):
            intervals[place] = Interval(mean=mean, low=min(low, mean), high=max(high, mean), n=n)  # the last digit is rounded apart
    return [interval for interval in intervals if interval is not None]


def blocks_of(n_resamples: int, *, n: int) -> list[int]:
    """Return how many resamples of ``n`` cases are made at once, one block after the other."""
    block = max(1, _BLOCK // n)
    full, rest = divmod(n_resamples, block)
    return [block] * full + ([rest] if rest else [])


def _resampled_means(values: NDArray[np.float64], *, seed: int, n_resamples: int) -> NDArray[np.float64]:
    """Return shape (n_resamples, columns): the means of values of shape (n, columns), each case drawn as often as a resample has it."""
    n = values.shape[0]
    random = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    for size in blocks_of(n_resamples, n=n):
        drawn = random.integers(n, size=(size, n)) + np.arange(size)[:, np.newaxis] * n
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        means.append(times.astype(np.float64) @ values / n)
    return np.concatenate(means)
