"""Whether a claim may go out in the model's own words under policy ``quote``. Pure functions.

A judge that compares a claim with whole passages is lenient with a small model that repeats the question, picks up a heading, or joins a
number to the wrong subject. So the very sentences that are cited have to hold what the claim adds to the question.
"""

from collections.abc import Sequence

from serving.citations import strip_markers
from serving.judge.features import Reading, read

MIN_SHARE = 0.5
"""Of the words that a claim adds so many have to stand in the cited sentences; it may put the others differently."""


def may_stand(claim_text: str, *, question: str, cited: Sequence[str]) -> bool:
    """Say whether a claim adds something to the question, and the cited sentences hold it.

    Every number that the claim states must stand there; of the content words that the question does not have, half.

    Args:
        claim_text: the claim, with or without markers.
        question: what was asked; its words need no support.
        cited: the sentences that the claim would be footnoted with, each below its passage's context (heading path, table header).
    """
    claim, asked = read(strip_markers(claim_text)), read(question)
    evidence = [read(sentence) for sentence in cited]
    added = _added_words(claim, asked)
    numbers = set(claim.quantities.stated) - asked.quantities.mentioned
    if not (added or numbers) or claim_text.isupper():
        return False
    present = frozenset[str]().union(*(each.words.present for each in evidence))
    mentioned = frozenset[str]().union(*(each.quantities.mentioned for each in evidence))
    return numbers <= mentioned and len(added & present) >= MIN_SHARE * len(added)


def _added_words(claim: Reading, asked: Reading) -> frozenset[str]:
    return frozenset(word for word in claim.words.content if word not in asked.words.present and not word.isdigit())
