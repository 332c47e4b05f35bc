"""How conditions on attributes look in a request. They are read by ``serving.api.filters``, which says exactly what is wrong."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

FILTERS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A comparison `{type, key, value}`, or a combination `{type, filters}` of such objects, nested at will.",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or"]},
        "key": {"type": "string", "description": "Comparisons: the attribute."},
        "value": {"description": "Comparisons: a text, number or Boolean; for `in` and `nin` a list of them."},
        "filters": {"type": "array", "items": {"type": "object"}, "description": "Combinations: what is joined."},
    },
    "examples": [
        {"type": "and", "filters": [{"type": "eq", "key": "team", "value": "legal"}, {"type": "gte", "key": "year", "value": 2024}]}
    ],
}

FiltersField = Annotated[Any, Field(default=None), WithJsonSchema(FILTERS_SCHEMA)]
