"""Running an answer in one task of its own, however many tasks read it.

A generator that holds a timeout, a span or a task group across a ``yield`` has to be resumed and closed by the task that began it. A
request's handler takes the first event, the response takes the others, and either may be cancelled when the client leaves.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Generic, TypeVar

from starlette.types import Receive

Item = TypeVar("Item")
Result = TypeVar("Result")

N_WAITING = 32
"""Events that may wait for a slow client before the answer waits for it too."""


class Pump(Generic[Item]):
    """Iterates over ``source`` in a task of its own; closing it cancels that task and returns when the source is closed."""

    def __init__(self, source: AsyncGenerator[Item]) -> None:
        self._source = source
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(N_WAITING)
        self._task = asyncio.create_task(self._run())

    def __aiter__(self) -> "Pump[Item]":
        return self

    async def __anext__(self) -> Item:
        if self._task.done() and self._queue.empty():
            return self._ended()
        item = await self._queue.get()
        if item is None:
            await asyncio.wait({self._task})
            return self._ended()
        return item

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.exception()  # whoever closes does not want to know any more

    async def _run(self) -> None:
        try:
            async with aclosing(self._source) as source:
                async for item in source:
                    await self._queue.put(item)
        finally:
            # A full queue needs no mark of its end: its reader finds the task done once it has emptied it.
            if not self._queue.full():
                self._queue.put_nowait(None)

    def _ended(self) -> Item:
        self._task.result()
        raise StopAsyncIteration


async def unless_left(receive: Receive, work: Awaitable[Result]) -> Result | None:
    """Return the result of ``work``, or None where the client left before; the work is then cancelled, and has ended on return."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = working.done()
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})
    return working.result() if finished else None


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
