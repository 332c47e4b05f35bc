"""Conditions in the words of Qdrant Edge."""

from typing import assert_never

from qdrant_edge import FieldCondition, HasIdCondition, MatchAny, RangeFloat
from qdrant_edge import Filter as EdgeFilter

from retrieval.index.filters import AllOf, AnyOf, Condition, InRange, Not, OneOf

EdgeCondition = FieldCondition | HasIdCondition | EdgeFilter


def edge_filter(condition: AllOf) -> EdgeFilter:
    return EdgeFilter(must=[_render(inner) for inner in condition.conditions])


def _render(condition: Condition) -> EdgeCondition:
    match condition:
        case OneOf(path, words):
            return FieldCondition(key=path, match=MatchAny(list(words)))
        case InRange(path, gt, gte, lt, lte):
            return FieldCondition(key=path, range=RangeFloat(gt=gt, gte=gte, lt=lt, lte=lte))
        case AllOf():
            return edge_filter(condition)
        case AnyOf(()):
            return HasIdCondition(set())  # an empty `should` would hold always
        case AnyOf(conditions):
            return EdgeFilter(should=[_render(inner) for inner in conditions])
        case Not(inner):
            return EdgeFilter(must_not=[_render(inner)])
        case _:
            assert_never(condition)
