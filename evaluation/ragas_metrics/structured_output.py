"""What a language model is asked to answer in, and reading what it answered. Pure."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evaluation.ragas_metrics.failures import FailureCode, JudgeFailure

Answer = TypeVar("Answer", bound=BaseModel)

_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


def response_format(model: type[BaseModel]) -> dict[str, Any]:
    """Return the ``response_format`` of a chat completion: a JSON schema that vLLM decodes along, and that OpenAI accepts as strict."""
    return {"type": "json_schema", "json_schema": {"name": model.__name__, "schema": _closed(model.model_json_schema()), "strict": True}}


def parse(text: str, model: type[Answer]) -> Answer:
    """Return the answer in a text; what stands around the JSON, such as a code fence, is ignored.

    Raises:
        JudgeFailure: there is no JSON, or it does not fit.
    """
    found = _OBJECT.search(text)
    if found is None:
        raise JudgeFailure(FailureCode.JUDGE_INVALID_OUTPUT)
    try:
        return model.model_validate_json(found.group())
    except ValidationError:
        # Without its cause: that quotes the answer, and so perhaps a document.
        raise JudgeFailure(FailureCode.JUDGE_INVALID_OUTPUT) from None


def _closed(schema: Any) -> Any:
    """Return a schema in which no object has properties beside those named, as strict schemas have to say at each object."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Any] = {name: _closed(part) for name, part in schema.items()}  # pyright: ignore[reportUnknownVariableType]
    return {**closed, "additionalProperties": False} if closed.get("type") == "object" else closed
