"""How much of its wording an answer shares with a reference: token F1, ROUGE-L and BLEU, each from 0 to 1. No model behind any."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from sacrebleu.metrics.bleu import BLEU

from evaluation.labels import normalised

_ARTICLES = frozenset({"a", "an", "the"})
_NOT_OF_A_WORD = re.compile(r"[^\w\s]|_")
_IN_A_NUMBER = re.compile(r"\d[.,:/]\d")
_WRITTEN_WITHOUT_SPACES = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])")


def words(text: str) -> list[str]:
    """Return a text's words in order, case and punctuation aside; a character of Chinese or Japanese counts as a word.

    What separates digits stays (``13.5``, ``09:00``), thousands separators go, as in every comparison with labels.
    """
    plain = normalised(text)

    def replaced(match: re.Match[str]) -> str:
        character, at = match.group(), match.start()
        joins = unicodedata.category(character).startswith("M") or _IN_A_NUMBER.fullmatch(plain[max(at - 1, 0) : at + 2]) is not None
        return character if joins else " "

    return _WRITTEN_WITHOUT_SPACES.sub(r" \1 ", _NOT_OF_A_WORD.sub(replaced, plain)).split()


def token_f1(text: str, references: Sequence[str]) -> float:
    """Return the best harmonic mean of precision and recall of words, over the references (SQuAD: Rajpurkar et al. 2016, section 6.1).

    Articles do not count, and a word counts as often as it stands. Unlike SQuAD's script, hyphens and apostrophes separate words, and what
    stands between digits stays.
    """
    written = _content(text)
    return max((_f1((written & each).total(), written.total(), each.total()) for each in map(_content, references)), default=0.0)


def rouge_l(text: str, reference: str) -> float:
    """Return ROUGE-L: the F-measure of the longest common subsequence of words (Lin 2004, section 3.1, β = 1), without stemming."""
    written, expected = words(text), words(reference)
    return _f1(_longest_common_subsequence(written, expected), len(written), len(expected))


def bleu(text: str, reference: str) -> float:
    """Return sentence BLEU of up to four words (Papineni et al. 2002) as sacreBLEU computes it, divided by 100.

    Effective order: runs longer than the text are left out. Smoothing ``exp``: the first order without a match counts as half a match, the
    next as a quarter and so on (Chen and Cherry 2014, method 3). Tokenizer ``13a``, case as written.
    """
    return min(1.0, float(_bleu().sentence_score(text, [reference]).score) / 100)


@cache
def _bleu() -> BLEU:
    return BLEU(effective_order=True, smooth_method="exp", tokenize="13a")


def _content(text: str) -> Counter[str]:
    return Counter(word for word in words(text) if word not in _ARTICLES)


def _f1(n_shared: int, n_written: int, n_expected: int) -> float:
    return 2 * n_shared / (n_written + n_expected) if n_shared else 0.0


def _longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for column, expected in enumerate(other, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == expected else max(above, row[column - 1])
            diagonal = above
    return row[-1]
