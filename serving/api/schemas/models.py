"""Models: the assistant, and aliases that ask it about one collection."""

from typing import Literal

from pydantic import Field

from serving.api.schemas.api_object import ApiObject, omitted


class Model(ApiObject):
    """Something that can stand in a request's `model`."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str | None = omitted()


class ModelList(ApiObject):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model] = Field(description="`footnote`, its release by name, and `kb:<vector_store_id>` for each readable vector store.")
