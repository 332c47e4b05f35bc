"""Health."""

from typing import Literal

from serving.api.schemas.api_object import ApiObject


class Alive(ApiObject):
    """The process lives."""

    status: Literal["ok"] = "ok"


class PartShown(ApiObject):
    """One part's state."""

    name: str
    ready: bool
    detail: str
    facts: dict[str, str | int | float | bool | None]


class Readiness(ApiObject):
    """Whether a question can be answered now."""

    status: Literal["starting", "ready", "not_ready", "failed"]
    parts: list[PartShown]
