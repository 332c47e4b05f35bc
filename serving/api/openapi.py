"""The API's description. ``python -m serving.api.openapi`` writes ``openapi.json``; a test compares it with what is served."""

import argparse
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from footnote.core.settings import Settings
from serving.api.schemas.errors import ErrorResponse
from serving.services import Services

_ERRORS = {
    "400": "The request cannot be used.",
    "401": "A key is needed.",
    "403": "The caller may not do this.",
    "404": "There is no such thing.",
    "429": "Too much work at the moment.",
    "503": "Starting, or a part does not answer.",
}
_OPEN_PATHS = ("/healthz", "/readyz", "/metrics")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with errors as they are sent and keys as they are checked."""
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    definition = ErrorResponse.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(definition.pop("$defs"))
    schemas["ErrorResponse"] = definition
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "Needed where the settings name keys."}
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            if path not in _OPEN_PATHS:
                operation["security"] = [{"key": []}]
                for status, meaning in _ERRORS.items():
                    operation["responses"].setdefault(status, _error(meaning))
    return document


def render(document: dict[str, Any]) -> str:
    """Return the document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _error(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}}


def served_document() -> dict[str, Any]:
    """Return the document of an application with default settings."""
    from serving.api.app import create_app  # noqa: PLC0415 - the application describes itself with this module

    return create_app(Settings(), _closed).openapi()


@asynccontextmanager
async def _closed(_settings: Settings) -> AsyncGenerator[Services]:
    raise RuntimeError("an application that is only described opens nothing")
    yield


def main() -> None:
    """Write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=Path("openapi.json"))
    parser.parse_args().path.write_text(render(served_document()), encoding="utf-8")


if __name__ == "__main__":
    main()
