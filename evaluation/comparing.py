"""Two runs over the same cases: what moved, by how much, whether that may be chance, and how small a move could have been seen. Pure.

Of each metric the cases that both runs scored are compared, pair by pair. The interval is a paired bootstrap over cases, the p-value a
paired randomisation test, and Holm's correction counts how many metrics were looked at.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import N_RESAMPLES, SEED, blocks_of, bootstrap_means
from evaluation.metrics import METRICS, Direction
from evaluation.summary import MetricSummary, ScoreKey, ScoreRow

ALPHA = 0.05
"""How often one of a family of metrics may be called different although nothing is."""

POWER = 0.8
"""How often the smallest detectable difference would be called different."""


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric, target and judge in two runs, over the ``n`` cases that both scored.

    Args:
        difference: the mean of the cases' differences, new less old, with its 95 % interval ``low`` to ``high``.
        p_value: how often differences as large arise when old and new are exchanged at random in each pair.
        p_adjusted: the same after Holm's correction for all metrics of its family.
        detectable: the smallest true difference that so many cases show with a power of 80 %; None where fewer than two cases tell.
    """

    metric: str
    target: str
    judge: str
    old: float
    new: float
    difference: float
    low: float
    high: float
    n: int
    p_value: float
    p_adjusted: float
    detectable: float | None

    @property
    def is_noise(self) -> bool:
        """Whether it is to be taken for chance: its interval holds 0, or as many metrics as were compared explain it."""
        return self.low <= 0 <= self.high or self.p_adjusted > ALPHA

    @property
    def is_better(self) -> bool:
        return not self.is_noise and self._goes(Direction.HIGHER if self.difference > 0 else Direction.LOWER)

    @property
    def is_worse(self) -> bool:
        return not self.is_noise and self._goes(Direction.LOWER if self.difference > 0 else Direction.HIGHER)

    def as_json(self) -> dict[str, Any]:
        """Return numbers and names."""
        return {
            "metric": self.metric,
            "target": self.target,
            "judge": self.judge,
            "old": self.old,
            "new": self.new,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "detectable": self.detectable,
            "is_noise": self.is_noise,
            "better": self.is_better,
            "worse": self.is_worse,
        }

    def _goes(self, direction: Direction) -> bool:
        metric = METRICS.get(self.metric)
        return metric is not None and metric.direction is direction


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All that can be compared of two runs, in order of metric, target and judge.

    Args:
        not_compared: what only one run has, or what no case has in both: another judge's scores are no pair.
    """

    differences: tuple[MetricDifference, ...]
    not_compared: tuple[ScoreKey, ...] = ()

    @property
    def better(self) -> tuple[MetricDifference, ...]:
        return tuple(each for each in self.differences if each.is_better)

    @property
    def worse(self) -> tuple[MetricDifference, ...]:
        return tuple(each for each in self.differences if each.is_worse)

    def as_json(self) -> dict[str, Any]:
        """Return numbers and names."""
        return {
            "differences": [each.as_json() for each in self.differences],
            "not_compared": [{"metric": key.metric, "target": key.target, "judge": key.judge} for key in self.not_compared],
        }


def compare_runs(old: Iterable[ScoreRow], new: Iterable[ScoreRow], *, n_resamples: int = N_RESAMPLES, seed: int = SEED) -> RunComparison:
    """Compare two runs.

    The headline metrics (``Metric.is_headline``, of drafts and turns) are one family for Holm's correction, all others a second one: what a
    report opens with does not become harder to see because fifty other figures stand below. In each family chance alone calls anything
    different in at most 5 % of comparisons.
    """
    before, after = _values(old), _values(new)
    pairs = {key: sorted(before[key].keys() & after[key].keys()) for key in before.keys() & after.keys()}
    keys = sorted(key for key, case_ids in pairs.items() if case_ids)
    changes = [[after[key][case_id] - before[key][case_id] for case_id in pairs[key]] for key in keys]
    intervals = bootstrap_means(changes, seed=seed, n_resamples=n_resamples)
    p_values = randomisation_p_values(changes, seed=seed, n_resamples=n_resamples)
    differences = [
        MetricDifference(
            metric=key.metric,
            target=key.target,
            judge=key.judge,
            old=_mean([before[key][case_id] for case_id in pairs[key]]),
            new=_mean([after[key][case_id] for case_id in pairs[key]]),
            difference=interval.mean,
            low=interval.low,
            high=interval.high,
            n=interval.n,
            p_value=p_value,
            p_adjusted=p_value,
            detectable=None,
        )
        for key, interval, p_value in zip(keys, intervals, p_values, strict=True)
    ]
    not_compared = sorted((before.keys() | after.keys()) - set(keys))
    return RunComparison(differences=tuple(_in_families(differences, changes)), not_compared=tuple(not_compared))


def headline_differences(differences: Iterable[MetricDifference], scores: Mapping[str, MetricSummary]) -> tuple[MetricDifference, ...]:
    """Return the differences of the headline figures themselves, each by the judge whose figure it is, in the order that they are in."""
    judges = {metric: figure.judge for metric, figure in scores.items()}
    return tuple(each for each in differences if _is_headline(each) and each.judge == judges.get(each.metric))


def randomisation_p_values(columns: Sequence[Sequence[float]], *, seed: int = SEED, n_resamples: int = N_RESAMPLES) -> list[float]:
    """Return for each column of differences how often random signs give a mean at least as far from 0, counting the one that was seen.

    The paired randomisation test (Fisher 1935; for scores of retrieval Smucker, Allan and Carterette 2007). Unlike an interval by
    percentiles it keeps its level also where few cases differ. No case that differs gives 1.
    """
    p_values = [1.0] * len(columns)
    for n in sorted({len(column) for column in columns if column}):
        places = [place for place, column in enumerate(columns) if len(column) == n]
        values = np.asarray([columns[place] for place in places], dtype=np.float64).T
        seen = np.abs(values.sum(axis=0))
        as_far = _count_as_far(values, seen=seen, seed=seed, n_resamples=n_resamples)
        for place, count in zip(places, as_far.tolist(), strict=True):
            p_values[place] = (count + 1) / (n_resamples + 1)
    return p_values


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are: the step-down method of Holm (1979). At most ``alpha`` of families err at all."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted


def detectable_difference(changes: Sequence[float], *, alpha: float = ALPHA, power: float = POWER, is_binary: bool = True) -> float | None:
    """Return the smallest true mean difference that as many cases, differing as much from each other, show with this power.

    ``(z(1 - alpha/2) + z(power)) · s / √n`` with ``s`` the standard deviation of the cases' differences (Cohen 1988; for scores of language
    models Miller 2024, arXiv 2411.00640). The randomisation test needs some cases that move at all. What is 0 or 1 moves by 1 in each of
    them, so that its result is never less than what that takes.

    Args:
        changes: the cases' differences.
        alpha: the level of the test; of a family of ``m`` metrics ``0.05 / m``, which is Holm's first step.
        power: how often it is to be seen.
        is_binary: whether each case has 0 or 1.

    Returns:
        None where fewer than two cases, or too few for the test, or no difference of any case tells how much cases differ.
    """
    n, n_moves = len(changes), math.ceil(math.log2(2 / alpha))  # so many that move one way have a p-value of alpha at most
    if n < max(2, n_moves):
        return None
    spread = stdev(changes)
    if spread == 0 and not is_binary:
        return None
    floor = _least_share(n, n_moves=n_moves, power=power) if is_binary else 0.0
    normal = NormalDist()
    return max(floor, (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * spread / math.sqrt(n))


def _least_share(n: int, *, n_moves: int, power: float) -> float:
    """Return which share of ``n`` cases has to move by 1, all in one direction, for ``n_moves`` to be reached with this power.

    ``k`` moves in one direction have a p-value of ``2 · 2^-k``, and how many there are in ``n`` cases is binomial.
    """
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        too_few = sum(math.comb(n, k) * middle**k * (1 - middle) ** (n - k) for k in range(n_moves))
        low, high = (low, middle) if 1 - too_few >= power else (middle, high)
    return high


def _in_families(differences: Sequence[MetricDifference], changes: Sequence[Sequence[float]]) -> list[MetricDifference]:
    """Return the differences with what depends on how many others stand beside them."""
    told: list[MetricDifference] = list(differences)
    for headline in (True, False):
        places = [place for place, each in enumerate(differences) if _is_headline(each) is headline]
        adjusted = holm([differences[place].p_value for place in places])
        for place, p_adjusted in zip(places, adjusted, strict=True):
            metric = METRICS.get(differences[place].metric)
            is_binary = metric is not None and metric.is_binary
            detectable = detectable_difference(changes[place], alpha=ALPHA / len(places), is_binary=is_binary)
            told[place] = replace(differences[place], p_adjusted=p_adjusted, detectable=detectable)
    return told


def _is_headline(difference: MetricDifference) -> bool:
    metric = METRICS.get(difference.metric)
    return metric is not None and metric.is_headline and difference.target == metric.headline_target


def _values(rows: Iterable[ScoreRow]) -> dict[ScoreKey, dict[str, float]]:
    values: dict[ScoreKey, dict[str, float]] = {}
    for row in rows:
        of_key = values.setdefault(ScoreKey(metric=row.metric, target=row.target, judge=row.judge), {})
        if row.value is not None:
            of_key[row.case_id] = row.value
    return values


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _count_as_far(values: NDArray[np.float64], *, seen: NDArray[np.float64], seed: int, n_resamples: int) -> NDArray[np.int64]:
    """Return for each column how many random signs give a sum as far from 0, rounding aside."""
    n = values.shape[0]
    random = np.random.default_rng(seed)
    least = seen - 1e-9 * np.abs(values).sum(axis=0)
    counts = np.zeros(values.shape[1], dtype=np.int64)
    for size in blocks_of(n_resamples, n=n):
        signs = random.integers(2, size=(size, n), dtype=np.int8).astype(np.float64) * 2 - 1
        counts += (np.abs(signs @ values) >= least).sum(axis=0)
    return counts
