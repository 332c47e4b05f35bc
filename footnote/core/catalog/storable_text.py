"""Text that every database stores: PostgreSQL takes no U+0000, and neither takes a surrogate without its other half."""

import re
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_REPLACEMENT = "\ufffd"
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text with U+FFFD in the place of each code point that cannot be stored: offsets into it stay what they are."""
    return _NOT_STORABLE.sub(_REPLACEMENT, text)


def storable_json(value: Any) -> Any:
    """Return JSON's own types with all text in them storable: PostgreSQL takes U+0000 into JSON, and fails when a field is looked into."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(name): storable_json(each) for name, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [storable_json(each) for each in cast("list[Any]", value)]
    return value


class StorableText(TypeDecorator[str]):
    """Text of any length, made storable on its way in: the same on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)
