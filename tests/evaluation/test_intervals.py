"""Intervals against what statistics says about them."""

import pytest

from evaluation.intervals import bootstrap_mean


def test_a_proportion_has_about_its_normal_interval() -> None:
    interval = bootstrap_mean([1.0] * 50 + [0.0] * 50)
    assert interval.mean == 0.5
    # 0.5 ± 1.96 · sqrt(0.25 / 100)
    assert interval.low == pytest.approx(0.402, abs=0.012)
    assert interval.high == pytest.approx(0.598, abs=0.012)


def test_the_same_values_give_the_same_interval() -> None:
    assert bootstrap_mean([0.0, 1.0, 1.0]) == bootstrap_mean([0.0, 1.0, 1.0])


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean([])


def test_equal_values_leave_no_doubt() -> None:
    interval = bootstrap_mean([1.0] * 7)
    assert (interval.low, interval.high, interval.n) == (1.0, 1.0, 7)
