"""Systems with a fault planted: the real pipeline, with one part that does what the fault's name says."""

import random
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace

from footnote.core.types import Access, Filter, Message, PartHealth, Passage
from retrieval.scores import SearchMode
from retrieval.search import Searcher, SearchResult
from serving.claims import ABSTENTION
from serving.generator.extractive import quote
from serving.generator.port import Delta, GenerationRequest
from serving.generator.token_estimate import estimate_tokens

Fault = Callable[[str, GenerationRequest], str]
"""Makes a faulty draft of a sound one."""

WRONG_CITATIONS = 0.1
"""The share of questions whose answers cite another passage than the one they quote."""

_DROPPED = 0.15
"""The share of passages that a draft overlooks, drawn anew for each run: what differs between two runs of a model that draws its words."""

_MARKER = re.compile(r"\[(\d+)\]")


def sound(draft: str, request: GenerationRequest) -> str:  # noqa: ARG001 - a fault's signature
    """Return the draft."""
    return draft


def invents(draft: str, request: GenerationRequest) -> str:
    """Return the draft with a sentence after it that stands nowhere, under the draft's first marker."""
    if draft == ABSTENTION:
        return draft
    number = 1900 + _lot(request.question).randrange(100)
    return f"{draft} The board in Geneva has confirmed this rule every year since {number} by a vote of 17 to 4 [{_markers(draft)[0]}]."


def cites_wrong(draft: str, request: GenerationRequest) -> str:
    """Return the draft, of some questions with all its markers on passages that it does not quote."""
    cited = _markers(draft)
    others = [passage.n for passage in request.passages if passage.n not in cited]
    if not cited or not others or _lot(request.question).random() >= WRONG_CITATIONS:
        return draft
    return _MARKER.sub(f"[{others[-1]}]", draft)


def never_abstains(draft: str, request: GenerationRequest) -> str:
    """Return the draft; where it says that the documents do not say, the beginning of the first passage instead."""
    if draft != ABSTENTION or not request.passages:
        return draft
    first = request.passages[0]
    return f"{' '.join(first.text.split()[:25])} [{first.n}]."


FAULTS: Mapping[str, Fault] = {"invents": invents, "cites_wrong": cites_wrong, "never_abstains": never_abstains}


class WaveringGenerator:
    """Quotes like the extractive generator, from those passages that it does not overlook this time; then its fault is done to the draft.

    Args:
        seed: of what it overlooks.
        fault: what is wrong with it.
    """

    def __init__(self, *, seed: int, fault: str | None = None) -> None:
        self._seed = seed
        self._name = fault or "sound"
        self._fault = FAULTS[fault] if fault else sound

    @property
    def model(self) -> str:
        return f"wavering-{self._name}"

    @property
    def context_tokens(self) -> int:
        return 1_000_000

    def count_prompt_tokens(self, messages: Sequence[Message]) -> int:
        return estimate_tokens(messages)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the draft in one piece."""
        yield Delta(self._fault(quote(request.question, self._seen(request)), request), finish_reason="stop")

    def _seen(self, request: GenerationRequest) -> list[Passage]:
        lot = random.Random(f"{self._seed} {request.question}")
        return [passage for passage in request.passages if lot.random() >= _DROPPED]

    async def health(self) -> PartHealth:
        return PartHealth(name="generator", ready=True, detail="quotes with a fault", facts={"model": self.model})

    async def close(self) -> None:
        """Nothing is held."""


class HalfSearcher(Searcher):
    """Loses the second half of what it finds."""

    async def search(
        self,
        query: str,
        access: Access,
        *,
        limit: int,
        filter: Filter | None = None,  # noqa: A002 - the search's own word
        mode: SearchMode = SearchMode.HYBRID,
        preview: str | None = None,
    ) -> SearchResult:
        found = await super().search(query, access, limit=limit, filter=filter, mode=mode, preview=preview)
        return replace(found, hits=found.hits[: limit // 2])


def _markers(draft: str) -> list[int]:
    return [int(number) for number in _MARKER.findall(draft)]


def _lot(question: str) -> random.Random:
    return random.Random(question)
