"""What a search may see, as a tree of conditions that names no engine: access, versions left out, and the caller's own filter.

Access fails closed: without a collection or without a principal there is no condition, and so no search. ``edge_filter`` and
``server_filter`` say the same tree in the words of each engine.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from footnote.core.errors import InvalidInput
from footnote.core.types import Access, AttributeValue, Combination, Comparison, Filter
from retrieval.index.schema import (
    COLLECTION,
    EDITION,
    FLAG_ATTRIBUTES,
    NUMBER_ATTRIBUTES,
    PRINCIPALS,
    TEXT_ATTRIBUTES,
    VERSION,
    attribute_path,
    flag_word,
    is_number,
)

MAX_DEPTH = 32
"""Filters nested deeper are refused: nobody writes them by hand, and both engines walk them recursively."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field, or one element of it where it is a list, is one of these words."""

    path: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRange:
    """The field is a number within these bounds; None is no bound."""

    path: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds; without any, always."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one condition holds; without any, never."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold, also because the field is not there."""

    condition: "Condition"


Condition = OneOf | InRange | AllOf | AnyOf | Not


def visible(
    access: Access,
    *,
    excluded_versions: Iterable[str] = (),
    editions: Mapping[str, str | None] | None = None,
    other_editions: Iterable[str] = (),
    attribute_filter: Filter | None = None,
    version_id: str | None = None,
) -> AllOf | None:
    """Return the condition on points that this caller may see, or None where nobody or nothing is named: then there is no search.

    Raises:
        InvalidInput: an operator is asked of a value that it is not for, or the filter is nested too deeply.
    """
    if access.sees_nothing:
        return None
    conditions: list[Condition] = [
        *_in_collections(access.collection_ids, editions=editions or {}, other_editions=frozenset(other_editions)),
        OneOf(PRINCIPALS, tuple(sorted(access.principals))),
    ]
    if excluded := tuple(sorted(excluded_versions)):
        conditions.append(Not(OneOf(VERSION, excluded)))
    if version_id is not None:
        conditions.append(OneOf(VERSION, (version_id,)))
    if attribute_filter is not None:
        conditions.append(attribute_condition(attribute_filter))
    return AllOf(tuple(conditions))


def _in_collections(
    collection_ids: frozenset[str], *, editions: Mapping[str, str | None], other_editions: frozenset[str]
) -> Sequence[Condition]:
    """Return the conditions for collections and what they show: an edition belongs to one collection, so two lists of words are enough.

    Points carry an edition only where they were made by a re-indexing, so of a collection without one the others are left out by name.
    """
    shown = {collection: edition for collection in collection_ids if (edition := editions.get(collection)) is not None}
    without = tuple(sorted(collection_ids - shown.keys()))
    first: list[Condition] = [OneOf(COLLECTION, without)]
    if others := tuple(sorted(other_editions)):
        first.append(Not(OneOf(EDITION, others)))
    if not shown:
        return first
    flipped = [OneOf(COLLECTION, tuple(sorted(shown))), OneOf(EDITION, tuple(sorted(shown.values())))]
    return [AnyOf((AllOf(tuple(first)), AllOf(tuple(flipped))))] if without else flipped


def attribute_condition(attribute_filter: Filter, *, depth: int = 1) -> Condition:
    """Return the condition for a filter on attributes."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"The filter is nested more than {MAX_DEPTH} deep.", param="filters")
    if isinstance(attribute_filter, Combination):
        conditions = tuple(attribute_condition(inner, depth=depth + 1) for inner in attribute_filter.filters)
        return AllOf(conditions) if attribute_filter.operator == "and" else AnyOf(conditions)
    return _comparison(attribute_filter)


def _comparison(comparison: Comparison) -> Condition:
    match comparison.operator:
        case "eq":
            return _equals_one(comparison.key, [_single(comparison)])
        case "ne":
            return Not(_equals_one(comparison.key, [_single(comparison)]))
        case "in":
            return _equals_one(comparison.key, _several(comparison))
        case "nin":
            return Not(_equals_one(comparison.key, _several(comparison)))
        case "gt" | "gte" | "lt" | "lte":
            bound = {comparison.operator: _number(comparison)}
            return InRange(attribute_path(NUMBER_ATTRIBUTES, comparison.key), **bound)


def _equals_one(key: str, values: Sequence[AttributeValue]) -> Condition:
    words = tuple(value for value in values if isinstance(value, str))
    flags = tuple(flag_word(value) for value in values if isinstance(value, bool))
    numbers = [float(value) for value in values if is_number(value)]
    conditions: list[Condition] = []
    if words:
        conditions.append(OneOf(attribute_path(TEXT_ATTRIBUTES, key), words))
    if flags:
        conditions.append(OneOf(attribute_path(FLAG_ATTRIBUTES, key), flags))
    conditions.extend(
        InRange(attribute_path(NUMBER_ATTRIBUTES, key), gte=number, lte=number) for number in numbers if not math.isnan(number)
    )
    return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))


def _single(comparison: Comparison) -> AttributeValue:
    if isinstance(comparison.value, tuple):
        raise InvalidInput(f"`{comparison.operator}` compares with one value; use `in` or `nin` for several.", param="filters")
    return comparison.value


def _several(comparison: Comparison) -> tuple[AttributeValue, ...]:
    if not isinstance(comparison.value, tuple):
        raise InvalidInput(f"`{comparison.operator}` needs a list of values.", param="filters")
    return comparison.value


def _number(comparison: Comparison) -> float:
    value = _single(comparison)
    if isinstance(value, str) or not is_number(value) or not math.isfinite(value):
        raise InvalidInput(f"`{comparison.operator}` compares numbers; {comparison.key!r} was compared with {value!r}.", param="filters")
    return float(value)
