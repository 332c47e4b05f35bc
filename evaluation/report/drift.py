"""Drift: whether questions, or how well they are answered, have changed since an earlier time. Pure, and the same each time.

Every test here says *drifted* for 1 % of pairs of samples between which nothing has changed (``LEVEL``), however many figures it looks at:
a report that cries each week is not read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.comparing import holm
from evaluation.summary import ScoreKey

Matrix = NDArray[np.float64]
Samples = Mapping[ScoreKey, Sequence[float]]
"""Values that may be told as one distribution: of one metric, target and judge."""

LEVEL = 0.01
"""The share of false alarms of each test."""

Z_95 = 1.959963984540054
SEED = 20_240_607
N_PERMUTATIONS = 1_999
MAX_VECTORS = 400
"""Of more questions so many are drawn: the test takes quadratic time."""

MIN_VALUES = 20
"""Of fewer on either side nothing is said."""

N_TYPICAL = 8


@dataclass(frozen=True, slots=True)
class QuestionDrift:
    """How far two samples of questions lie apart.

    Args:
        distance: the square of the maximum mean discrepancy, without bias; about 0 where nothing has changed, at most 2.
        p_value: how often chance alone gives a distance as large; None where there were too few questions to say.
        n_before: questions looked at of the earlier time.
        n_now: questions looked at of this time.
        typical_ids: where questions drifted, those of this time that are least like the earlier ones, the least first.
    """

    distance: float | None
    p_value: float | None
    n_before: int
    n_now: int
    typical_ids: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether the questions are others than before."""
        return self.p_value is not None and self.p_value <= LEVEL


