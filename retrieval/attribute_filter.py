"""Filters on attributes, decided by what the catalog says: the last word where the index may still show what was before.

The index decides the same in the engine's words (``retrieval.index.filters``); the contract of all indexes compares the two.
"""

from collections.abc import Sequence

from footnote.core.types import Attributes, AttributeValue, Combination, Comparison, Filter
from retrieval.index.schema import is_number


def fulfils(attributes: Attributes, wanted: Filter) -> bool:
    """Say whether attributes fulfil a filter that the index has accepted; text, numbers and flags never equal each other."""
    if isinstance(wanted, Combination):
        each = (fulfils(attributes, inner) for inner in wanted.filters)
        return all(each) if wanted.operator == "and" else any(each)
    return _compares(attributes.get(wanted.key), wanted)


def _compares(value: AttributeValue | None, wanted: Comparison) -> bool:
    match wanted.operator:
        case "eq" | "in":
            return _is_among(value, _values(wanted))
        case "ne" | "nin":
            return not _is_among(value, _values(wanted))
        case "gt" | "gte" | "lt" | "lte":
            return value is not None and is_number(value) and _is_within(float(value), wanted.operator, wanted.value)


def _is_among(value: AttributeValue | None, values: Sequence[AttributeValue]) -> bool:
    return value is not None and any(_kind(value) == _kind(each) and value == each for each in values)


def _is_within(number: float, operator: str, bound: AttributeValue | tuple[AttributeValue, ...]) -> bool:
    if isinstance(bound, tuple) or not is_number(bound):
        return False
    limit = float(bound)
    return {"gt": number > limit, "gte": number >= limit, "lt": number < limit, "lte": number <= limit}[operator]


def _values(wanted: Comparison) -> Sequence[AttributeValue]:
    return wanted.value if isinstance(wanted.value, tuple) else (wanted.value,)


def _kind(value: AttributeValue) -> type:
    return float if is_number(value) else type(value)
