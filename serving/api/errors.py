"""Errors in the form that OpenAI's clients read: ``{"error": {"message", "type", "param", "code"}}``, with the status that fits the class.

A client retries 408, 409, 429 and everything from 500 on, unless told otherwise: what trying again cannot mend says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from footnote.core import errors
from footnote.core.catalog.building import SpaceTaken
from footnote.core.catalog.jobs import LeaseLost
from serving.api.opening import Starting
from serving.api.request_id import HEADER, request_id_of
from serving.api.schemas.errors import ErrorBody, ErrorResponse

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a class of errors is shown."""

    status: int
    type: str
    code: str


class UnknownModel(errors.NotFound):
    """There is no model of that name."""


class PasswordNeeded(errors.NotAuthenticated):
    """A page was opened without a key; a browser asks for it as a password."""


class RequestTooLarge(errors.InvalidInput):
    """The request's body is over the limit."""


PRESENTATIONS: Mapping[type[errors.FootnoteError], Presentation] = {
    errors.InvalidInput: Presentation(400, INVALID_REQUEST, "invalid_value"),
    RequestTooLarge: Presentation(413, INVALID_REQUEST, "request_too_large"),
    errors.InvalidSettings: Presentation(500, SERVER_ERROR, "invalid_settings"),
    errors.UnsupportedMediaType: Presentation(400, INVALID_REQUEST, "unsupported_file"),
    errors.DocumentTooLarge: Presentation(413, INVALID_REQUEST, "file_too_large"),
    errors.UnreadableDocument: Presentation(400, INVALID_REQUEST, "invalid_file"),
    errors.UnusableBackup: Presentation(400, INVALID_REQUEST, "unusable_backup"),
    errors.NotFound: Presentation(404, INVALID_REQUEST, "not_found"),
    UnknownModel: Presentation(404, INVALID_REQUEST, "model_not_found"),
    errors.NotAuthenticated: Presentation(401, "authentication_error", "invalid_api_key"),
    PasswordNeeded: Presentation(401, "authentication_error", "password_needed"),
    errors.AccessDenied: Presentation(403, "permission_error", "access_denied"),
    errors.Conflict: Presentation(409, INVALID_REQUEST, "conflict"),
    errors.AlreadyIngesting: Presentation(409, INVALID_REQUEST, "already_ingesting"),
    LeaseLost: Presentation(409, INVALID_REQUEST, "lease_lost"),
    errors.IndexSchemaMismatch: Presentation(500, SERVER_ERROR, "index_schema_mismatch"),
    errors.DataDirectoryInUse: Presentation(500, SERVER_ERROR, "data_directory_in_use"),
    errors.Overloaded: Presentation(429, "rate_limit_error", "overloaded"),
    SpaceTaken: Presentation(429, "rate_limit_error", "space_taken"),
    Starting: Presentation(503, SERVER_ERROR, "starting"),
    errors.DependencyError: Presentation(503, SERVER_ERROR, "dependency_unavailable"),
    errors.CatalogUnavailable: Presentation(503, SERVER_ERROR, "catalog_unavailable"),
    errors.IndexUnavailable: Presentation(503, SERVER_ERROR, "index_unavailable"),
    errors.StorageUnavailable: Presentation(503, SERVER_ERROR, "storage_unavailable"),
    errors.ModelUnavailable: Presentation(503, SERVER_ERROR, "model_unavailable"),
    errors.GenerationTimeout: Presentation(504, SERVER_ERROR, "generation_timeout"),
    errors.ParserCrashed: Presentation(503, SERVER_ERROR, "parser_crashed"),
}

_BASIC_CHALLENGE = 'Basic realm="footnote", charset="UTF-8"'
_HTTP_CODES = {404: "unknown_url", 405: "method_not_allowed", 400: "invalid_json"}
_CODES_BY_VALIDATION = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter", "json_invalid": "invalid_json"}
_PLACES = ("body", "query", "path", "header")
_BRANCHES = ("str", "constrained-str", "float", "constrained-float", "bool")
_TAGGED = "chunking_strategy"


def presentation_of(error: errors.FootnoteError) -> Presentation:
    """Return how an error is shown: its class's own way, else that of the nearest class above."""
    return next(PRESENTATIONS[ancestor] for ancestor in type(error).__mro__ if ancestor in PRESENTATIONS)


