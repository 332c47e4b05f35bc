"""An error as OpenAI's clients read it."""

from pydantic import Field

from serving.api.schemas.api_object import ApiObject


class ErrorBody(ApiObject):
    """What went wrong. Clients decide by ``code``, people read ``message``."""

    message: str = Field(description="What happened, and what to do about it.")
    type: str = Field(description="The kind of error, in OpenAI's words.")
    param: str | None = Field(default=None, description="The request's field at fault, where there is one.")
    code: str | None = Field(default=None, description="A stable word for programs.")


class ErrorResponse(ApiObject):
    """The body of every answer with a status of 400 and above."""

    error: ErrorBody
