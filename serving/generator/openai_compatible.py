"""The generator behind HTTP: vLLM, or any server with OpenAI's chat completions."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from footnote.core.errors import FootnoteError, ModelUnavailable
from footnote.core.types import Message, PartHealth, TokenUsage
from serving.generator.deadline import Patience
from serving.generator.openai_errors import may_pass, translate
from serving.generator.port import Delta, FinishReason, GenerationRequest
from serving.generator.token_estimate import estimate_tokens

DEFAULT_CONTEXT_TOKENS = 4096
"""Assumed where neither the settings nor the server say."""

_FIRST_BACKOFF_S = 0.25
_LISTING_TIMEOUT_S = 5.0
_VENDOR_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    ValueError,
)  # httpx2, openai's transport: raised as it is while a stream is read (3.3); ValueError: no JSON


class OpenAiGenerator:
    """Writes drafts with a model at a server.

    An adapter is a model name of its own there, as vLLM serves it. Only what fails before the first piece is tried again.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        connect_timeout_s: float = 5.0,
        patience: Patience | None = None,
        n_retries: int = 2,
        context_tokens: int | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._model = model
        self._patience = patience or Patience()
        self._n_retries = n_retries
        self._context_setting = context_tokens
        self._context_at_server: int | None = None
        timeout = openai.Timeout(None, connect=connect_timeout_s)  # waiting for text is measured in pieces, see Patience
        self._client = AsyncOpenAI(base_url=self._base_url, api_key=api_key or "none", timeout=timeout, max_retries=0)

    @property
    def model(self) -> str:
        return self._model

    @property
    def context_tokens(self) -> int:
        """The lesser of what the settings and the server (``max_model_len`` in vLLM's list of models) say, as far as they do."""
        known = [tokens for tokens in (self._context_setting, self._context_at_server) if tokens is not None]
        return min(known, default=DEFAULT_CONTEXT_TOKENS)

    def count_prompt_tokens(self, messages: Sequence[Message]) -> int:
        return estimate_tokens(messages)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the draft as the port promises. Closing it closes the connection, at which the server stops writing."""
        deltas, delta = await self._patience.first(self._begin(request))
        async with aclosing(deltas):
            while True:
                yield delta
                if delta.finish_reason is not None:
                    return
                try:
                    delta = await self._patience.next(anext(deltas))
                except _VENDOR_ERRORS as error:
                    raise self._broken_off() from error

    async def health(self) -> PartHealth:
        """Ask for the list of models; it also says how many tokens the model takes."""
        facts: dict[str, str | int | float | bool | None] = {"model": self._model, "base_url": self._base_url}
        try:
            models = await self._list_models()
        except FootnoteError as error:
            return PartHealth(name="generator", ready=False, detail=str(error), facts=facts)
        if self._model not in models:
            return PartHealth(name="generator", ready=False, detail=_not_served(self._model, models), facts=facts)
        return PartHealth(name="generator", ready=True, detail="the server answers", facts={**facts, "context_tokens": self.context_tokens})

    async def close(self) -> None:
        await self._client.close()

    async def _begin(self, request: GenerationRequest) -> tuple[AsyncGenerator[Delta], Delta]:
        """Return the draft's pieces and the first of them, after as many tries as are allowed."""
        n_failed = 0
        while True:
            deltas = self._deltas(request)
            try:
                return deltas, await anext(deltas)
            except _VENDOR_ERRORS as error:
                if n_failed == self._n_retries or not may_pass(error):
                    raise await self._translated(error, request) from error
            await asyncio.sleep(_FIRST_BACKOFF_S * 2**n_failed * random.uniform(0.5, 1.0))  # noqa: S311 - spreads tries, no secret
            n_failed += 1

    async def _deltas(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the pieces that have text, and the end; raises the client's own errors."""
        finish_reason: FinishReason | None = None
        usage: TokenUsage | None = None
        async with await self._request(request) as stream:
            async for chunk in stream:
                usage = _usage(chunk) or usage
                for choice in chunk.choices[:1]:
                    finish_reason = _finish_reason(choice.finish_reason) or finish_reason
                    if choice.delta.content:
                        yield Delta(choice.delta.content)
        if finish_reason is None:
            raise self._broken_off()
        yield Delta("", finish_reason=finish_reason, usage=usage)

    async def _request(self, request: GenerationRequest) -> AsyncStream[ChatCompletionChunk]:
        settings = request.settings
        return await self._client.chat.completions.create(
            model=request.adapter or self._model,
            messages=[_message(message) for message in request.messages],
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed if settings.seed is not None else openai.omit,
            stop=list(settings.stop) or openai.omit,
            stream=True,
            stream_options={"include_usage": True},
        )

    async def _translated(self, error: Exception, request: GenerationRequest) -> FootnoteError:
        if isinstance(error, openai.NotFoundError):
            return await self._not_found(request.adapter or self._model)
        return translate(error, base_url=self._base_url)

    async def _not_found(self, model: str) -> FootnoteError:
        """Name the models that there are; where there is no list of them, the address is the likelier fault."""
        try:
            detail = _not_served(model, await self._list_models())
        except FootnoteError:
            detail = f"There is no model {model} at {self._base_url}, or no `/chat/completions`."
        return ModelUnavailable(detail, hint="Check generator.model, generator.adapter and generator.base_url.", param="generator.model")

    async def _list_models(self) -> tuple[str, ...]:
        """Return the names of the models, and note how many tokens ours takes where the server says it (vLLM does)."""
        try:
            models = [model async for model in self._client.models.list(timeout=_LISTING_TIMEOUT_S)]
        except _VENDOR_ERRORS as error:
            raise translate(error, base_url=self._base_url) from error
        for model in models:
            limit: object = getattr(model, "max_model_len", None)
            if model.id == self._model and isinstance(limit, int):
                self._context_at_server = limit
        return tuple(model.id for model in models)

    def _broken_off(self) -> ModelUnavailable:
        return ModelUnavailable(f"The model server at {self._base_url} broke off in the middle of its answer.", hint="Try again.")


def _finish_reason(reason: str | None) -> FinishReason | None:
    """Return our word for why a draft ended; a server's own words count as ``stop``."""
    if reason is None:
        return None
    return reason if reason in ("length", "content_filter") else "stop"


def _message(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return {"role": "system", "content": message.content}
        case "user":
            return {"role": "user", "content": message.content}
        case "assistant":
            return {"role": "assistant", "content": message.content}


def _usage(chunk: ChatCompletionChunk) -> TokenUsage | None:
    if chunk.usage is None:
        return None
    return TokenUsage(prompt_tokens=chunk.usage.prompt_tokens, completion_tokens=chunk.usage.completion_tokens)


def _not_served(model: str, models: Sequence[str]) -> str:
    return f"The model server has no model {model}; it has {', '.join(models) or 'none'}."
