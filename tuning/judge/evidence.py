"""What a cross-encoder gets to read of a long text: the sentences that share most words with the claim, in their order."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from serving.judge.sentences import sentence_spans

_WORD = re.compile(r"\w+")
_STEM_CHARS = 6
_LENGTH_PRIOR = 5
MAX_EVIDENCE_WORDS = 90


def sentences_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def best_sentences(claim: str, sentences: Sequence[str], *, max_words: int = MAX_EVIDENCE_WORDS) -> str:
    """Return the sentences nearest to the claim, joined in their order, ``max_words`` words at most; of equally near ones the first.

    Nearness is the sum of the shared words' weights, log((n + 1) / (n with the word + 0.5)), over the square root of the sentence's length.
    """
    stems = [_stems(sentence) for sentence in sentences]
    frequency = Counter(stem for each in stems for stem in each)
    wanted = _stems(claim)
    nearness = [
        sum(math.log((len(stems) + 1) / (frequency[stem] + 0.5)) for stem in sorted(wanted & each)) / math.sqrt(_LENGTH_PRIOR + len(each))
        for each in stems
    ]
    chosen: list[int] = []
    n_words = 0
    for index in sorted(range(len(sentences)), key=lambda index: -nearness[index]):
        length = len(sentences[index].split())
        if not chosen or n_words + length <= max_words:
            chosen.append(index)
            n_words += length
    return " ".join(" ".join(sentences[index].split()[:max_words]) for index in sorted(chosen))


def _stems(text: str) -> frozenset[str]:
    return frozenset(word.lower()[:_STEM_CHARS] for word in _WORD.findall(text))
