"""Which fields hold what people wrote: they stay out of logs and traces unless ``telemetry.log_text`` lets them in."""

from collections.abc import Mapping
from typing import cast

TEXT_FIELDS = frozenset({"question", "text", "answer", "prompt", "quote", "query", "draft", "shown", "comment", "correction", "content"})


def without_text(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that hold no text, at every depth of nested mappings and lists."""
    return {name: _without_text(value) for name, value in fields.items() if name not in TEXT_FIELDS}


def _without_text(value: object) -> object:
    if isinstance(value, Mapping):
        return without_text(cast("Mapping[str, object]", value))
    if isinstance(value, list | tuple):
        return [_without_text(item) for item in cast("list[object]", value)]
    return value
