"""Intervals against what statistics says about them."""

import random
import time

import pytest

from evaluation.intervals import bootstrap_mean, bootstrap_means


def test_a_proportion_has_about_its_normal_interval() -> None:
    interval = bootstrap_mean([1.0] * 50 + [0.0] * 50)
    assert interval.mean == 0.5
    # 0.5 ± 1.96 · sqrt(0.25 / 100)
    assert interval.low == pytest.approx(0.402, abs=0.012)
    assert interval.high == pytest.approx(0.598, abs=0.012)


def test_the_same_values_give_the_same_interval_in_whatever_order() -> None:
    draw = random.Random(1)
    values = [draw.random() for _ in range(40)]
    assert bootstrap_mean(values) == bootstrap_mean(sorted(values)) == bootstrap_mean(values[::-1])
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=2)


def test_columns_keep_their_order_and_are_what_each_is_alone() -> None:
    columns = [[0.0, 1.0, 1.0], [0.25] * 5, [3.0, 1.0, 2.0], [7.0]]
    assert bootstrap_means(columns) == [bootstrap_mean(column) for column in columns]
    assert bootstrap_means([]) == []


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_means([[1.0], []])


def test_equal_values_leave_no_doubt() -> None:
    interval = bootstrap_mean([1.0] * 7)
    assert (interval.low, interval.high, interval.n) == (1.0, 1.0, 7)
    interval = bootstrap_mean([0.1] * 7)
    assert interval.low <= interval.mean <= interval.high


def test_an_interval_holds_the_true_mean_nineteen_times_of_twenty() -> None:
    draw = random.Random(7)
    samples = [[float(draw.random() < 0.7) for _ in range(100)] for _ in range(1_000)]
    held = sum(interval.low <= 0.7 <= interval.high for interval in bootstrap_means(samples, n_resamples=1_000))
    assert 920 <= held <= 975


def test_a_whole_report_takes_seconds() -> None:
    draw = random.Random(3)
    columns = [[draw.random() for _ in range(300)] for _ in range(40)]
    began = time.process_time()
    bootstrap_means(columns)
    assert time.process_time() - began < 4
