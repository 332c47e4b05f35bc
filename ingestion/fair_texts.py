"""Which texts are embedded next: owners by what they have had so far, and beside a text others of its length. Pure bookkeeping.

A batch is as expensive as its longest text makes it, so texts of like length go together; the first of each batch is the one whose turn
it is, whatever its length, so that none waits for ever.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

LOOKAHEAD_BATCHES = 8
"""Among how many batches' worth of texts those of like length are looked for."""

Whose = TypeVar("Whose")


@dataclass(frozen=True, slots=True, eq=False)
class WaitingText(Generic[Whose]):
    """A text to embed: ``whose`` request it belongs to, at which place, and its length with special tokens."""

    owner: str
    whose: Whose
    place: int
    text: str
    n_tokens: int


class FairTexts(Generic[Whose]):
    """The texts that wait, by owner, each one's in their order."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[int, WaitingText[Whose]]] = {}
        self._had_tokens: dict[str, int] = {}
        self._least_had = 0
        self.n_tokens = 0

    def add(self, texts: Iterable[WaitingText[Whose]]) -> None:
        """Let texts wait. An owner who had none waiting gets no more for that than one who had."""
        for text in texts:
            if text.owner not in self._texts:
                self._texts[text.owner] = {}
                self._had_tokens[text.owner] = max(self._had_tokens.get(text.owner, 0), self._least_had)
            self._texts[text.owner][id(text)] = text
            self.n_tokens += text.n_tokens

    def discard(self, whose: Whose) -> None:
        """Forget the texts of a request."""
        for text in [text for texts in self._texts.values() for text in texts.values() if text.whose is whose]:
            self._remove(text)

    def take(self, max_tokens: int) -> list[WaitingText[Whose]]:
        """Take the next batch: its number times its longest is at most ``max_tokens``, unless it is a single text."""
        candidates = list(self._in_turn(max_tokens * LOOKAHEAD_BATCHES))
        if not candidates:
            return []
        first = candidates[0]
        batch, longest = [first], first.n_tokens
        for text in sorted(candidates[1:], key=lambda text: abs(text.n_tokens - first.n_tokens)):
            longest_then = max(longest, text.n_tokens)
            if longest_then * (len(batch) + 1) > max_tokens:
                break
            batch.append(text)
            longest = longest_then
        for text in batch:
            self._had_tokens[text.owner] += text.n_tokens
        self._least_had = min(self._had_tokens[owner] for owner in self._texts)
        for text in batch:
            self._remove(text)
        return batch

    def _in_turn(self, max_tokens: int) -> Iterator[WaitingText[Whose]]:
        """Yield texts in the order in which they would be taken one by one."""
        waiting = [(self._had_tokens[owner], place, iter(texts.values())) for place, (owner, texts) in enumerate(self._texts.items())]
        heapq.heapify(waiting)
        while waiting and max_tokens > 0:
            had, place, texts = waiting[0]
            text = next(texts, None)
            if text is None:
                heapq.heappop(waiting)
                continue
            heapq.heapreplace(waiting, (had + text.n_tokens, place, texts))
            max_tokens -= text.n_tokens
            yield text

    def _remove(self, text: WaitingText[Whose]) -> None:
        of_owner = self._texts[text.owner]
        del of_owner[id(text)]
        self.n_tokens -= text.n_tokens
        if not of_owner:
            del self._texts[text.owner]
            if not self._texts:
                self._had_tokens.clear()
                self._least_had = 0