@dataclass(frozen=True, slots=True)
class ShareChange:
    """Two shares, and the 95 % interval of their difference, now less before; None where one side has nothing to count."""

    count_before: int
    n_before: int
    count_now: int
    n_now: int
    difference: float | None
    low: float | None
    high: float | None

    @property
    def rose(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """How the distribution of one metric has changed between two samples of different cases.

    Args:
        distance: the largest difference of the two distribution functions, in [0, 1].
        p_value: how often chance alone gives one as large, all metrics looked at taken into account (Holm).
        judge: whose scores; empty in a report of before judges were told apart.
    """

    metric: str
    mean_before: float
    mean_now: float
    n_before: int
    n_now: int
    distance: float
    p_value: float
    target: str = "draft"
    judge: str = ""

    @property
    def drifted(self) -> bool:
        """Whether the scores are others than before."""
        return self.p_value <= LEVEL


def question_drift(before: Matrix, now: Matrix, *, ids: Sequence[str], seed: int = SEED) -> QuestionDrift:
    """Say whether two samples of questions come from the same distribution.

    Kernel two-sample test (Gretton, Borgwardt, Rasch, Schölkopf and Smola 2012, "A kernel two-sample test", JMLR 13): maximum mean
    discrepancy with a Gaussian kernel as wide as the median distance, p-value by permutation with the observed order counted in
    (Phipson and Smyth 2010). Which questions are typical of the change is said by the witness function of the same paper (section 2.3).

    Args:
        before: vectors of the earlier questions, shape (n_before, dimension).
        now: likewise of this time's.
        ids: the names of this time's questions, in the order of ``now``.
        seed: of the drawing and the permutations.
    """
    if len(ids) != len(now):
        raise ValueError("each of this time's vectors needs an id")
    random = np.random.default_rng(seed)
    before = before[_drawn(len(before), random)]
    drawn = _drawn(len(now), random)
    now, names = now[drawn], [ids[int(index)] for index in drawn]
    n, m = len(before), len(now)
    if min(n, m) < MIN_VALUES:
        return QuestionDrift(distance=None, p_value=None, n_before=n, n_now=m)
    kernel = _gaussian_kernel(np.vstack([before, now]).astype(np.float64))
    weights = np.concatenate([np.full(n, -1 / n), np.full(m, 1 / m)])
    observed = _discrepancies(kernel, weights[np.newaxis])[0]
    permuted = _discrepancies(kernel, random.permuted(np.tile(weights, (N_PERMUTATIONS, 1)), axis=1))
    p_value = _permutation_p(observed, permuted)
    witness = (kernel @ weights)[n:]
    typical = tuple(names[int(index)] for index in np.argsort(-witness, kind="stable")[:N_TYPICAL]) if p_value <= LEVEL else ()
    return QuestionDrift(distance=_unbiased(kernel, n), p_value=p_value, n_before=n, n_now=m, typical_ids=typical)


def share_change(count_before: int, n_before: int, count_now: int, n_now: int) -> ShareChange:
    """Compare two shares of independent samples, such as questions without a good hit.

    The interval is Newcombe's hybrid score interval (1998, "Interval estimation for the difference between independent proportions",
    method 10): unlike the textbook's it is right for small counts and shares near 0 and 1.
    """
    if not (n_before and n_now):
        return ShareChange(count_before, n_before, count_now, n_now, difference=None, low=None, high=None)
    share_before, share_now = count_before / n_before, count_now / n_now
    low_before, high_before = wilson_interval(count_before, n_before)
    low_now, high_now = wilson_interval(count_now, n_now)
    difference = share_now - share_before
    return ShareChange(
        count_before,
        n_before,
        count_now,
        n_now,
        difference=difference,
        low=difference - math.hypot(share_now - low_now, high_before - share_before),
        high=difference + math.hypot(high_now - share_now, share_before - low_before),
    )


def wilson_interval(count: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927); ``n`` is at least 1."""
    share = count / n
    middle = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def score_drift(before: Samples, now: Samples, *, seed: int = SEED) -> tuple[ScoreDrift, ...]:
    """Say of each metric, target and judge that both samples have whether the values are distributed as before.

    Two-sample test of Kolmogorov and Smirnov with the p-value by permutation, since most scores have many ties; p-values of all metrics
    together by Holm (1979). For samples of *different* cases: the same cases are compared in pairs, which sees much smaller changes.
    Metrics with fewer than ``MIN_VALUES`` values on either side are left out.
    """
    names = [name for name in before if min(len(before[name]), len(now.get(name, ()))) >= MIN_VALUES]
    tested = [_distribution_test(before[name], now[name], seed=seed) for name in names]
    adjusted = holm([p_value for _, p_value in tested])
    return tuple(
        ScoreDrift(
            metric=name.metric,
            target=name.target,
            judge=name.judge,
            mean_before=float(np.mean(before[name])),
            mean_now=float(np.mean(now[name])),
            n_before=len(before[name]),
            n_now=len(now[name]),
            distance=distance,
            p_value=p_value,
        )
        for name, (distance, _), p_value in zip(names, tested, adjusted, strict=True)
    )


def _drawn(n: int, random: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(n) if n <= MAX_VECTORS else np.sort(random.choice(n, size=MAX_VECTORS, replace=False))


def _gaussian_kernel(points: Matrix) -> Matrix:
    norms = (points**2).sum(axis=1)
    squares = np.maximum(norms[:, np.newaxis] + norms - 2 * points @ points.T, 0)
    apart = squares[np.triu_indices(len(points), k=1)]
    # Where more than half of the pairs are the same question the median is 0; any width does then.
    width = float(np.median(apart)) or float(apart.max()) or 1.0
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 1.0)
    return kernel


def _discrepancies(kernel: Matrix, weights: Matrix) -> Matrix:
    """Return the squared discrepancy (with bias) for each row of weights: a constant apart from the one without, given the sizes."""
    return ((weights @ kernel) * weights).sum(axis=1)


def _unbiased(kernel: Matrix, n: int) -> float:
    m = len(kernel) - n
    within_before = (kernel[:n, :n].sum() - n) / (n * (n - 1))
    within_now = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return float(within_before + within_now - 2 * kernel[:n, n:].mean())


def _distribution_test(before: Sequence[float], now: Sequence[float], *, seed: int) -> tuple[float, float]:
    values = np.concatenate([np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)])
    order = np.argsort(values, kind="stable")
    # The distribution functions differ only after the last of equal values.
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    weights = np.concatenate([np.full(len(before), -1 / len(before)), np.full(len(now), 1 / len(now))])[order]

    def distances(rows: Matrix) -> Matrix:
        return np.abs(np.cumsum(rows, axis=1)[:, ends]).max(axis=1)

    observed = float(distances(weights[np.newaxis])[0])
    permuted = np.random.default_rng(seed).permuted(np.tile(weights, (N_PERMUTATIONS, 1)), axis=1)
    return observed, _permutation_p(observed, distances(permuted))


def _permutation_p(observed: float, permuted: Matrix) -> float:
    # Equal up to rounding counts as equal: sums of the same numbers in another order differ in their last digits.
    as_large = int((permuted >= observed - 1e-12).sum())
    return (1 + as_large) / (1 + len(permuted))
