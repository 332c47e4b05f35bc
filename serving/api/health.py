"""``/healthz`` and ``/readyz``: no key is needed, and nothing about documents is told."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response

from footnote.core.types import PartHealth, all_ready
from serving.api.opening import RETRY_AFTER_S, Opening, opening_of
from serving.api.schemas.health import Alive, PartShown, Readiness

router = APIRouter(tags=["health"])

Status = Literal["starting", "ready", "not_ready", "failed"]


@router.get("/healthz", summary="Does the process live?")
async def healthz() -> Alive:
    """Answer as soon as the server listens."""
    return Alive()


@router.get("/readyz", summary="Can a question be answered?", responses={503: {"model": Readiness}})
async def readyz(response: Response, opening: Annotated[Opening, Depends(opening_of)]) -> Readiness:
    """Answer 200 once every part is ready, else 503; either way with each part's state."""
    readiness = await _readiness(opening)
    if readiness.status != "ready":
        response.status_code = 503
        response.headers["retry-after"] = str(round(RETRY_AFTER_S))
    return readiness


async def _readiness(opening: Opening) -> Readiness:
    if opening.error is not None:
        return _not_open("failed", f"The services could not be opened: {opening.error}")
    if not opening.is_open:
        return _not_open("starting", "Models and stores are being opened.")
    parts = await opening.opened.services.health()
    return Readiness(status="ready" if all_ready(parts) else "not_ready", parts=[_part(part) for part in parts])


def _not_open(status: Status, detail: str) -> Readiness:
    return Readiness(status=status, parts=[PartShown(name="services", ready=False, detail=detail, facts={})])


def _part(part: PartHealth) -> PartShown:
    return PartShown(name=part.name, ready=part.ready, detail=part.detail, facts=dict(part.facts))
