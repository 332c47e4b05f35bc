"""An embedder that remembers every vector it gave, in memory and, where wanted, in a file between runs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

from footnote.core.types import EmbeddingRecipe, PartHealth
from retrieval.embedder.port import Embedder, Vectors


class RememberingEmbedder:
    """An ``Embedder`` before another one; for models without prefixes, where a text has one vector."""

    def __init__(self, embedder: Embedder, *, file: Path | None = None) -> None:
        self._embedder = embedder
        self._file = file
        self._vectors: dict[str, Vectors] = {}
        if file and file.is_file():
            with np.load(file) as stored:
                self._vectors = dict(zip(json.loads(stored["texts"].tobytes()), stored["vectors"], strict=True))

    @property
    def recipe(self) -> EmbeddingRecipe:
        return self._embedder.recipe

    @property
    def batch_tokens(self) -> int:
        return self._embedder.batch_tokens

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._embedder.token_spans(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await self._remembered(texts, self._embedder.embed_documents)

    async def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return await self._remembered(texts, self._embedder.embed_queries)

    async def health(self) -> PartHealth:
        return await self._embedder.health()

    async def close(self) -> None:
        """Write the file where there is one, and close the embedder."""
        if self._file:
            texts = np.frombuffer(json.dumps(list(self._vectors)).encode(), dtype=np.uint8)
            np.savez(self._file, texts=texts, vectors=np.stack(list(self._vectors.values())))
        await self._embedder.close()

    async def _remembered(self, texts: Sequence[str], embed: Callable[[Sequence[str]], Awaitable[Vectors]]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            self._vectors |= zip(missing, await embed(missing), strict=True)
        return np.stack([self._vectors[text] for text in texts])
