"""Abstention: saying that nothing was found, where nothing that was found speaks of what was asked.

One number decides. The evidence of a hit is its similarity to the question plus a part of its coverage, the share of the question's content
words that it has; where no hit has enough of it, there is no answer to be had. The cosine alone takes any text about the subject for an
answer; that a text also has the question's names and words tells the two apart (docs/abstention.md has the curves).
"""

from collections.abc import Iterable

COVERAGE_WEIGHT = 0.5
"""What a hit with all of the question's words has more than one with none. On English questions 0.7 does a little better, in other
languages it costs more answers than it prevents (``bench/abstention.py``, docs/abstention.md)."""


def evidence(*, similarity: float, coverage: float) -> float:
    """Return how much a hit speaks of what was asked: cosine in [-1, 1], coverage in [0, 1]."""
    return similarity + COVERAGE_WEIGHT * coverage


def should_abstain(evidences: Iterable[float], *, threshold: float) -> bool:
    """Say whether no hit reaches the threshold; it is asked no further than the first that does. No hits, no answer."""
    return not any(each >= threshold for each in evidences)
