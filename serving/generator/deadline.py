"""How long a piece of text may take."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from footnote.core.errors import GenerationTimeout

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until the first piece, waiting for other answers included, and between two pieces."""

    first_token_s: float = 60.0
    next_token_s: float = 30.0

    async def first(self, piece: Awaitable[Result]) -> Result:
        """Wait for the first piece.

        Raises:
            GenerationTimeout: it did not come in time.
        """
        return await _within(piece, self.first_token_s, "The model has not begun to answer within {:g} s.")

    async def next(self, piece: Awaitable[Result]) -> Result:
        """Wait for a further piece.

        Raises:
            GenerationTimeout: it did not come in time.
        """
        return await _within(piece, self.next_token_s, "The model has stopped in the middle of its answer for {:g} s.")


async def _within(piece: Awaitable[Result], seconds: float, message: str) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await piece
    except TimeoutError as error:
        raise GenerationTimeout(message.format(seconds), hint="It may be overloaded; try again.") from error
