"""Comparisons: by hand where a number is known, by simulation where an error rate is promised."""

import json
import random
from statistics import stdev

import pytest

from evaluation.comparing import compare_runs, detectable_difference, holm, randomisation_p_values
from tests.evaluation.answers import Row, rows

HEADLINES = ("faithfulness", "answer_relevancy", "answer_correctness", "answer_found", "citations", "abstention")


def test_a_difference_is_that_of_the_cases_that_both_scored() -> None:
    old = [*rows([1.0] * 20), Row("gone", value=0.0), Row("broke", value=1.0)]
    new = [*rows([0.0] * 12 + [1.0] * 8), Row("fresh", value=0.0), Row("broke", failure_code="judge_timeout")]
    (one,) = compare_runs(old, new).differences
    assert (one.n, one.old, one.new, one.difference) == (20, 1.0, 0.4, pytest.approx(-0.6))
    assert one.low < -0.6 < one.high < 0
    assert (one.is_noise, one.is_worse, one.is_better) == (False, True, False)
    (back,) = compare_runs(new, old).differences
    assert (back.is_better, back.difference) == (True, pytest.approx(0.6))
    assert compare_runs(old, new) == compare_runs(old[::-1], new[::-1])


def test_a_run_is_no_different_from_itself() -> None:
    same = rows([0.3, 0.9, 1.0, 0.0, 0.5, 0.5, 0.2])
    comparison = compare_runs(same, same)
    (one,) = comparison.differences
    assert (one.difference, one.low, one.high, one.p_value, one.is_noise) == (0, 0, 0, 1, True)
    assert (comparison.better, comparison.worse) == ((), ())


def test_where_less_is_better_more_is_worse_and_of_tokens_neither_is() -> None:
    slow, quick = [100.0 + n for n in range(20)], [50.0 + n for n in range(20)]
    latency = {"metric": "latency_ms", "judge": "measured", "target": "turn"}
    (one,) = compare_runs(rows(quick, **latency), rows(slow, **latency)).worse
    assert one.difference == 50
    (one,) = compare_runs(rows(slow, **latency), rows(quick, **latency)).better
    tokens = latency | {"metric": "prompt_tokens"}
    (one,) = compare_runs(rows(quick, **tokens), rows(slow, **tokens)).differences
    assert (one.is_noise, one.is_better, one.is_worse) == (False, False, False)


def test_other_judges_and_other_cases_are_no_pairs() -> None:
    old = [*rows([1.0, 0.0]), Row("only-old", value=1.0, metric="citations", judge="labels")]
    new = [*rows([1.0, 0.0], judge="ragas:m"), Row("only-new", value=1.0, metric="citations", judge="labels")]
    comparison = compare_runs(old, new)
    assert comparison.differences == ()
    assert [(key.metric, key.judge) for key in comparison.not_compared] == [
        ("citations", "labels"),
        ("faithfulness", "local-1"),
        ("faithfulness", "ragas:m"),
    ]
    assert json.loads(json.dumps(comparison.as_json(), allow_nan=False))["not_compared"][0]["metric"] == "citations"


def test_p_values_of_few_cases_are_those_of_all_their_signs() -> None:
    # five differences of one size and direction: 2 of 32 signs are as far; four, of which one goes the other way: 10 of 16
    five, mixed = randomisation_p_values([[1.0] * 5, [1.0, 1.0, 1.0, -1.0]], n_resamples=20_000)
    assert five == pytest.approx(2 / 32, abs=0.006)
    assert mixed == pytest.approx(10 / 16, abs=0.015)
    assert randomisation_p_values([[0.1, 0.2, -0.1, 0.0]])[0] == pytest.approx(6 / 8, abs=0.02), "sums that are equal but for rounding"


def test_four_of_sixty_cases_are_noise_although_their_interval_leaves_out_zero() -> None:
    (one,) = compare_runs(rows([1.0] * 60), rows([0.0] * 4 + [1.0] * 56)).differences
    assert one.high < 0
    assert one.p_value == pytest.approx(2 / 16, abs=0.01)
    assert one.is_noise


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_many_other_metrics_do_does_not_hide_a_headline() -> None:
    old, new = rows([1.0] * 40), rows([0.0] * 9 + [1.0] * 31)
    others_old = [row for n in range(30) for row in rows([0.5] * 40, metric="answer_f1", judge=f"judge-{n}")]
    (one,) = [each for each in compare_runs([*old, *others_old], [*new, *others_old]).differences if each.metric == "faithfulness"]
    assert one.p_adjusted == one.p_value
    assert one.is_worse
    shown = [row for n in range(30) for row in rows([0.5] * 40, target="shown", judge=f"judge-{n}")]
    apart_old, apart_new = rows([1.0] * 40, target="shown"), rows([0.0] * 9 + [1.0] * 31, target="shown")
    (one,) = [each for each in compare_runs([*apart_old, *shown], [*apart_new, *shown]).differences if each.judge == "local-1"]
    assert one.p_adjusted == pytest.approx(31 * one.p_value), "a metric that is no headline is one of the 31 others"
    assert one.is_noise


