"""Which texts are computed together: pure decisions about lengths.

A batch is a rectangle: every row is padded to its longest text. Texts of like length together waste little, and a limit on the
rectangle's area, instead of on rows, keeps memory and time of a batch alike for short and for long texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


def longest_first(lengths: Sequence[int]) -> list[int]:
    """Return the positions of texts from the longest to the shortest, equal ones in their order.

    The longest come first so that memory that does not suffice shows at the beginning.
    """
    return sorted(range(len(lengths)), key=lambda position: -lengths[position])


def batch_end(lengths: Sequence[int], start: int, *, max_tokens: int) -> int:
    """Return where the batch that begins at ``start`` ends: as many texts as fit, at least one.

    Args:
        lengths: token counts, falling, special tokens counted.
        start: position of the batch's first and so longest text.
        max_tokens: rows times the longest row at most.
    """
    rows = max(1, max_tokens // max(1, lengths[start]))
    return min(len(lengths), start + rows)


def batches(lengths: Sequence[int], *, max_tokens: int) -> Iterator[list[int]]:
    """Yield the positions of texts, longest first, in batches of at most so many tokens.

    Args:
        lengths: token counts in any order, special tokens counted.
        max_tokens: as for ``batch_end``.
    """
    positions = longest_first(lengths)
    falling = [lengths[position] for position in positions]
    start = 0
    while start < len(positions):
        end = batch_end(falling, start, max_tokens=max_tokens)
        yield positions[start:end]
        start = end


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """How many tokens a batch may have, learnt from what the device's memory has borne.

    Halved when memory runs out; doubled, up to the limit, after ``patience`` batches in a row that went well.
    """

    limit: int
    current: int
    patience: int = 32
    successes: int = 0

    @classmethod
    def of(cls, limit: int) -> "TokenBudget":
        return cls(limit=limit, current=limit)

    def after_success(self) -> "TokenBudget":
        if self.current >= self.limit:
            return self
        if self.successes + 1 < self.patience:
            return replace(self, successes=self.successes + 1)
        return replace(self, current=min(self.limit, self.current * 2), successes=0)

    def after_out_of_memory(self, batch_tokens: int) -> "TokenBudget":
        """Return a smaller budget: half of the batch that did not fit."""
        return replace(self, current=max(1, min(self.current, batch_tokens) // 2), successes=0)
