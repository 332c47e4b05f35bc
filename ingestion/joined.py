"""Joining: what comes while a call is under way is done together by the next one, so that small things do not pay for a call each."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar


def at_once_s() -> float:
    """Linger for nobody."""
    return 0.0


Item = TypeVar("Item")
Result = TypeVar("Result")


class Joined(Generic[Item, Result]):
    """Hands items to a function, as many at once as have come since its last call; nothing waits where nothing is under way.

    Args:
        do: gives a result, or the exception to raise, for each item, in order. Where it raises itself, each item is tried alone: what
            one item breaks, the others do not suffer.
        at_most: items of one call.
        linger_s: asked before each call how many seconds it may wait for others to come along.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        at_most: int,
        linger_s: Callable[[], float] = at_once_s,
    ) -> None:
        self._do = do
        self._at_most = at_most
        self._linger_s = linger_s
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._in_work: set[asyncio.Future[Result]] = set()
        self._working: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Return what the function gives for an item.

        A caller that is cancelled takes back an item whose turn has not come. One that is in work cannot be taken back: the cancellation
        goes on when the call has ended, so that nothing is done for a caller who has cleared up after itself already.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._working is None or self._working.done():
            # In a context of its own: it works for others too, whose ids the log should not take for this one's.
            self._working = asyncio.get_running_loop().create_task(self._work(), context=Context())
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if done in self._in_work:
                await _until_done(done)
            done.cancel()
            raise

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
            # Whoever is about to add something in this turn of the loop comes along at any rate.
            await asyncio.sleep(self._linger_s() if len(self._waiting) < self._at_most else 0)
            batch = [self._waiting.popleft() for _ in range(min(self._at_most, len(self._waiting)))]
            batch = [(item, done) for item, done in batch if not done.done()]
            if not batch:
                continue
            self._in_work = {done for _, done in batch}
            try:
                outcomes = await self._outcomes([item for item, _ in batch])
            except BaseException:
                for _, done in batch:
                    done.cancel()
                raise
            finally:
                self._in_work = set()
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                _tell(done, outcome)

    async def _outcomes(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._do(items)
        except Exception as error:  # noqa: BLE001 - handed to whom it concerns
            if len(items) == 1:
                return [error]
        return [outcome for item in items for outcome in await self._outcomes([item])]


async def _until_done(done: "asyncio.Future[Any]") -> None:
    """Wait for the end of a call whose outcome nobody asks for any more, however often the caller is cancelled meanwhile."""
    while not done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([done])
    if not done.cancelled():
        done.exception()  # seen, or the loop would tell the log of it


def _tell(done: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    if done.done():  # its caller has gone
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
