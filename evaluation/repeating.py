"""Something that is done again and again in the background, until it is closed, or at once when it is woken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from footnote.core.errors import FootnoteError

log = structlog.get_logger(__name__)


class Repeating:
    """Does one thing in turns. What goes wrong is logged, told by ``trouble``, and tried again.

    Args:
        name: for the log.
        do: the thing.
        every_s: how long it rests in between.
    """

    def __init__(self, name: str, do: Callable[[], Awaitable[None]], *, every_s: float) -> None:
        self._name = name
        self._do = do
        self._every_s = every_s
        self._woken = asyncio.Event()
        self._is_resting = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None

    def start(self, *, first_after_s: float = 0.0) -> None:
        """Begin, with a first turn after some seconds, or as soon as it is woken."""
        self._task = asyncio.create_task(self._repeat(first_after_s), name=self._name)

    def wake(self) -> None:
        """Ask for a turn now; one that is under way is followed by another."""
        self._woken.set()
        self._is_resting.clear()

    async def close(self, *, grace_s: float = 0.0) -> None:
        """Stop; what is under way, or was asked for, has so long to come to its end."""
        if self._task is None:
            return
        if grace_s and not self._task.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._is_resting.wait()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self, first_after_s: float) -> None:
        if first_after_s and not self._woken.is_set():
            await self._rest(first_after_s)
        while True:
            self._woken.clear()
            try:
                await self._do()
                self.trouble = None
            except FootnoteError as error:
                log.warning("what is done in the background has to wait", what=self._name, error=str(error))
                self.trouble = str(error)
            except Exception as error:  # the supervisor: what is not foreseen is logged whole
                log.exception("what is done in the background stumbled", what=self._name)
                self.trouble = f"It stumbled over an internal error ({type(error).__name__}); the log says more."
            if self._woken.is_set():
                continue
            await self._rest(self._every_s)

    async def _rest(self, seconds: float) -> None:
        self._is_resting.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._is_resting.clear()
