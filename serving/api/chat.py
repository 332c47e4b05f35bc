"""``POST /v1/chat/completions``."""

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from footnote.core.errors import FootnoteError
from footnote.core.ids import new_id
from footnote.core.types import Caller
from serving.answer import AnswerEvent, AnswerFinished, Question
from serving.api.authentication import CallerDependency
from serving.api.base_url import base_url_of
from serving.api.chat_stream import CompletionHead, chunks_of, completion_of
from serving.api.errors import error_body, unexpected_error_body
from serving.api.event_stream import DONE, EventStream, data_line
from serving.api.model_names import parse_model
from serving.api.opening import services_of
from serving.api.pump import Pump, unless_left
from serving.api.question import question_of
from serving.api.request_id import request_id_of
from serving.api.schemas.chat import ChatCompletion, ChatRequest
from serving.api.schemas.errors import ErrorBody, ErrorResponse
from serving.services import Services

CLIENT_LEFT = 499
"""Noted in metrics where the client did not wait for its answer; nobody reads it (nginx's word for it)."""

router = APIRouter(tags=["chat"])


@router.post(
    "/v1/chat/completions",
    summary="Ask a question",
    response_model=ChatCompletion,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def create_chat_completion(
    request: Request, body: ChatRequest, caller: CallerDependency, services: Annotated[Services, Depends(services_of)]
) -> Response:
    """Answer the last message from the collections, each claim with the passages that it rests on.

    With `"stream": true` the answer comes as server-sent events: the role, what was found, text with verdicts in between, all
    annotations, the finish reason, and the whole turn with the usage.
    """
    events = Pump(services.answers.answer(_question(body, caller, services)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(events.aclose)
        head = _head(request, body, services)
        if not body.stream:
            finished = await unless_left(request.receive, _last_of(events))
            return Response(status_code=CLIENT_LEFT) if finished is None else _json(completion_of(finished, head))
        first = await anext(events)  # what fails before it still gets a status of its own
        stack.pop_all()
    lines = _lines(first, events, head, request_id=request_id_of(request.scope))
    return EventStream(lines, close=events.aclose)


def _question(body: ChatRequest, caller: Caller, services: Services) -> Question:
    choice = parse_model(body.model, release_id=services.release.id)
    return question_of(body, caller=caller, choice=choice, max_chars=services.settings.server.max_question_chars)


def _head(request: Request, body: ChatRequest, services: Services) -> CompletionHead:
    options = body.stream_options
    return CompletionHead(
        id=new_id("chatcmpl"),
        created=int(time.time()),
        model=body.model,
        base_url=base_url_of(request, services.settings.server),
        include_usage=options is not None and options.include_usage is True,
    )


async def _last_of(events: Pump[AnswerEvent]) -> AnswerFinished:
    async for event in events:
        if isinstance(event, AnswerFinished):
            return event
    raise AssertionError("an answer ends with AnswerFinished")


async def _lines(first: AnswerEvent, events: Pump[AnswerEvent], head: CompletionHead, *, request_id: str) -> AsyncGenerator[str]:
    try:
        for line in _event_lines(first, head):
            yield line
        async for event in events:
            for line in _event_lines(event, head):
                yield line
        yield DONE
    except FootnoteError as error:
        yield _error_line(error_body(error))
    except Exception:
        # The client learns that the answer broke off; the error itself goes on, to the server's log.
        yield _error_line(unexpected_error_body(request_id))
        raise


def _event_lines(event: AnswerEvent, head: CompletionHead) -> list[str]:
    return [data_line(chunk.model_dump_json()) for chunk in chunks_of(event, head)]


def _error_line(body: ErrorBody) -> str:
    return data_line(ErrorResponse(error=body).model_dump_json())


def _json(completion: ChatCompletion) -> Response:
    return JSONResponse(completion.model_dump(mode="json"))
