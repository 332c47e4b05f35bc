"""Drift is found where other things are asked, and not where the same things are asked again."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.cases import read_cases
from evaluation.report.drift import MAX_VECTORS, question_drift, score_drift, share_change, wilson_interval
from evaluation.summary import ScoreKey
from retrieval.embedder.port import Embedder

QUESTIONS = Path(__file__).parents[3] / "examples" / "handbook-questions.jsonl"
N_SEEDS = 60


def key(metric: str, *, judge: str = "labels") -> ScoreKey:
    return ScoreKey(metric=metric, target="draft", judge=judge)


def names(n: int) -> list[str]:
    return [f"turn_{place}" for place in range(n)]


def topics(random: np.random.Generator, n: int, *, weights: list[float]) -> np.ndarray:
    """Unit vectors around one of four centres each."""
    centres = np.random.default_rng(1).normal(size=(4, 48))
    points = centres[random.choice(4, size=n, p=weights)] + 0.9 * random.normal(size=(n, 48))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_questions_about_other_topics_are_found_and_the_new_topic_is_named() -> None:
    random = np.random.default_rng(3)
    before = topics(random, 150, weights=[0.5, 0.5, 0, 0])
    now = np.vstack([topics(random, 120, weights=[0.5, 0.5, 0, 0]), topics(random, 30, weights=[0, 0, 1, 0])])
    drift = question_drift(before, now, ids=names(150))
    assert drift.drifted
    assert len(drift.typical_ids) == 8
    assert set(drift.typical_ids) <= {f"turn_{place}" for place in range(120, 150)}


def test_the_same_topics_are_no_drift_whatever_the_seed() -> None:
    n_alarms = 0
    for seed in range(N_SEEDS):
        random = np.random.default_rng(seed)
        before, now = (topics(random, 80, weights=[0.4, 0.3, 0.2, 0.1]) for _ in range(2))
        n_alarms += question_drift(before, now, ids=names(80)).drifted
    assert n_alarms <= 0.05 * N_SEEDS


def test_the_same_questions_twice_have_no_distance_and_few_are_not_judged() -> None:
    vectors = topics(np.random.default_rng(4), 60, weights=[0.25] * 4)
    assert question_drift(vectors, vectors, ids=names(60)).p_value > 0.9
    too_few = question_drift(vectors, vectors[:19], ids=names(19))
    assert (too_few.p_value, too_few.drifted) == (None, False)
    one_question = np.repeat(vectors[:1], 30, axis=0)
    assert not question_drift(one_question, one_question, ids=names(30)).drifted


def test_of_many_questions_a_part_is_drawn_the_same_each_time() -> None:
    random = np.random.default_rng(5)
    before, now = topics(random, 1000, weights=[0.25] * 4), topics(random, 900, weights=[0, 0, 0.5, 0.5])
    one, again = (question_drift(before, now, ids=names(900)) for _ in range(2))
    assert one == again
    assert (one.n_before, one.n_now) == (MAX_VECTORS, MAX_VECTORS)


async def test_the_handbooks_questions_split_at_random_are_no_drift_and_half_its_topics_are(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.report.drift.N_PERMUTATIONS", 299)  # for speed: the test is exact with any number
    cases = read_cases(QUESTIONS)
    vectors = np.asarray(await embedder.embed_queries([case.question for case in cases]), dtype=np.float64)
    n_alarms = 0
    for seed in range(300):
        order = np.random.default_rng(seed).permutation(len(cases))
        half = len(cases) // 2
        n_alarms += question_drift(vectors[order[:half]], vectors[order[half:]], ids=names(len(cases) - half)).drifted
    assert n_alarms <= 0.05 * 300
    is_travel = np.array(["travel" in case.document or "leave" in case.document for case in cases])
    drift = question_drift(vectors[~is_travel], vectors[is_travel], ids=names(int(is_travel.sum())))
    assert drift.drifted


def test_newcombes_interval_is_that_of_his_table() -> None:
    """Newcombe 1998, Statistics in Medicine 17, table II, method 10: contrasts (a) 56/70 less 48/80 and (d) 5/56 less 0/29."""
    change = share_change(48, 80, 56, 70)
    assert (change.low, change.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert change.rose
    rare = share_change(0, 29, 5, 56)
    assert (rare.low, rare.high) == (pytest.approx(-0.0381, abs=5e-5), pytest.approx(0.1926, abs=5e-5))
    assert not rare.rose
    assert share_change(0, 0, 5, 56).difference is None


def test_wilsons_interval_is_right_at_the_ends() -> None:
    assert wilson_interval(81, 263) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))  # Newcombe 1998, table I
    low, high = wilson_interval(0, 20)
    assert (low, high) == (0, pytest.approx(0.1611, abs=5e-5))


def test_scores_that_fell_are_found_and_those_of_a_split_are_not() -> None:
    random = np.random.default_rng(6)
    before = {key("faithfulness"): random.choice([1, 0.5, 0], size=90, p=[0.8, 0.15, 0.05]), key("citations"): random.random(90) < 0.8}
    now = {
        key("faithfulness"): random.choice([1, 0.5, 0], size=90, p=[0.45, 0.3, 0.25]),
        key("citations"): random.random(90) < 0.8,
        key("mrr"): [1.0] * 90,
    }
    found = {drift.metric: drift for drift in score_drift(before, now)}
    assert found.keys() == {"faithfulness", "citations"}
    assert found["faithfulness"].drifted
    assert not found["citations"].drifted
    n_alarms = 0
    for seed in range(N_SEEDS):
        values = np.random.default_rng(seed).choice([1, 0.5, 0], size=(4, 120), p=[0.7, 0.2, 0.1])
        split = [{key(f"metric {row}"): part for row, part in enumerate(half)} for half in (values[:, :60], values[:, 60:])]
        n_alarms += any(drift.drifted for drift in score_drift(split[0], split[1]))
    assert n_alarms <= 0.05 * N_SEEDS


def test_a_large_difference_of_distributions_is_measured_exactly() -> None:
    (drift,) = score_drift({key("citations"): [1.0] * 30 + [0.0] * 10}, {key("citations"): [1.0] * 10 + [0.0] * 30})
    assert drift.distance == pytest.approx(0.5)
    assert (drift.mean_before, drift.mean_now) == (0.75, 0.25)


def test_scores_of_two_judges_are_two_distributions() -> None:
    lenient, strict = key("faithfulness", judge="local-1"), key("faithfulness", judge="ragas:one")
    before = {lenient: [0.9] * 40}
    assert score_drift(before, {strict: [0.4] * 40}) == ()
    (drift,) = score_drift(before, {lenient: [0.9] * 40, strict: [0.4] * 40})
    assert (drift.judge, drift.target, drift.mean_now) == ("local-1", "draft", pytest.approx(0.9))
