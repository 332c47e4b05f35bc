"""An embedder behind HTTP: any server with ``/v1/embeddings`` (vLLM, Text Embeddings Inference, OpenAI itself)."""

import asyncio
from collections.abc import Iterator, Sequence

import numpy as np
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from footnote.core.errors import InvalidInput, InvalidSettings, ModelUnavailable
from footnote.core.offload import offload
from footnote.core.settings import EmbedderSettings
from footnote.core.types import EmbeddingRecipe, PartHealth
from retrieval.embedder.batching import batch_end, longest_first
from retrieval.embedder.port import Vectors
from retrieval.embedder.tokens import EstimatedTokens, ModelTokens, TokenCounter
from retrieval.embedder.vectors import mean_of_groups, normalised
from retrieval.embedder.windows import windows

MAX_BATCH_TEXTS = 32
"""Texts of one request: what Text Embeddings Inference takes unless it is told otherwise."""

BATCH_TOKENS = 16_384
N_CONCURRENT = 4
"""Requests under way at the same time for documents; queries are not held back by them."""

N_RETRIES = 4
"""After the first try, on 408, 409, 429, 5xx and lost connections, with growing pauses or as Retry-After says: the client's own way."""

UNKNOWN_WINDOW = 512
"""Assumed where neither the settings nor the server say: the shortest window in common use."""

UNVERSIONED = "unversioned"
"""A server does not say which weights it has; whoever changes them under the same name has to ingest again."""


class OpenAICompatibleEmbedder:
    """An ``Embedder`` over HTTP. Made by ``await OpenAICompatibleEmbedder.connect(settings)``."""

    def __init__(self, client: AsyncOpenAI, settings: EmbedderSettings, *, tokens: TokenCounter, recipe: EmbeddingRecipe) -> None:
        self._client = client
        self._tokens = tokens
        self._recipe = recipe
        self._batch_tokens = settings.batch_tokens or BATCH_TOKENS
        self._document_requests = asyncio.Semaphore(N_CONCURRENT)

    @classmethod
    async def connect(cls, settings: EmbedderSettings) -> "OpenAICompatibleEmbedder":
        """Ask the server for its window and, by embedding one word, for its dimension.

        Raises:
            ModelUnavailable: the server does not answer, or knows no such model.
            InvalidSettings: an address or a model is missing, there is no such tokenizer, or the window leaves no room for text.
        """
        if not settings.base_url or not settings.model:
            raise InvalidSettings("embedder.kind is `openai`, which needs embedder.base_url and embedder.model.", param="embedder.base_url")
        tokens = EstimatedTokens() if settings.tokenizer is None else await offload(ModelTokens.load, settings.tokenizer)
        client = AsyncOpenAI(
            base_url=settings.base_url,
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            timeout=settings.timeout_s,
            max_retries=N_RETRIES,
        )
        try:
            window = settings.max_tokens or await _window(client, settings.model)
            dimension = (await _embed(client, settings.model, ["dimension"])).shape[1]
            recipe = _recipe(settings, tokens=tokens, window=window, dimension=dimension)
        except BaseException:
            await client.close()
            raise
        return cls(client, settings, tokens=tokens, recipe=recipe)

    @property
    def recipe(self) -> EmbeddingRecipe:
        return self._recipe

    @property
    def batch_tokens(self) -> int:
        return self._batch_tokens * N_CONCURRENT

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._tokens.spans(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        lengths = await offload(self._lengths, texts)
        for position, length in enumerate(lengths):
            if length > self._recipe.max_tokens:
                raise InvalidInput(
                    f"Text {position} has {length} tokens; the embedder takes {self._recipe.max_tokens}.",
                    hint="Cut it into windows of recipe.max_tokens tokens.",
                )
        return await self._embed_all([self._recipe.document_prefix + text for text in texts], lengths, limited=True)

    async def embed_queries(self, texts: Sequence[str]) -> Vectors:
        pieces_of_texts = await offload(self._query_windows, texts)
        pieces = [self._recipe.query_prefix + piece for pieces in pieces_of_texts for piece in pieces]
        vectors = await self._embed_all(pieces, [self._recipe.max_tokens] * len(pieces), limited=False)
        return mean_of_groups(vectors, [len(pieces) for pieces in pieces_of_texts])

    async def health(self) -> PartHealth:
        facts = {"kind": "openai", "model": self._recipe.model, "url": str(self._client.base_url)}
        try:
            await _embed(self._client.with_options(max_retries=0), self._recipe.model, ["health"])
        except ModelUnavailable as error:
            return PartHealth(name="embedder", ready=False, detail=str(error), facts=facts)
        return PartHealth(name="embedder", ready=True, detail=f"{self._recipe.model} at {self._client.base_url}.", facts=facts)

    async def close(self) -> None:
        await self._client.close()

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(self.token_spans(text)) for text in texts]

    def _query_windows(self, texts: Sequence[str]) -> list[list[str]]:
        max_tokens = self._recipe.max_tokens
        return [windows(text, spans_of=self.token_spans, max_tokens=max_tokens) for text in texts]

    async def _embed_all(self, texts: Sequence[str], lengths: Sequence[int], *, limited: bool) -> Vectors:
        vectors = np.zeros((len(texts), self._recipe.dimension), dtype=np.float32)

        async def embed(positions: list[int]) -> None:
            batch = [texts[position] for position in positions]
            if limited:
                async with self._document_requests:
                    rows = await _embed(self._client, self._recipe.model, batch)
            else:
                rows = await _embed(self._client, self._recipe.model, batch)
            if rows.shape[1] != self._recipe.dimension:
                raise ModelUnavailable(
                    f"The embedding server gave vectors of dimension {rows.shape[1]}, before they had {self._recipe.dimension}.",
                    hint="Its model was changed: restart footnote, and ingest again.",
                )
            vectors[positions] = rows

        try:
            async with asyncio.TaskGroup() as group:
                for positions in _batches(lengths, max_tokens=self._batch_tokens):
                    group.create_task(embed(positions))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the others failed for the same reason, or were cancelled by it
        return vectors


