"""``/v1/turns``: footnote's own."""

from typing import Annotated

from fastapi import APIRouter, Depends

from footnote.core.catalog.turn_access import is_whole_for
from footnote.core.errors import NotFound
from serving.api.authentication import ReaderDependency
from serving.api.opening import services_of
from serving.api.schemas.turns import TurnWhole, turn_whole
from serving.services import Services

router = APIRouter(tags=["turns"], prefix="/v1/turns")


@router.get("/{turn_id}", summary="Show a turn")
async def retrieve_turn(turn_id: str, caller: ReaderDependency, services: Annotated[Services, Depends(services_of)]) -> TurnWhole:
    """Return a question of one's own with its answer, and all that explains it. A browser asks for the key as a password.

    Passages come with their text as far as the caller may still read it. A turn that quoted a file which was erased has no text any more.
    Who runs the server finds those first questions of other people that have passages, where they may read every one: without the prompt.
    """
    catalog = services.catalog
    turn = await catalog.live_turns.get(turn_id, caller=caller)
    passages = await catalog.passages.of(turn.passages, caller=caller)
    is_own = turn.owner == caller.owner
    if not is_own and not is_whole_for(caller, turn, all_readable=len(passages) == len(turn.passages)):
        raise NotFound(f"There is no turn {turn_id}.", param="turn_id")
    return turn_whole(turn, passages=passages, feedback=await catalog.feedback.of(turn_id, caller=caller), is_own=is_own)
