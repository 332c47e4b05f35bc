"""Conditions on attributes: from the API's JSON to ``footnote.core.types.Filter``, with a message for each thing that can be wrong."""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

from footnote.core.errors import InvalidInput
from footnote.core.types import AttributeValue, Combination, Comparison, Filter

MAX_DEPTH = 16
MAX_CONDITIONS = 256
MAX_VALUES = 1_000

_COMBINATIONS = ("and", "or")
_ORDERS = ("gt", "gte", "lt", "lte")
_MEMBERSHIPS = ("in", "nin")
_COMPARISONS = ("eq", "ne", *_ORDERS, *_MEMBERSHIPS)

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]


def parse_filters(value: object) -> Filter | None:
    """Return the filter that ``filters`` asks for, or None where it is not given.

    Raises:
        InvalidInput: with the place of the fault, such as ``filters.filters[1].value``, as its parameter.
    """
    if value is None:
        return None
    return _Parser().parse(value, place="filters", depth=1)


class _Parser:
    def __init__(self) -> None:
        self._n_conditions = 0

    def parse(self, value: object, *, place: str, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise InvalidInput(f"Filters may be nested {MAX_DEPTH} deep.", param="filters")
        self._n_conditions += 1
        if self._n_conditions > MAX_CONDITIONS:
            raise InvalidInput(f"A filter may have {MAX_CONDITIONS} conditions.", param="filters")
        condition = _object(value, place=place)
        kind = condition.get("type")
        if kind in _COMBINATIONS:
            return self._combination(condition, place=place, depth=depth)
        if kind in _COMPARISONS:
            return _comparison(condition, place=place)
        raise InvalidInput(f"`{place}.type` has to be one of {', '.join((*_COMPARISONS, *_COMBINATIONS))}.", param=f"{place}.type")

    def _combination(self, condition: Mapping[str, Any], *, place: str, depth: int) -> Combination:
        _refuse_others(condition, known=("type", "filters"), place=place)
        inner = condition.get("filters")
        if not isinstance(inner, list) or not inner:
            raise InvalidInput(f"`{place}.filters` has to be a list of conditions, not an empty one.", param=f"{place}.filters")
        parts = cast("list[object]", inner)
        return Combination(
            operator=condition["type"],
            filters=tuple(self.parse(part, place=f"{place}.filters[{n}]", depth=depth + 1) for n, part in enumerate(parts)),
        )


def _comparison(condition: Mapping[str, Any], *, place: str) -> Comparison:
    _refuse_others(condition, known=("type", "key", "value"), place=place)
    key = condition.get("key")
    if not isinstance(key, str) or not key or not _is_unicode(key):
        raise InvalidInput(f"`{place}.key` has to be the name of an attribute.", param=f"{place}.key")
    if "value" not in condition:
        raise InvalidInput(f"`{place}.value` is missing.", param=f"{place}.value")
    operator: Operator = condition["type"]
    return Comparison(operator=operator, key=key, value=_value(condition["value"], operator=operator, place=f"{place}.value"))


def _value(value: object, *, operator: Operator, place: str) -> AttributeValue | tuple[AttributeValue, ...]:
    if operator in _MEMBERSHIPS:
        if not isinstance(value, list):
            raise InvalidInput(f"`{place}` has to be a list: `{operator}` asks for one of several values.", param=place)
        values = cast("list[object]", value)
        if len(values) > MAX_VALUES:
            raise InvalidInput(f"`{place}` may have {MAX_VALUES:,} values.", param=place)
        return tuple(_single(each, place=f"{place}[{n}]") for n, each in enumerate(values))
    single = _single(value, place=place)
    if operator in _ORDERS and (isinstance(single, (str, bool))):
        raise InvalidInput(f"`{place}` has to be a number: `{operator}` compares by size.", param=place)
    return single


def _single(value: object, *, place: str) -> AttributeValue:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not _is_unicode(value):
            raise InvalidInput(f"`{place}` is not valid Unicode.", param=place)
        return value
    number = _number(value)
    if number is None:
        raise InvalidInput(f"`{place}` has to be a text, a finite number or a Boolean.", param=place)
    return number


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_unicode(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _object(value: object, *, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"`{place}` has to be an object with a `type`.", param=place)
    return cast("Mapping[str, Any]", value)


def _refuse_others(condition: Mapping[str, Any], *, known: tuple[str, ...], place: str) -> None:
    others = sorted(set(condition) - set(known))
    if others:
        name = others[0].encode(errors="replace").decode()
        raise InvalidInput(f"`{place}` has no field {name!r}; it has {', '.join(known)}.", param=place)
