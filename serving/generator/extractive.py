"""The generator without a model: it quotes the sentences of the passages that answer best, each with its marker."""

import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from footnote.core.types import Message, PartHealth, Passage, TokenUsage
from serving.citations import strip_markers
from serving.claims import ABSTENTION
from serving.generator.port import Delta, FinishReason, GenerationRequest
from serving.generator.stop_sequences import StopFilter
from serving.generator.token_estimate import estimate_tokens
from serving.judge.sentences import sentence_spans
from serving.judge.words import words

_CONTEXT_TOKENS = 1_000_000
"""It reads what it is given; the port wants a number."""

_N_SENTENCES = 2
_MIN_SHARE = 0.34
"""A sentence answers when it has a third of the question's content words, weighted by how rare they are."""

_OF_BEST = 0.8
"""A further sentence is quoted when it is about as good as the best one."""

_PIECE = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    passage: int
    content: frozenset[str]
    heading: frozenset[str]


class ExtractiveGenerator:
    """Quotes; never invents. A word counts as a token."""

    @property
    def model(self) -> str:
        return "extractive-1"

    @property
    def context_tokens(self) -> int:
        return _CONTEXT_TOKENS

    def count_prompt_tokens(self, messages: Sequence[Message]) -> int:
        return estimate_tokens(messages)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the quotes word by word, as the port promises; the adapter, temperature and seed change nothing."""
        draft = quote(request.question, request.passages)
        pieces = _PIECE.findall(draft)
        stop = StopFilter(request.settings.stop)
        n_written = 0
        for piece in pieces[: request.settings.max_tokens]:
            n_written += 1
            if text := stop.feed(piece):
                yield Delta(text)
            if stop.stopped:
                break
        reason: FinishReason = "length" if len(pieces) > n_written and not stop.stopped else "stop"
        usage = TokenUsage(prompt_tokens=self.count_prompt_tokens(request.messages), completion_tokens=n_written)
        yield Delta(stop.flush(), finish_reason=reason, usage=usage)

    async def health(self) -> PartHealth:
        return PartHealth(name="generator", ready=True, detail="quotes without a model", facts={"model": self.model})

    async def close(self) -> None:
        """Nothing is held."""


def quote(question: str, passages: Sequence[Passage]) -> str:
    """Return the sentences that answer a question best, best first, each with its marker; or that the documents do not say.

    A sentence's score is the share of the question's content words that it has, each weighted by its inverse document frequency over the
    sentences; a word in the heading above it counts half. Equal scores keep the order of the passages.
    """
    sentences = [sentence for passage in passages for sentence in _sentences(passage)]
    asked = frozenset(words(question).content)
    weights = _inverse_document_frequencies(asked, sentences)
    scored = sorted(((_score(sentence, weights), sentence) for sentence in sentences), key=lambda pair: -pair[0])
    best = scored[0][0] if scored else 0.0
    chosen = [sentence for score, sentence in scored if score >= max(_MIN_SHARE, best * _OF_BEST)]
    distinct = list({" ".join(sentence.text.casefold().split()): sentence for sentence in reversed(chosen)}.values())[::-1]
    return " ".join(f"{sentence.text} [{sentence.passage}]" for sentence in distinct[:_N_SENTENCES]) or ABSTENTION


def _sentences(passage: Passage) -> list[_Sentence]:
    heading = frozenset(words(f"{passage.heading} {passage.context}").content)
    texts = (" ".join(strip_markers(passage.text[start:end]).split()) for start, end in sentence_spans(passage.text))
    return [_Sentence(text=text, passage=passage.n, content=frozenset(words(text).content), heading=heading) for text in texts if text]


def _inverse_document_frequencies(asked: frozenset[str], sentences: Sequence[_Sentence]) -> dict[str, float]:
    counts = Counter(word for sentence in sentences for word in sentence.content & asked)
    return {word: math.log(1 + (len(sentences) + 1) / (counts[word] + 1)) for word in asked}


def _score(sentence: _Sentence, weights: dict[str, float]) -> float:
    total = sum(weights.values())
    found = sum(weight for word, weight in weights.items() if word in sentence.content)
    if total == 0 or found == 0:
        return 0.0
    above = sum(weight for word, weight in weights.items() if word in sentence.heading - sentence.content)
    return (found + above / 2) / total
