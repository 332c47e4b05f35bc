"""Figures about judges against values worked out by hand, and labels that cannot be used."""

import json

import numpy as np
import pytest

from evaluation import judge_quality
from evaluation.judge_quality import (
    LabelledPair,
    Rating,
    ServingJudge,
    auroc,
    balanced_accuracy,
    calibration_error,
    estimate,
    measure,
    read_pairs,
    reliability,
    shipped_qualities,
)
from footnote.core.errors import InvalidInput
from serving.judge.local import LocalJudge

TRUTH = np.array([1, 1, 1, 0, 0])
SCORES = np.array([0.9, 0.8, 0.3, 0.3, 0.1])


class Scripted:
    name, revision = "scripted-1", "r1"

    def __init__(self, ratings):
        self.ratings = ratings
        self.asked = []

    async def rate(self, claims, context):
        self.asked.append((context, list(claims)))
        return [self.ratings[claim] for claim in claims]


def pairs(*labels):
    return [
        LabelledPair(claim=f"c{number}", context="even" if number % 2 == 0 else "odd", label=label) for number, label in enumerate(labels)
    ]


def test_balanced_accuracy_is_the_mean_of_both_recalls():
    decided = (SCORES >= 0.5).astype(float)
    assert balanced_accuracy(TRUTH, decided) == pytest.approx((2 / 3 + 2 / 2) / 2)


def test_auroc_counts_pairs_and_ties_by_half():
    # six pairs: 0.9 and 0.8 beat both, 0.3 ties with 0.3 and beats 0.1
    assert auroc(TRUTH, SCORES) == pytest.approx((2 + 2 + 0.5 + 1) / 6)
    assert auroc(TRUTH, np.full(5, 0.4)) == pytest.approx(0.5)


def test_calibration_error_weighs_each_bin_by_its_claims():
    # bins: {0.1: 0 of 1}, {0.3, 0.3: 1 of 2}, {0.8: 1 of 1}, {0.9: 1 of 1}
    expected = (1 * 0.1 + 2 * abs(0.3 - 0.5) + 1 * 0.2 + 1 * 0.1) / 5
    assert calibration_error(TRUTH, SCORES) == pytest.approx(expected)
    assert [(each.n, each.supported) for each in reliability(TRUTH, SCORES)] == [(1, 0.0), (2, 0.5), (1, 1.0), (1, 1.0)]


def test_a_score_of_one_lies_in_the_last_bin():
    (only,) = reliability(np.array([1, 1]), np.array([1.0, 0.95]))
    assert (only.low, only.high, only.n) == (0.9, 1.0, 2)


def test_intervals_hold_the_figure_and_repeat():
    rng = np.random.default_rng(1)
    truth = (rng.random(200) < 0.3).astype(np.int64)
    scores = np.clip(truth * 0.3 + rng.random(200) * 0.7, 0, 1)
    found = estimate(auroc, truth, scores)
    assert found.low < found.value < found.high
    assert found == estimate(auroc, truth, scores)


def test_a_draw_never_lacks_a_label(monkeypatch):
    """One supported claim among many: drawn from all claims together it would be missing in a third of the draws."""
    monkeypatch.setattr(judge_quality, "N_RESAMPLES", 200)
    found = estimate(auroc, np.array([1] + [0] * 30), np.linspace(1, 0, 31))
    assert (found.low, found.high) == (1.0, 1.0)


async def test_what_could_not_be_judged_is_counted_and_left_out():
    judge = Scripted({"c0": Rating(True, 0.9), "c1": Rating(False, 0.2), "c2": None, "c3": Rating(True, 0.7)})
    done = []
    found = await measure(judge, pairs(1, 0, 1, 0), labels="ours", labels_sha256="a", on_progress=done.append)
    assert (found.n, found.n_failed, found.n_supported) == (3, 1, 1)
    assert found.balanced_accuracy.value == pytest.approx((1 + 0.5) / 2)
    assert found.auroc is not None
    assert sum(done) == 4
    assert sorted(judge.asked) == [("even", ["c0", "c2"]), ("odd", ["c1", "c3"])]


async def test_a_judge_without_scores_has_no_ranking():
    judge = Scripted({"c0": Rating(True, None), "c1": Rating(False, None)})
    found = await measure(judge, pairs(1, 0), labels="ours", labels_sha256="a")
    assert (found.balanced_accuracy.value, found.auroc, found.calibration_error, found.bins) == (1.0, None, None, ())


async def test_figures_hold_no_text():
    judge = Scripted({"c0": Rating(True, 0.9), "c1": Rating(False, 0.2)})
    told = json.dumps((await measure(judge, pairs(1, 0), labels="ours", labels_sha256="a")).as_json())
    assert "c0" not in told
    assert "even" not in told


async def test_with_the_judge_that_serves(embedder):
    context = "Each calendar year employees have 28 days of paid leave. The pump is serviced every 500 hours."
    claims = [("Employees have 28 days of paid leave.", 1), ("Employees have 35 days of paid leave.", 0)]
    labelled = [LabelledPair(claim=claim, context=context, label=label) for claim, label in claims]
    found = await measure(ServingJudge(LocalJudge(embedder)), labelled, labels="ours", labels_sha256="a")
    assert (found.judge, found.balanced_accuracy.value, found.n) == ("local-1", 1.0, 2)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "Line 2"),
        ('{"claim": "a", "context": "b"}', "Line 2"),
        ('{"claim": "a", "context": "b", "label": 2}', "neither 1 nor 0"),
        ('{"claim": " ", "context": "b", "label": 1}', "no claim"),
        ('{"claim": "a", "context": "b", "label": true}', "supported and unsupported"),
    ],
    ids=["no JSON", "no label", "another label", "no claim", "one label alone"],
)
def test_labels_that_cannot_be_used_are_named(tmp_path, line, says):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"claim": "a", "context": "b", "label": 1}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=says):
        read_pairs(path)


def test_the_judge_that_is_shipped_is_known(embedder):
    judge = LocalJudge(embedder)
    known = shipped_qualities(judge.name, judge.revision)
    assert {"wice test", "begin_wow test", "scifact test"} <= {each["labels"] for each in known}
    assert all(each["balanced_accuracy"]["low"] > 0.5 for each in known)
    assert shipped_qualities("another", judge.revision) == ()
