"""What a judge looks at: a claim beside its evidence as a short vector of numbers, each with a meaning.

Pure functions: no model, no input or output. Similarities are given by the caller. The weights are in ``calibration.json``, and how
they were fitted is in ``docs/judge.md``.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.judge.quantities import Quantities, quantities
from serving.judge.words import Words, contradicts, words

FEATURES = (
    "similarity",
    "words_found",
    "names_missing",
    "name_exchanged",
    "numbers_missing",
    "number_exchanged",
    "negation_added",
    "negation_dropped",
    "opposite_said",
    "speaker_words",
    "length",
)
"""The vector's entries, in order. The *nearest sentence* is the one with the highest sum of cosine and share of the claim's content
words. *Sameness* is the third power of that share in the nearest sentence: near 1 where claim and sentence say the same but for a word
or two, near 0 where they only share a subject. What differs between them weighs by it.

    similarity        best cosine of the claim and a sentence: SummaC-ZS takes the best sentence likewise (Laban et al. 2022).
    words_found       share of the claim's content words that stand anywhere in the evidence; a word with the same beginning counts in
                      part. The unigram precision of ROUGE, as "extractive coverage" in Grusky et al. 2018.
    names_missing     names of the claim that stand nowhere in the evidence, 2 at most: entity-level consistency, Nan et al. 2021.
    name_exchanged    the sameness where a name is missing, else 0: the same sentence about somebody else. Exchanged names and numbers and
                      negations are the transformations of FactCC (Kryscinski et al. 2020).
    numbers_missing   numbers and dates of the claim that stand nowhere in the evidence, 2 at most.
    number_exchanged  the sameness where a number is missing, else 0.
    negation_added    the sameness where the claim denies and the nearest sentence does not, else 0.
    negation_dropped  the sameness where the nearest sentence denies and the claim does not, else 0.
    opposite_said     the sameness where the nearest sentence has the opposite of a word of the claim ("lower" for "higher"), else 0.
    speaker_words     words such as "I" and "you" that the nearest sentence has not, 3 at most: the writer speaks for itself. BEGIN
                      (Dziri et al. 2022) counts such statements as not attributable.
    length            natural logarithm of 1 + the number of content words: a long claim has more that can be wrong.
"""

FeatureVector = NDArray[np.float64]
FeatureMatrix = NDArray[np.float64]
Similarities = Sequence[float] | NDArray[np.floating[Any]]
_MIN_PREFIX = 3
_MIN_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words and the numbers of a text say."""

    words: Words
    quantities: Quantities


def read(text: str, *, context: str = "") -> Reading:
    """Return what a sentence says; what stands in its context (heading, table header) counts as present and as nothing else."""
    own = Reading(words=words(text), quantities=quantities(text))
    if not context:
        return own
    around = Reading(words=words(context), quantities=quantities(context))
    return Reading(
        words=replace(own.words, present=own.words.present | around.words.present),
        quantities=replace(own.quantities, mentioned=own.quantities.mentioned | around.quantities.mentioned),
    )


def features(claim: Reading, evidence: Sequence[Reading], similarities: Similarities) -> FeatureVector:
    """Return float64 of shape (len(FEATURES),), in the order of ``FEATURES``.

    Args:
        claim: the claim, read.
        evidence: the sentences that may support it, read; at least one.
        similarities: the cosine of the claim and each sentence, in the order of ``evidence``.
    """
    needed = tuple(dict.fromkeys(claim.words.content))
    nearest = evidence[nearest_sentence(claim, evidence, similarities)].words
    sameness = _share(needed, nearest.present) ** 3
    present = frozenset[str]().union(*(reading.words.present for reading in evidence))
    mentioned = frozenset[str]().union(*(reading.quantities.mentioned for reading in evidence))
    names_missing = _n_missing(claim.words.names, present)
    numbers_missing = _n_missing(claim.quantities.stated, mentioned)
    return np.array(
        [
            max(similarities),
            _soft_share(needed, present),
            min(2, names_missing),
            sameness if names_missing else 0.0,
            min(2, numbers_missing),
            sameness if numbers_missing else 0.0,
            sameness if claim.words.is_negated and not nearest.is_negated else 0.0,
            sameness if nearest.is_negated and not claim.words.is_negated else 0.0,
            sameness if contradicts(claim.words, nearest) else 0.0,
            min(3, _n_missing(claim.words.speaker, nearest.present)),
            math.log1p(len(needed)),
        ],
        dtype=np.float64,
    )


def nearest_sentence(claim: Reading, evidence: Sequence[Reading], similarities: Similarities) -> int:
    """Return the position of the sentence with the highest sum of cosine and share of the claim's words; of equal ones the first."""
    nearness = [
        float(similarity) + _share(claim.words.content, reading.words.present)
        for reading, similarity in zip(evidence, similarities, strict=True)
    ]
    return nearness.index(max(nearness))


def _n_missing(needed: Iterable[str], have: frozenset[str]) -> int:
    return sum(item not in have for item in needed)


def _share(needed: Iterable[Hashable], have: frozenset[Any]) -> float:
    """Return the share of what is needed that is there; 1 where nothing is needed."""
    found = [item in have for item in needed]
    return sum(found) / len(found) if found else 1.0


def _soft_share(needed: Sequence[str], have: frozenset[str]) -> float:
    """Return the share of words that are there, where a word with a common beginning (``methylat``, ``methylation``) counts in part."""
    if not needed:
        return 1.0
    missing = [word for word in needed if word not in have]
    by_prefix = _by_prefix(have, prefixes={word[:_MIN_PREFIX] for word in missing})
    partial = sum(_likeness(word, by_prefix.get(word[:_MIN_PREFIX], ())) for word in missing)
    return (len(needed) - len(missing) + partial) / len(needed)


def _by_prefix(have: frozenset[str], *, prefixes: set[str]) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = {prefix: [] for prefix in prefixes}
    for word in have:
        if word[:_MIN_PREFIX] in groups:
            groups[word[:_MIN_PREFIX]].append(word)
    return groups


def _likeness(word: str, others: Iterable[str]) -> float:
    """Return the largest share of a common beginning in the longer of two words, 0 below ``_MIN_LIKENESS``."""
    likeness = max((_n_shared(word, other) / max(len(word), len(other)) for other in others), default=0.0)
    return likeness if likeness >= _MIN_LIKENESS else 0.0


def _n_shared(word: str, other: str) -> int:
    """Return how many letters two words share from the beginning on."""
    differing = (index for index, (one, another) in enumerate(zip(word, other, strict=False)) if one != another)
    return next(differing, min(len(word), len(other)))
