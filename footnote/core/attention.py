"""Who comes first in a process that serves people and reads documents: the people, as long as documents are not held up for ever."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

PATIENCE_S = 2.0
"""How long a batch of documents gives way to answers at most. One takes less than half a second on two cores, so answers that follow each
other without a pause leave documents a sixth of the time."""


class Attention:
    """Counts who waits for an answer. Belongs to one event loop."""

    def __init__(self) -> None:
        self._n_waiting = 0
        self._nobody_waits = asyncio.Event()
        self._nobody_waits.set()

    @contextmanager
    def given(self) -> Generator[None]:
        """Be waited for, for the length of a block."""
        self._n_waiting += 1
        self._nobody_waits.clear()
        try:
            yield
        finally:
            self._n_waiting -= 1
            if not self._n_waiting:
                self._nobody_waits.set()

    async def give_way(self, *, patience_s: float | None = None) -> None:
        """Return when nobody waits for an answer, or patience is at its end, by default after ``PATIENCE_S``."""
        if self._n_waiting:
            try:
                async with asyncio.timeout(PATIENCE_S if patience_s is None else patience_s):
                    await self._nobody_waits.wait()
            except TimeoutError:
                return
