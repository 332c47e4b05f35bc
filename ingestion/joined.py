"""Joining: what comes while a call is under way is done together by the next one, so that small things do not pay for a call each."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Joined(Generic[Item, Result]):
    """Hands items to a function, as many at once as have come since its last call; nothing waits where nothing is under way.

    Args:
        do: gives a result, or the exception to raise, for each item, in order. Where it raises itself, each item is tried alone: what
            one item breaks, the others do not suffer.
        at_most: items of one call.
    """

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], *, at_most: int) -> None:
        self._do = do
        self._at_most = at_most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Return what the function gives for an item. A caller that is cancelled takes back an item whose turn has not come."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._working is None or self._working.done():
            # In a context of its own: it works for others too, whose ids the log should not take for this one's.
            self._working = asyncio.get_running_loop().create_task(self._work(), context=Context())
        return await done

    async def close(self) -> None:
        """End the call under way, and forget what waits."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        for _, done in self._waiting:
            done.cancel()
        self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # whoever is about to add something in this turn of the loop comes along
            batch = [self._waiting.popleft() for _ in range(min(self._at_most, len(self._waiting)))]
            batch = [(item, done) for item, done in batch if not done.done()]
            if not batch:
                continue
            try:
                outcomes = await self._outcomes([item for item, _ in batch])
            except BaseException:
                for _, done in batch:
                    done.cancel()
                raise
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                _tell(done, outcome)

    async def _outcomes(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._do(items)
        except Exception as error:  # noqa: BLE001 - handed to whom it concerns
            if len(items) == 1:
                return [error]
        return [outcome for item in items for outcome in await self._outcomes([item])]


def _tell(done: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    if done.done():  # its caller has gone
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
