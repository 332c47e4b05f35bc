"""Cutting a text that is longer than a model's window."""

from collections.abc import Callable, Sequence

Span = tuple[int, int]


def windows(text: str, *, spans_of: Callable[[str], Sequence[Span]], max_tokens: int) -> list[str]:
    """Return pieces of ``text`` with at most ``max_tokens`` tokens each, which together are the text.

    Cuts fall before a word where there is one in the second half of the window. A text that fits is returned as it is.
    """
    pieces: list[str] = []
    rest = text
    while len(spans := spans_of(rest)) > max_tokens:
        cut = _cut(rest, spans, max_tokens)
        # A piece by itself may have more tokens than it had within the text, where the cut parted a word.
        while len(spans_of(rest[:cut])) > max_tokens and cut > 1:
            cut -= 1
        pieces.append(rest[:cut])
        rest = rest[cut:]
    return [*pieces, rest]


def _cut(text: str, spans: Sequence[Span], max_tokens: int) -> int:
    for token in range(max_tokens, max_tokens // 2, -1):
        start = spans[token][0]
        if start > 0 and text[start - 1].isspace():
            return start
    return max(1, spans[max_tokens][0])
