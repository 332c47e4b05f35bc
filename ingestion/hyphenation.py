"""Words that were broken at the end of a line, put together again."""

import re
from collections.abc import Iterable, Set

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ENDS_BROKEN = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_STARTS_LOWER = re.compile(r"[^\W\d_]+")
_LONGEST_WORD = 50

_SOFT_HYPHEN = "\u00ad"
"""Only ever stands for a break."""


def vocabulary(lines: Iterable[str]) -> frozenset[str]:
    """Return the words of a document in lower case, with those that carry a hyphen inside."""
    return frozenset(word.lower() for line in lines for word in _WORD.findall(line))


def joined(first: str, second: str, *, words: Set[str]) -> str | None:
    """Return two lines put together where a word was broken between them, else None.

    A hyphen followed by a small letter marks a broken word, unless the document also has the word with its hyphen inside a line
    and never without (``self-hosted``): then the hyphen stays.
    """
    broken, rest = _ENDS_BROKEN.search(first, max(0, len(first) - _LONGEST_WORD)), _STARTS_LOWER.match(second)
    if broken is None or rest is None or not rest.group()[0].islower():
        return None
    start, end = broken.group(1).lower(), rest.group().lower()
    keeps_hyphen = first[-1] != _SOFT_HYPHEN and f"{start}-{end}" in words and start + end not in words
    return first[:-1] + ("-" if keeps_hyphen else "") + second
