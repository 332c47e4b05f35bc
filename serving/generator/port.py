"""The generator port: a prompt goes in, text comes out in pieces."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from footnote.core.types import Message, PartHealth, Passage, TokenUsage

FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How text is drawn. Temperature 0 is greedy."""

    max_tokens: int = 400
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A rendered prompt, and what it was rendered from for generators that quote instead of writing."""

    messages: tuple[Message, ...]
    question: str
    passages: tuple[Passage, ...]
    settings: GenerationSettings
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text; the last one carries the finish reason and, where the generator counts, the usage."""

    text: str
    finish_reason: FinishReason | None = None
    usage: TokenUsage | None = None


class Generator(Protocol):
    """Writes drafts."""

    @property
    def model(self) -> str:
        """The base model's name, with its revision where it has one: part of the release."""
        ...

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and answer may have together."""
        ...

    def count_prompt_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt, template included; an estimate that does not undercount where the model is far away."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the draft in pieces, the last with a finish reason; closing it stops the model within a token or two.

        Raises:
            ModelUnavailable: the model cannot be reached or fails, before or after the first piece.
            GenerationTimeout: no piece came in time.
            InvalidInput: the prompt is longer than the model's context.
        """
        ...

    async def health(self) -> PartHealth:
        """Say whether a draft could be written now."""
        ...

    async def close(self) -> None:
        """Give back memory, threads and connections."""
        ...
