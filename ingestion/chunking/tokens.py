"""Counting in the embedder's tokens."""

import math
from collections.abc import Callable
from dataclasses import dataclass

TokenSpans = Callable[[str], list[tuple[int, int]]]
"""The half-open range of each token of a text, in order, without special tokens."""

MAX_CHARS_PER_TOKEN = 16
"""A tokenizer may call a word of any length one unknown token; longer than this, length counts, so that no chunk is without bound."""

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenizer, as chunking uses it."""

    spans: TokenSpans

    def count(self, text: str) -> int:
        """Return how many tokens the embedder sees."""
        return len(self.spans(text))

    def cost(self, text: str) -> int:
        """Return what a text costs of a chunk's budget: its tokens, or more where they are overlong."""
        return max(self.count(text), math.ceil(len(text) / MAX_CHARS_PER_TOKEN))

    def within(self, text: str, budget: int) -> bool:
        """Whether a text costs no more than a budget; quick where it is far too long."""
        return len(text) <= MAX_CHARS_PER_TOKEN * budget and self.cost(text) <= budget

    def shortened(self, text: str, *, budget: int, keep_end: bool = False) -> str:
        """Return ``text`` within ``budget`` tokens, its loss marked by an ellipsis, at its beginning if the end is kept."""
        if self.within(text, budget):
            return text
        spans = self.spans(text)
        for n_kept in range(min(budget - self.count(ELLIPSIS), len(spans)), 0, -1):
            piece = ELLIPSIS + text[spans[-n_kept][0] :].lstrip() if keep_end else text[: spans[n_kept - 1][1]].rstrip() + ELLIPSIS
            if self.cost(piece) <= budget:
                return piece
        return ELLIPSIS
