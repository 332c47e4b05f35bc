"""Means, coverage and reasons, against rows counted by hand."""

import json
import math

import pytest

from evaluation.summary import summarise
from tests.evaluation.answers import Row, rows


def test_a_mean_with_its_coverage_in_words() -> None:
    scored = rows([1.0] * 79 + [0.0] * 8)
    failed = [Row(case_id=f"f{n}", failure_code=code) for n, code in enumerate(["judge_timeout", "judge_broken_json", "judge_timeout"])]
    (summary,) = summarise([*failed, *scored]).scores
    assert (summary.mean, summary.scored, summary.total, summary.coverage) == (79 / 87, 87, 90, 87 / 90)
    assert dict(summary.failures) == {"judge_broken_json": ("f1",), "judge_timeout": ("f0", "f2")}
    assert str(summary) == "faithfulness 0.91 [0.84, 0.97], 87 of 90 scored, 3 judge failures listed"


def test_units_and_other_judges_in_words() -> None:
    (latency,) = summarise(rows([1200.4, 1200.4], metric="latency_ms", judge="measured", target="turn")).scores
    assert str(latency) == "latency_ms 1,200 [1,200, 1,200], 2 of 2 scored"
    failed = [*rows([1.0], metric="citations", judge="labels"), Row("x", failure_code="answer_failed", metric="citations", judge="labels")]
    assert str(summarise(failed).scores[0]).endswith("1 of 2 scored, 1 failure listed")


def test_the_order_of_rows_changes_nothing() -> None:
    some = [*rows([0.1 * n for n in range(9)]), *rows([0.3, 0.7, 0.2], metric="citations", judge="labels")]
    assert summarise(some) == summarise(some[::-1])


def test_targets_and_judges_are_never_mixed_and_the_headline_is_the_draft_by_the_first_judge() -> None:
    every = [
        *rows([0.0, 0.0]),
        *rows([1.0, 1.0], judge="ragas:m"),
        *rows([0.5, 0.5], judge="ragas:m", target="shown"),
        *rows([1.0], metric="citations", judge="labels", target="shown"),
    ]
    summary = summarise(every)
    assert [(each.metric, each.target, each.judge, each.mean) for each in summary.scores] == [
        ("citations", "shown", "labels", 1.0),
        ("faithfulness", "draft", "local-1", 0.0),
        ("faithfulness", "draft", "ragas:m", 1.0),
        ("faithfulness", "shown", "ragas:m", 0.5),
    ]
    assert {name: (each.judge, each.mean) for name, each in summary.headline().items()} == {"faithfulness": ("ragas:m", 1.0)}


def test_what_nobody_scored_is_null_with_a_reason() -> None:
    failed = [Row("a", failure_code="judge_timeout"), Row("b", failure_code="judge_timeout")]
    summary = summarise(failed, expected={"answer_relevancy": "needs_language_model", "toxicity": "no_method", "faithfulness": "no_rows"})
    scores = json.loads(json.dumps(summary.as_json(), allow_nan=False))["scores"]
    assert scores["faithfulness"] == {
        "mean": None,
        "low": None,
        "high": None,
        "scored": 0,
        "total": 2,
        "judge": "local-1",
        "target": "draft",
        "failures": {"judge_timeout": ["a", "b"]},
        "reason": "all_failed",
    }
    assert (scores["answer_relevancy"]["mean"], scores["answer_relevancy"]["reason"]) == (None, "needs_language_model")
    assert (scores["answer_relevancy"]["total"], scores["answer_relevancy"]["judge"]) == (0, None)
    lines = {each.metric: str(each) for each in summary.scores}
    assert lines["faithfulness"].startswith("faithfulness not measured: none of the cases could be scored, 0 of 2 scored")
    assert lines["answer_relevancy"] == "answer_relevancy not measured: it needs a language model as judge, and none is configured"


def test_groups_take_the_same_rows_apart() -> None:
    every = [*rows([1.0, 0.0, 1.0, 1.0]), Row("c009", failure_code="judge_timeout")]
    kinds = {"c000": ["fact"], "c001": ["fact"], "c002": ["table"], "c003": ["table", "fact"], "c009": ["table"]}
    summary = summarise(every, groups={"kind": kinds, "release": {"c000": ["rel_1"]}})
    fact, table = summary.groups["kind"]["fact"][0], summary.groups["kind"]["table"][0]
    assert (fact.mean, fact.scored, fact.total) == (pytest.approx(2 / 3), 3, 3)
    assert (table.mean, table.scored, table.total) == (1.0, 2, 3)
    assert fact == summarise([row for row in every if "fact" in kinds[row.case_id]]).scores[0]
    document = summary.as_json()
    assert list(document["groups"]["kind"]) == ["fact", "table"]
    assert document["groups"]["release"]["rel_1"]["faithfulness"]["total"] == 1
    assert summary.scores[0].total == 5


def test_every_mean_is_the_plain_mean_of_its_rows() -> None:
    values = [0.1, 0.2, 0.30000000000000004, 0.7, 1e-9]
    every = [*rows(values), *rows([1.0, 2.0], metric="latency_ms", judge="measured", target="turn"), Row("z", failure_code="broken")]
    for told in summarise(every).as_json()["all"]:
        names = ("metric", "judge", "target")
        mine = [row for row in every if all(getattr(row, name) == told[name] for name in names)]
        scored = [row.value for row in mine if row.value is not None]
        assert told["mean"] == math.fsum(scored) / len(scored)
        assert (told["scored"], told["total"]) == (len(scored), len(mine))


@pytest.mark.parametrize(
    "wrong",
    [
        [Row("a", value=math.nan)],
        [Row("a", value=math.inf)],
        [Row("a")],
        [Row("a", value=1.0, failure_code="judge_timeout")],
        [Row("a", value=1.0), Row("a", value=1.0)],
    ],
)
def test_no_mean_is_made_of_what_is_no_score(wrong: list[Row]) -> None:
    with pytest.raises(ValueError, match="case a"):
        summarise(wrong)