def _batches(lengths: Sequence[int], *, max_tokens: int) -> Iterator[list[int]]:
    positions = longest_first(lengths)
    falling = [lengths[position] for position in positions]
    start = 0
    while start < len(positions):
        end = min(batch_end(falling, start, max_tokens=max_tokens), start + MAX_BATCH_TEXTS)
        yield positions[start:end]
        start = end


def _recipe(settings: EmbedderSettings, *, tokens: TokenCounter, window: int, dimension: int) -> EmbeddingRecipe:
    longer_prefix = max(
        (len(tokens.spans(prefix)) + 1 for prefix in (settings.query_prefix, settings.document_prefix) if prefix), default=0
    )
    room = window - tokens.n_special - longer_prefix
    if room < 1:
        raise InvalidSettings(f"A window of {window} tokens leaves no room for text.", param="embedder.max_tokens")
    return EmbeddingRecipe(
        model=str(settings.model),
        revision=UNVERSIONED,
        dimension=dimension,
        max_tokens=room,
        query_prefix=settings.query_prefix,
        document_prefix=settings.document_prefix,
    )


async def _window(client: AsyncOpenAI, model: str) -> int:
    """Return the window that the server says (vLLM's ``max_model_len``), or the shortest in common use."""
    try:
        answer = await client.models.retrieve(model)
    except APIStatusError:  # not every server lists its models
        return UNKNOWN_WINDOW
    except OpenAIError as error:
        raise _unavailable(error) from error
    length = (answer.model_extra or {}).get("max_model_len")
    return length if isinstance(length, int) and length > 0 else UNKNOWN_WINDOW


async def _embed(client: AsyncOpenAI, model: str, texts: list[str]) -> Vectors:
    try:
        answer = await client.embeddings.create(model=model, input=texts)
    except (OpenAIError, ValueError) as error:
        raise _unavailable(error) from error
    rows = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
    if len(rows) != len(texts) or len({len(row) for row in rows}) != 1:
        raise ModelUnavailable(f"The embedding server gave {len(rows)} vectors for {len(texts)} texts, or of unequal length.")
    vectors = np.asarray(rows, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise ModelUnavailable("The embedding server gave vectors that hold what is not a number.")
    return normalised(vectors)


def _unavailable(error: Exception) -> ModelUnavailable:
    match error:
        case APITimeoutError():
            return ModelUnavailable("The embedding server did not answer in time.", hint="Raise embedder.timeout_s, or look at its load.")
        case APIConnectionError():
            return ModelUnavailable("The embedding server cannot be reached.", hint="Check embedder.base_url, and that it runs.")
        case APIStatusError():
            return ModelUnavailable(
                f"The embedding server answered with status {error.status_code}: {error.message}",
                hint="Check embedder.model and embedder.api_key.",
            )
        case APIError():
            return ModelUnavailable(f"The embedding server's answer cannot be read: {error.message}")
        case _:
            return ModelUnavailable(f"The embedding server's answer cannot be read: {error}")
