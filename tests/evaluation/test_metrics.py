"""The registry of metrics, and that its documentation says the same."""

import re
from pathlib import Path

import pytest

from evaluation.metrics import METRICS, NOT_MEASURED, REASONS, Direction, metric_named
from footnote.core.errors import InvalidInput

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"


def rows_of_metrics() -> list[list[str]]:
    """Return the cells of all tables of metrics; the page has others too."""
    rows: list[list[str]] = []
    in_table = False
    for line in DOCUMENTATION.read_text(encoding="utf-8").splitlines():
        in_table = line.startswith("| metric |") or (in_table and line.startswith("|"))
        if in_table and line.startswith("| `"):
            rows.append(line.split("|"))
    return rows


def test_every_metric_stands_in_a_table_of_the_documentation() -> None:
    documented = {name for cells in rows_of_metrics() for name in re.findall(r"`([^`]+)`", cells[1])}
    assert set(METRICS) <= documented
    assert documented <= set(METRICS)


def test_what_is_measured_goes_the_documented_way() -> None:
    words = {"less": Direction.LOWER, "neither": Direction.NEITHER, "more": Direction.HIGHER}
    told = {
        name: (cells[2].strip(), words[cells[3].strip()])
        for cells in rows_of_metrics()
        if cells[3].strip() in words
        for name in re.findall(r"`([^`]+)`", cells[1])
    }
    assert told == {metric.name: (metric.unit, metric.direction) for metric in METRICS.values() if metric.unit != "share"}


def test_a_metric_of_a_turn_has_no_draft() -> None:
    assert metric_named("faithfulness").headline_target == "draft"
    assert metric_named("recall@10").headline_target == "turn"


def test_an_unknown_metric_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput) as caught:
        metric_named("fidelity")
    assert "faithfulness" in str(caught.value.hint)


def test_every_reason_has_words() -> None:
    assert set(NOT_MEASURED.values()) <= set(REASONS)


def test_values_are_told_by_their_unit() -> None:
    assert metric_named("faithfulness").told(0.914) == "0.91"
    assert metric_named("latency_ms").told(1234.5) == "1,234"
    assert metric_named("cost").told(0.000123456) == "0.0001235"
