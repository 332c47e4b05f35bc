"""The embedder port: what any embedder promises to ingestion and retrieval."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from footnote.core.types import EmbeddingRecipe, PartHealth

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity."""

    @property
    def recipe(self) -> EmbeddingRecipe:
        """All that determines the vectors, ``max_tokens`` (special tokens not counted) among it."""
        ...

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding included, are worth handing over at once: they keep the device busy, and more gains nothing."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the half-open code point range of each token of ``text``, in order, without special tokens.

        Blocking and quick; safe to call from any thread. An embedder behind HTTP may count with a stand-in that never undercounts.
        """
        ...

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return float32 of shape (len(texts), dimension), rows L2-normalised, input order kept; shape (0, dimension) for no text.

        Raises:
            InvalidInput: a text is longer than the window; nothing is ever cut off in silence.
            ModelUnavailable: the model cannot be loaded or reached.
        """
        ...

    async def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Like ``embed_documents``, ahead of every document batch that waits.

        A question may be longer than the window: it is embedded in windows whose mean, normalised, is the result.
        """
        ...

    async def health(self) -> PartHealth:
        """Say whether the model is loaded and answers."""
        ...

    async def close(self) -> None:
        """Give back threads, memory and connections; waiting calls are cancelled."""
        ...
