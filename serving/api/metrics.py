"""``/metrics`` for Prometheus, and the middleware that counts requests."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footnote.core.telemetry import Telemetry
from footnote.core.telemetry.metrics import CONTENT_TYPE
from serving.api.opening import Opening, services_of
from serving.services import Services

UNKNOWN_ROUTE = "unknown"

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(services: Annotated[Services, Depends(services_of)]) -> Response:
    """Return counters and histograms; no text of questions or documents is among them."""
    services.telemetry.metrics.set_jobs_waiting(await services.catalog.jobs.n_open())
    return Response(services.telemetry.metrics.exposition(), headers={"content-type": CONTENT_TYPE})


class RequestMetricsMiddleware:
    """Counts and times requests by route, until the last byte of a stream, and spans them, so that an answer's stages are one trace.

    What comes before the services are open is not counted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        telemetry = _telemetry_of(scope) if scope["type"] == "http" else None
        if telemetry is None:
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with telemetry.stage("request") as stage:
            try:
                await self._app(scope, receive, send_noting_status)
            finally:
                method, route = scope["method"], route_of(scope)
                stage.note(method=method, route=route, status=status)
                telemetry.metrics.observe_request(method=method, route=route, status=status, seconds=stage.seconds)


def route_of(scope: Scope) -> str:
    """Return the template of the route that answered, or one word for all that no route knows."""
    return str(getattr(scope.get("route"), "path", UNKNOWN_ROUTE))


def _telemetry_of(scope: Scope) -> Telemetry | None:
    app = scope["app"]
    assert isinstance(app, Starlette)
    opening = app.state.opening
    assert isinstance(opening, Opening)
    return opening.opened.services.telemetry if opening.is_open else None
