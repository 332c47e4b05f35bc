"""``/v1/feedback``: footnote's own."""

from typing import Annotated

from fastapi import APIRouter, Depends

from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.schemas.feedback import FeedbackRequest, FeedbackShown, feedback_shown
from serving.services import Services

router = APIRouter(tags=["turns"], prefix="/v1/feedback")


@router.post("", summary="Say what an answer was worth")
async def give_feedback(
    body: FeedbackRequest, caller: CallerDependency, services: Annotated[Services, Depends(services_of)]
) -> FeedbackShown:
    """Keep what the asker thinks of a turn, in the place of all that they said of it before."""
    record = await services.catalog.feedback.keep(
        body.turn_id, rating=body.rating, comment=body.comment, correction=body.correction, caller=caller
    )
    return feedback_shown(record)