@pytest.mark.parametrize(("n", "p_moves"), [(60, 0.1), (100, 0.3), (30, 0.5)])
def test_two_runs_of_the_same_release_are_called_different_in_five_of_a_hundred_at_most(n: int, p_moves: float) -> None:
    draw = random.Random(n)
    n_runs, alarms = 200, 0
    for _ in range(n_runs):
        old: list[Row] = []
        new: list[Row] = []
        for metric in HEADLINES:
            pairs = [draw.choice([(0.0, 1.0), (1.0, 0.0)]) if draw.random() < p_moves else (1.0, 1.0) for _ in range(n)]
            old += rows([before for before, _ in pairs], metric=metric)
            new += rows([after for _, after in pairs], metric=metric)
        comparison = compare_runs(old, new, n_resamples=1_000)
        alarms += any(not each.is_noise for each in comparison.differences)
    # 5 % of 200 are 10; 17 is what a rate of 5 % exceeds once in a hundred times
    assert alarms <= 17


def test_an_effect_of_the_size_that_is_called_detectable_is_found_four_times_of_five() -> None:
    draw = random.Random(11)
    n, effect, spread, n_runs, found = 80, 0.12, 0.3, 200, 0
    told: list[float] = []
    for _ in range(n_runs):
        old = rows([0.5] * n)
        new = rows([0.5 + draw.gauss(-effect, spread) for _ in range(n)])
        (one,) = compare_runs(old, new, n_resamples=1_000).differences
        found += one.is_worse
        assert one.detectable is not None
        told.append(one.detectable)
    # the formula, with the spread that was planted: (1.960 + 0.842) · 0.3 / √80 = 0.094, and 0.12 is a power of 0.95
    assert sum(told) / n_runs == pytest.approx(0.094, abs=0.002)
    assert found / n_runs == pytest.approx(0.95, abs=0.04)


def test_the_smallest_effect_on_shares_is_found_four_times_of_five() -> None:
    draw = random.Random(5)
    n, n_runs = 60, 300
    least = detectable_difference([0.0] * n)
    assert least is not None
    assert 6 / n < least < 10 / n
    columns = [[-float(draw.random() < least) for _ in range(n)] for _ in range(n_runs)]
    found = sum(p_value <= 0.05 for p_value in randomisation_p_values(columns, n_resamples=2_000))
    assert found / n_runs == pytest.approx(0.8, abs=0.07)


def test_what_moves_in_small_steps_shows_small_differences() -> None:
    changes = [0.01, -0.01] * 50
    for metric, least in (("faithfulness", 2.8016 * stdev(changes) / 10), ("answer_found", detectable_difference([0.0] * 100))):
        (one,) = compare_runs(rows([0.5] * 100, metric=metric), rows([0.5 + change for change in changes], metric=metric)).differences
        assert one.detectable == pytest.approx(least, rel=1e-3)
    (still,) = compare_runs(rows([0.5] * 100), rows([0.5] * 100)).differences
    assert still.detectable is None, "nothing says how much cases differ"


def test_the_detectable_difference_by_hand() -> None:
    changes = [30.0, -10.0] * 50
    expected = (1.959964 + 0.841621) * stdev(changes) / 10
    assert detectable_difference(changes, is_binary=False) == pytest.approx(expected, rel=1e-5)
    assert detectable_difference(changes, is_binary=False, alpha=0.01) == pytest.approx(
        (2.575829 + 0.841621) * stdev(changes) / 10, rel=1e-5
    )
    assert detectable_difference([1.0], is_binary=False) is None
    assert detectable_difference([0.0] * 50, is_binary=False) is None, "nothing says how much cases differ"
    assert detectable_difference([0.0] * 5) is None, "five cases can show nothing, whatever they do"
