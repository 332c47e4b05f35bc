"""What an asker thinks of an answer."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footnote.core.catalog.evaluation_records import FeedbackRecord
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted, unix_seconds

MAX_WORDS_CHARS = 20_000

Words = Annotated[str, StringConstraints(max_length=MAX_WORDS_CHARS)]


class FeedbackRequest(ApiRequest):
    """What an asker thinks of an answer of theirs."""

    turn_id: Annotated[str, StringConstraints(max_length=64)] = Field(description="`footnote.turn_id` of the answer.")
    rating: Literal["up", "down"]
    comment: Words | None = Field(default=None, description="In words.")
    correction: Words | None = Field(default=None, description="What the answer should have been; evaluation takes it as a reference.")


class FeedbackShown(ApiObject):
    """What an asker thinks of an answer: the last they said."""

    id: str
    object: Literal["feedback"] = "feedback"
    turn_id: str
    rating: Literal["up", "down"]
    comment: str | None = omitted()
    correction: str | None = omitted()
    created_at: int


def feedback_shown(record: FeedbackRecord) -> FeedbackShown:
    """Return feedback as the API shows it."""
    return FeedbackShown(
        id=record.id,
        turn_id=record.turn_id,
        rating=record.rating,
        comment=record.comment,
        correction=record.correction,
        created_at=unix_seconds(record.created_at),
    )
