"""The application: routes, middleware and errors around services that open in the background."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

import footnote
from footnote.core.settings import Settings
from serving.api import (
    chat,
    evals,
    evaluation_runs,
    evaluation_sets,
    feedback,
    file_batches,
    files,
    generated_sets,
    health,
    metrics,
    models,
    operator,
    reindexing,
    reports,
    search,
    sources,
    turns,
    uploads,
    vector_store_files,
    vector_stores,
)
from serving.api.authentication import Authentication
from serving.api.errors import install_error_handlers
from serving.api.limits import BodyLimitMiddleware
from serving.api.metrics import RequestMetricsMiddleware
from serving.api.openapi import describe
from serving.api.opening import Opening
from serving.api.request_id import RequestIdMiddleware
from serving.api.same_origin import SameOriginMiddleware
from serving.services import OpenServices

DESCRIPTION = """Answers from your own documents, each claim with a footnote that was checked.

The surface is OpenAI's: its clients work against `/v1`. What footnote adds rides along as extra fields."""


def create_app(settings: Settings, open_services: OpenServices) -> FastAPI:
    """Return the application. Nothing is opened before it starts.

    It listens at once: until the services are open, `/healthz` answers 200 and everything else 503. ``app.state.opening.wait()``
    returns when they are, and raises what kept them from opening; whoever runs the application ends the process with that.
    """
    app = _DescribedApp(
        title="footnote",
        version=footnote.__version__,
        summary="A self-hosted knowledge assistant whose answers carry footnotes that were checked.",
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        # footnote's own telemetry says which requests there were; the framework's would also export the messages of errors.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
    )
    app.state.opening = Opening(settings, open_services)
    app.state.authentication = Authentication(settings)
    install_error_handlers(app)
    documents = (files, uploads, vector_stores, vector_store_files, file_batches, search, reindexing, sources)
    for module in (
        chat,
        models,
        turns,
        feedback,
        *documents,
        evaluation_sets,
        generated_sets,
        evaluation_runs,
        evals,
        reports,
        health,
        metrics,
        operator,
    ):
        app.include_router(module.router)
    # The last one added is the outermost.
    app.add_middleware(BodyLimitMiddleware, max_upload_bytes=settings.server.max_upload_bytes)
    app.add_middleware(SameOriginMiddleware, settings=settings.server)
    app.add_middleware(RequestMetricsMiddleware)
    app.add_middleware(RequestIdMiddleware)
    return app


class _DescribedApp(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    opening: Opening = app.state.opening
    opening.start()
    try:
        yield
    finally:
        await opening.stop()


def _operation_id(route: APIRoute) -> str:
    return route.name
