"""Embedding for all jobs at once: their texts meet here and leave in batches that keep the device busy, whoever they belong to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

import numpy as np

from ingestion.fair_texts import FairTexts, WaitingText
from retrieval.embedder.port import Embedder, Vectors

IN_FLIGHT = 2
"""One batch is tokenized while the other is computed."""

SPECIAL_TOKENS = 2
"""What a model puts around a text, as far as lengths are compared here; the embedder counts exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """What one caller waits for: rows that fill up in any order."""

    vectors: Vectors
    open_places: set[int]
    done: "asyncio.Future[Vectors]"


GiveWay = Callable[[], Awaitable[None]]
"""Waits for those who come first."""


async def at_once() -> None:
    """Give way to nobody."""


class EmbeddingBatches:
    """Embeds texts of many callers together, fair between their owners.

    Args:
        embedder: what embeds.
        give_way: awaited before each batch; it may hold documents back while people wait for answers.
    """

    def __init__(self, embedder: Embedder, *, give_way: GiveWay = at_once) -> None:
        self._embedder = embedder
        self._give_way = give_way
        self._waiting: FairTexts[_Request] = FairTexts()
        self._batches: set[asyncio.Task[None]] = set()

    async def embed(self, texts: Sequence[str], *, lengths: Sequence[int], owner: str) -> Vectors:
        """Return the texts' vectors as ``Embedder.embed_documents`` does. Whoever is cancelled takes back what has not begun.

        Args:
            texts: none longer than the embedder's window.
            lengths: their tokens, at least about: they decide what goes into one batch.
            owner: who the work is done for.

        Raises:
            InvalidInput, ModelUnavailable: as the embedder says; what is wrong with one caller's texts is that caller's alone.
        """
        vectors = np.zeros((len(texts), self._embedder.recipe.dimension), dtype=np.float32)
        if not texts:
            return vectors
        request = _Request(vectors=vectors, open_places=set(range(len(texts))), done=asyncio.get_running_loop().create_future())
        self._waiting.add(
            WaitingText(owner=owner, whose=request, place=place, text=text, n_tokens=length + SPECIAL_TOKENS)
            for place, (text, length) in enumerate(zip(texts, lengths, strict=True))
        )
        self._begin_batches()
        try:
            return await request.done
        finally:
            self._waiting.discard(request)

    async def close(self) -> None:
        """Give up the batches that are under way."""
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)

    def _begin_batches(self) -> None:
        # The device is never idle while texts wait, and a second batch is worth beginning only when it is a full one.
        while self._waiting.n_tokens and len(self._batches) < IN_FLIGHT:
            if self._batches and self._waiting.n_tokens < self._embedder.batch_tokens * (len(self._batches) + 1):
                return
            batch = asyncio.get_running_loop().create_task(self._run_batch(), context=Context())
            self._batches.add(batch)
            batch.add_done_callback(self._ended)

    def _ended(self, batch: "asyncio.Task[None]") -> None:
        self._batches.discard(batch)
        if not batch.cancelled():
            self._begin_batches()

    async def _run_batch(self) -> None:
        await self._give_way()
        texts = self._waiting.take(self._embedder.batch_tokens)
        if not texts:
            return
        try:
            await self._embed(texts)
        except Exception as error:  # noqa: BLE001 - handed to whom it concerns
            await self._embed_apart(texts, error)

    async def _embed_apart(self, texts: Sequence[WaitingText[_Request]], error: Exception) -> None:
        """Find out whose texts a batch failed for."""
        requests = {id(text.whose): text.whose for text in texts}.values()
        for request in requests:
            try:
                if len(requests) == 1:
                    raise error
                await self._embed([text for text in texts if text.whose is request])
            except Exception as its_error:  # noqa: BLE001 - handed to whom it concerns
                self._waiting.discard(request)
                if not request.done.done():
                    request.done.set_exception(its_error)

    async def _embed(self, texts: Sequence[WaitingText[_Request]]) -> None:
        wanted = [text for text in texts if not text.whose.done.done()]
        rows = await self._embedder.embed_documents([text.text for text in wanted])
        for text, row in zip(wanted, rows, strict=True):
            request = text.whose
            request.vectors[text.place] = row
            request.open_places.discard(text.place)
            if not request.open_places and not request.done.done():
                request.done.set_result(request.vectors)
