"""A language model at an OpenAI-compatible server, asked for JSON: with retries, a limit of its own, and a count of tokens.

It owns when to ask again and when to stop asking. What is asked and what the answer means is RAGAS's.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import BaseModel

from evaluation.ragas_metrics.failures import FailureCode, JudgeFailure
from evaluation.ragas_metrics.structured_output import Answer, parse, response_format
from footnote.core.settings import JudgeSettings
from serving.generator.openai_errors import may_pass

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 20.0
RETRY_TEMPERATURE = 0.3
"""Of tries after an answer that did not fit: at 0 a model would write the same again."""

MAX_GIVEN_UP_IN_A_ROW = 5
"""So many questions given up one after the other, each after all its tries, and the server is taken to be away."""

REST_S = 60.0
"""How long a server that is away is left alone before one question tries it again; those in between fail at once."""

_TOO_LONG = re.compile(r"context.?length|context window|max_model_len|maximum.{0,20}length|too (?:long|many tokens)", re.IGNORECASE)
_VENDOR_ERRORS = (openai.OpenAIError, httpx2.HTTPError, ValueError)  # httpx2 is openai's transport; ValueError: no JSON


@dataclass(slots=True)
class JudgeUsage:
    """What questions have cost: calls that were answered, and their tokens as the server counts them."""

    n_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, completion: ChatCompletion) -> None:
        """Count one answer; a server that counts no tokens adds none."""
        self.n_calls += 1
        if completion.usage is not None:
            self.prompt_tokens += completion.usage.prompt_tokens or 0
            self.completion_tokens += completion.usage.completion_tokens or 0


class JudgeModel:
    """Asks one model. The first try is greedy and every try is seeded: a server that honours both answers the same each time.

    Args:
        settings: of kind ``openai_compatible``, which has an address and a model.
        sleep: waits between tries.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert settings.base_url is not None
        assert settings.model is not None
        self._settings = settings
        self._model = settings.model
        self._sleep = sleep
        self._clock = clock
        self._places = asyncio.Semaphore(settings.max_concurrent)
        self._n_given_up = 0
        self._rests_until = -float("inf")
        self._client = AsyncOpenAI(
            base_url=settings.base_url.rstrip("/"),
            api_key="none" if settings.api_key is None else settings.api_key.get_secret_value(),
            timeout=settings.timeout_s,
            max_retries=0,
        )

    @property
    def model(self) -> str:
        return self._model

    async def ask(self, prompt: str, answer: type[Answer], *, usage: JudgeUsage) -> Answer:
        """Return the model's answer in the form asked for; what it cost is added to ``usage``.

        Raises:
            JudgeFailure: all tries failed, or the first did in a way that trying again does not mend.
        """
        if self._clock() < self._rests_until:
            raise JudgeFailure(FailureCode.JUDGE_UNAVAILABLE)
        try:
            answered = await self._tries(prompt, answer, usage)
        except JudgeFailure as failure:
            self._note(failure)
            raise
        self._n_given_up = 0
        return answered

    async def close(self) -> None:
        await self._client.close()

    async def _tries(self, prompt: str, answer: type[Answer], usage: JudgeUsage) -> Answer:
        n_failed = 0
        temperature = 0.0
        while True:
            try:
                return await self._try(prompt, answer, usage, temperature=temperature, seed=self._settings.seed + n_failed)
            except _Passing as passing:
                if n_failed == self._settings.n_retries:
                    raise JudgeFailure(passing.code) from None
                if passing.code == FailureCode.JUDGE_INVALID_OUTPUT:
                    temperature = RETRY_TEMPERATURE
                else:
                    await self._sleep(_delay_s(n_failed, retry_after_s=passing.retry_after_s))
            n_failed += 1

    async def _try(self, prompt: str, answer: type[Answer], usage: JudgeUsage, *, temperature: float, seed: int) -> Answer:
        try:
            async with self._places, asyncio.timeout(self._settings.timeout_s):
                completion = await self._request(prompt, answer, temperature=temperature, seed=seed)
        except (TimeoutError, openai.APITimeoutError):
            raise _Passing(FailureCode.JUDGE_TIMEOUT) from None
        except _VENDOR_ERRORS as error:
            raise _outcome_of(error) from error
        usage.add(completion)
        return _answer_in(completion, answer)

    async def _request(self, prompt: str, answer: type[BaseModel], *, temperature: float, seed: int) -> ChatCompletion:
        completion = await self._client.chat.completions.create(
            model=self._model,
            messages=[{"role": "user", "content": prompt}],
            response_format=cast("ResponseFormatJSONSchema", response_format(answer)),
            max_tokens=self._settings.max_tokens,
            temperature=temperature,
            seed=seed,
        )
        # The client checks no types: a page of a proxy's comes back as its text, and of an object any field may be missing.
        if not isinstance(completion, ChatCompletion):
            raise _Passing(FailureCode.JUDGE_INVALID_OUTPUT)
        return completion

    def _note(self, failure: JudgeFailure) -> None:
        """Count what was given up because the server is away; what it did answer, however badly, shows that it is there."""
        is_away = failure.code in (FailureCode.JUDGE_TIMEOUT, FailureCode.JUDGE_UNAVAILABLE)
        self._n_given_up = self._n_given_up + 1 if is_away else 0
        if self._n_given_up >= MAX_GIVEN_UP_IN_A_ROW:
            self._rests_until = self._clock() + REST_S


class _Passing(Exception):  # caught where the next try is decided on
    """One try failed in a way that the next one may not."""

    def __init__(self, code: FailureCode, *, retry_after_s: float | None = None) -> None:
        super().__init__(code.value)
        self.code = code
        self.retry_after_s = retry_after_s


def _outcome_of(error: Exception) -> Exception:
    if may_pass(error):
        return _Passing(FailureCode.JUDGE_UNAVAILABLE, retry_after_s=_retry_after_s(error))
    if isinstance(error, openai.APIStatusError):
        too_long = error.status_code in (400, 413, 422) and _TOO_LONG.search(error.message)
        return JudgeFailure(FailureCode.PROMPT_TOO_LONG if too_long else FailureCode.JUDGE_UNAVAILABLE)
    # What is no connection and no status is an answer that is no chat completion, or one that broke off.
    return _Passing(FailureCode.JUDGE_INVALID_OUTPUT if isinstance(error, ValueError) else FailureCode.JUDGE_UNAVAILABLE)


def _answer_in(completion: ChatCompletion, answer: type[Answer]) -> Answer:
    choice = completion.choices[0] if completion.choices else None
    if choice is None or getattr(choice, "message", None) is None:
        raise _Passing(FailureCode.JUDGE_INVALID_OUTPUT)
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise JudgeFailure(FailureCode.JUDGE_REFUSED)
    try:
        return parse(choice.message.content or "", answer)
    except JudgeFailure as failure:
        raise _Passing(failure.code) from None


def _delay_s(n_failed: int, *, retry_after_s: float | None) -> float:
    """Return how long to wait: as the server asks, else twice as long each time, spread so that many do not come back at once."""
    if retry_after_s is not None:
        return min(retry_after_s, LONGEST_BACKOFF_S)
    return min(FIRST_BACKOFF_S * 2**n_failed, LONGEST_BACKOFF_S) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads tries, no secret


def _retry_after_s(error: Exception) -> float | None:
    if not isinstance(error, openai.APIStatusError):
        return None
    try:
        return max(0.0, float(error.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
