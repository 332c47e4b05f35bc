"""Conditions in the words of qdrant-client."""

from typing import assert_never

from qdrant_client import models

from retrieval.index.filters import AllOf, AnyOf, Condition, InRange, Not, OneOf


def server_filter(condition: AllOf) -> models.Filter:
    return models.Filter(must=[_render(inner) for inner in condition.conditions])


def _render(condition: Condition) -> models.FieldCondition | models.HasIdCondition | models.Filter:
    match condition:
        case OneOf(path, words):
            return models.FieldCondition(key=path, match=models.MatchAny(any=list(words)))
        case InRange(path, gt, gte, lt, lte):
            return models.FieldCondition(key=path, range=models.Range(gt=gt, gte=gte, lt=lt, lte=lte))
        case AllOf():
            return server_filter(condition)
        case AnyOf(()):
            return models.HasIdCondition(has_id=[])  # an empty `should` would hold always
        case AnyOf(conditions):
            return models.Filter(should=[_render(inner) for inner in conditions])
        case Not(inner):
            return models.Filter(must_not=[_render(inner)])
        case _:
            assert_never(condition)
