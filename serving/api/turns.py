"""``/v1/turns``: footnote's own."""

from typing import Annotated

from fastapi import APIRouter, Depends

from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.schemas.turns import TurnWhole, turn_whole
from serving.services import Services

router = APIRouter(tags=["turns"], prefix="/v1/turns")


@router.get("/{turn_id}", summary="Show a turn")
async def retrieve_turn(turn_id: str, caller: CallerDependency, services: Annotated[Services, Depends(services_of)]) -> TurnWhole:
    """Return a question of one's own with its answer, and all that explains it.

    Passages come with their text as far as the caller may still read it. A turn that quoted a file which was erased has no text any more.
    """
    turn = await services.catalog.turns.get(turn_id, caller=caller)
    passages = await services.catalog.passages.of(turn.passages, caller=caller)
    return turn_whole(turn, passages=passages, feedback=await services.catalog.feedback.of(turn_id, caller=caller))
