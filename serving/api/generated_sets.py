"""``POST /v1/evaluation_sets/generate``: footnote's own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from footnote.core.errors import FootnoteError
from serving.api.authentication import CallerDependency
from serving.api.chat import CLIENT_LEFT
from serving.api.errors import error_body, unexpected_error_body
from serving.api.event_stream import DONE, EventStream, data_line
from serving.api.opening import services_of
from serving.api.pump import Pump, unless_left
from serving.api.request_id import request_id_of
from serving.api.schemas.errors import ErrorResponse
from serving.api.schemas.generated_sets import GenerateRequest, GenerationStep, SetGenerated, generated_shown, step_shown
from serving.generated_sets import GeneratedSet, GeneratesSets, GenerationProgress, WantedSet
from serving.services import Services

router = APIRouter(tags=["evaluation"], prefix="/v1/evaluation_sets")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post(
    "/generate",
    summary="Generate an evaluation set from documents",
    response_model=SetGenerated,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def generate_evaluation_set(
    request: Request, body: GenerateRequest, caller: CallerDependency, services: ServicesDependency
) -> Response:
    """Make questions of the files that the caller may read, each with the words of the file that answer it, and keep them as a set.

    By rule it takes seconds, by a language model minutes. It ends when the client leaves, and then keeps nothing. With `"stream": true`
    server-sent events say how far it is; the last one is what came of it.
    """
    events = Pump(_events(services.set_generator, body.wanted(caller)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(events.aclose)
        if not body.stream:
            made = await unless_left(request.receive, _last_of(events))
            return Response(status_code=CLIENT_LEFT) if made is None else JSONResponse(made.model_dump(mode="json"))
        first = await anext(events)  # what fails before it still gets a status of its own
        stack.pop_all()
    return EventStream(_lines(first, events, request_id=request_id_of(request.scope)), close=events.aclose)


async def _events(generator: GeneratesSets, wanted: WantedSet) -> AsyncGenerator[GenerationStep | SetGenerated]:
    """Yield how far it is, the newest word alone where several have come, and at last what came of it."""
    newest: list[GenerationProgress] = []
    told = asyncio.Event()

    def on_progress(progress: GenerationProgress) -> None:
        newest[:] = [progress]
        told.set()

    working = asyncio.ensure_future(generator.generate(wanted, on_progress=on_progress))
    working.add_done_callback(lambda _: told.set())
    try:
        while not working.done():
            await told.wait()
            told.clear()
            if newest:
                yield step_shown(newest.pop())
        yield _made(working)
    finally:
        working.cancel()
        await asyncio.wait({working})


def _made(working: asyncio.Future[GeneratedSet]) -> SetGenerated:
    return generated_shown(working.result())


async def _last_of(events: Pump[GenerationStep | SetGenerated]) -> SetGenerated:
    async for event in events:
        if isinstance(event, SetGenerated):
            return event
    raise AssertionError("a generation ends with what came of it")


async def _lines(
    first: GenerationStep | SetGenerated, events: Pump[GenerationStep | SetGenerated], *, request_id: str
) -> AsyncGenerator[str]:
    try:
        yield data_line(first.model_dump_json())
        async for event in events:
            yield data_line(event.model_dump_json())
        yield DONE
    except FootnoteError as error:
        yield data_line(ErrorResponse(error=error_body(error)).model_dump_json())
    except Exception:
        yield data_line(ErrorResponse(error=unexpected_error_body(request_id)).model_dump_json())
        raise
