"""JSON that is text already: made where it keeps nobody waiting, and stored as it is."""

import json
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class JsonText(str):
    """JSON as text."""

    __slots__ = ()


class WrittenJson(TypeDecorator[Any]):
    """A JSON column that takes ``JsonText`` too; whatever else it is given becomes JSON on its way in."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        return _as_text


def _as_text(value: Any) -> str:
    return str(value) if isinstance(value, JsonText) else json.dumps(value)
