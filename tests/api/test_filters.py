"""Filters: everything that is well-formed comes through as it was meant, everything else is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import InvalidInput
from footnote.core.types import Combination, Comparison, Filter
from retrieval.index.filters import attribute_condition
from serving.api.filters import MAX_DEPTH, parse_filters

KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), NUMBERS, st.booleans())
COMPARISONS = st.one_of(
    st.builds(Comparison, st.sampled_from(["eq", "ne"]), KEYS, VALUES),
    st.builds(Comparison, st.sampled_from(["gt", "gte", "lt", "lte"]), KEYS, NUMBERS),
    st.builds(Comparison, st.sampled_from(["in", "nin"]), KEYS, st.lists(VALUES, max_size=4).map(tuple)),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds(Combination, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "key", "value", "filters", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


def as_json(parsed: Filter) -> dict[str, Any]:
    if isinstance(parsed, Combination):
        return {"type": parsed.operator, "filters": [as_json(inner) for inner in parsed.filters]}
    value = list(parsed.value) if isinstance(parsed.value, tuple) else parsed.value
    return {"type": parsed.operator, "key": parsed.key, "value": value}


def depth(parsed: Filter) -> int:
    return 1 + max(depth(inner) for inner in parsed.filters) if isinstance(parsed, Combination) else 1


@given(FILTERS)
def test_a_filter_comes_through_json_as_it_was(meant: Filter) -> None:
    sent = json.loads(json.dumps(as_json(meant)))
    if depth(meant) > MAX_DEPTH:
        with pytest.raises(InvalidInput):
            parse_filters(sent)
    else:
        assert parse_filters(sent) == meant


@given(JSON)
def test_anything_else_is_refused_and_never_breaks(sent: object) -> None:
    refusal: InvalidInput | None = None
    try:
        parsed = parse_filters(sent)
    except InvalidInput as error:
        refusal = error
    if refusal is None:
        assert parsed is None or as_json(parsed)["type"]
    else:
        assert str(refusal.param).startswith("filters")
        assert str(refusal).encode()


@given(FILTERS)
def test_the_index_understands_what_is_let_through(meant: Filter) -> None:
    if depth(meant) <= MAX_DEPTH:
        parsed = parse_filters(as_json(meant))
        assert parsed is not None
        attribute_condition(parsed)


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "eq", "key": "a", "value": 1}
    for _ in range(levels - 1):
        inner = {"type": "and", "filters": [inner]}
    return inner


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ([], "filters"),
        ("a = 1", "filters"),
        ({}, "filters.type"),
        ({"type": ["eq"]}, "filters.type"),
        ({"type": "eq", "value": 1}, "filters.key"),
        ({"type": "eq", "key": "", "value": 1}, "filters.key"),
        ({"type": "eq", "key": "a"}, "filters.value"),
        ({"type": "eq", "key": "a", "value": None}, "filters.value"),
        ({"type": "eq", "key": "a", "value": [1]}, "filters.value"),
        ({"type": "eq", "key": "a", "value": float("nan")}, "filters.value"),
        ({"type": "eq", "key": "a", "value": 10**400}, "filters.value"),
        ({"type": "eq", "key": "a", "value": "\ud800"}, "filters.value"),
        ({"type": "eq", "key": "\ud800", "value": 1}, "filters.key"),
        ({"type": "gt", "key": "a", "value": True}, "filters.value"),
        ({"type": "in", "key": "a", "value": "x"}, "filters.value"),
        ({"type": "in", "key": "a", "value": ["x", {}]}, "filters.value[1]"),
        ({"type": "in", "key": "a", "value": ["x"] * 1_001}, "filters.value"),
        ({"type": "and", "filters": []}, "filters.filters"),
        ({"type": "and", "filters": [{"type": "eq", "key": "a", "value": 1}, 7]}, "filters.filters[1]"),
        ({"type": "eq", "key": "a", "value": 1, "extra": 2}, "filters"),
        (nested(MAX_DEPTH + 1), "filters"),
        ({"type": "or", "filters": [nested(1)] * 256}, "filters"),
    ],
)
def test_the_place_of_a_fault_is_named(sent: object, param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filters(sent)
    assert caught.value.param == param


def test_none_is_no_filter_and_the_deepest_is_let_through() -> None:
    assert parse_filters(None) is None
    assert parse_filters(nested(MAX_DEPTH)) is not None
