"""What all objects of the API have in common: requests refuse what they do not know, answers leave out what does not apply."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictBool, StringConstraints

MAX_PAIRS = 16
MAX_TEXT_CHARS = 8 * 1024 * 1024

AttributeKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
AttributeText = Annotated[str, StringConstraints(max_length=512)]
Metadata = Annotated[
    dict[AttributeKey, AttributeText],
    Field(max_length=MAX_PAIRS, description="At most 16 pairs: keys of up to 64 characters, values of up to 512."),
]
AttributePairs = Annotated[
    dict[AttributeKey, StrictBool | FiniteFloat | AttributeText],
    Field(max_length=MAX_PAIRS, description="At most 16 pairs: keys of up to 64 characters; texts of up to 512, numbers, Booleans."),
]


class ApiRequest(BaseModel):
    """What a caller sends. An unknown field is refused: a misspelt one would otherwise do nothing, in silence."""

    # pydantic looks into a text only where it has a limit, and refuses half surrogates then: JSON can spell them, UTF-8 and SQLite cannot.
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=MAX_TEXT_CHARS)


class ApiObject(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(frozen=True)


def omitted(*, description: str | None = None) -> Any:
    """Return the default of a field that is left out where it is None: some clients break on null (vercel/ai issue 8079)."""
    return Field(default=None, exclude_if=_is_none, description=description)


def unix_seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _is_none(value: object) -> bool:
    return value is None