def error_body(error: errors.FootnoteError) -> ErrorBody:
    """Return what is told about an error of ours."""
    shown = presentation_of(error)
    return ErrorBody(message=str(error), type=shown.type, param=error.param, code=shown.code)


def unexpected_error_body(request_id: str) -> ErrorBody:
    """Return what is told about a defect: nothing but where to look."""
    message = f"Something went wrong inside footnote. The log says more under the request id {request_id}."
    return ErrorBody(message=message, type=SERVER_ERROR, code="internal_error")


def error_headers(error: errors.FootnoteError) -> dict[str, str]:
    """Return the headers that tell a client whether and when to try again, and how to authenticate."""
    status = presentation_of(error).status
    headers: dict[str, str] = {}
    if isinstance(error, errors.Overloaded):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if not error.retryable and (status in (408, 409, 429) or status >= 500):
        headers["x-should-retry"] = "false"
    if isinstance(error, errors.NotAuthenticated):
        headers["www-authenticate"] = _BASIC_CHALLENGE if isinstance(error, PasswordNeeded) else "Bearer"
    return headers


def error_response(error: errors.FootnoteError) -> Response:
    """Return the answer to a request that failed with an error of ours."""
    return _json(error_body(error), status=presentation_of(error).status, headers=error_headers(error))


def validation_body(details: Sequence[Mapping[str, Any]]) -> ErrorBody:
    """Return what is told about a request that does not fit its schema: the fault that lies deepest, without what was sent.

    Where a value may be one of several types, pydantic lists what each of them lacks; the deepest is the one that nearly fitted.
    """
    detail = max(details, key=lambda each: len(each["loc"]))
    param = param_of(detail["loc"], is_json_error=detail["type"] == "json_invalid")
    code = _CODES_BY_VALIDATION.get(detail["type"], "invalid_value")
    return ErrorBody(message=_message(detail, param), type=INVALID_REQUEST, param=param, code=code)


def param_of(location: Sequence[str | int], *, is_json_error: bool = False) -> str | None:
    """Return a field's name as OpenAI writes it: ``messages[0].content``. Names that pydantic gives to a union's branches are left out."""
    if is_json_error:
        return None
    parts = location[1:] if location and location[0] in _PLACES else location
    name = ""
    for before, part in zip((None, *parts), parts, strict=False):
        if isinstance(part, int):
            name += f"[{part}]"
        elif not _is_union_branch(part, before):
            name += f".{part}" if name else part
    return name or None


def install_error_handlers(app: FastAPI) -> None:
    """Let every error leave the application in the API's form."""
    app.add_exception_handler(errors.FootnoteError, _on_footnote_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected_error)


async def _on_footnote_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.FootnoteError)
    return error_response(error)


async def _on_validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _json(validation_body(error.errors()), status=400)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "http_error")
    message = {
        404: f"There is nothing at {request.method} {request.url.path}.",
        405: f"{request.url.path} does not know the method {request.method}.",
        400: "The request's body is not valid JSON.",
    }.get(error.status_code, str(error.detail))
    body = ErrorBody(message=message, type=INVALID_REQUEST, code=code)
    return _json(body, status=error.status_code, headers=dict(error.headers or {}))


async def _on_unexpected_error(request: Request, _error: Exception) -> Response:
    # This handler answers outside of the middleware that adds the id. The error itself is raised again after it, and logged by the server.
    request_id = request_id_of(request.scope)
    return _json(unexpected_error_body(request_id), status=500, headers={HEADER: request_id})


def _json(body: ErrorBody, *, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(ErrorResponse(error=body).model_dump(), status_code=status, headers=headers)


def _is_union_branch(part: str, before: str | int | None) -> bool:
    return before is not None and (part in _BRANCHES or "[" in part or before == _TAGGED)


def _message(detail: Mapping[str, Any], param: str | None) -> str:
    match detail["type"]:
        case "json_invalid":
            return f"The request's body is not valid JSON: {detail['ctx']['error']}, at character {detail['loc'][-1]}."
        case "missing":
            return f"`{param}` is missing." if param else "The request needs a JSON object as its body, sent as application/json."
        case "extra_forbidden":
            return f"There is no parameter `{param}`."
        case _:
            said = str(detail["msg"]).removeprefix("Value error, ")
            return f"`{param}`: {said}." if param else f"{said}."
