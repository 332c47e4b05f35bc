"""Failing cases in groups that share a term, so that twenty failures read as three causes. Pure.

A report's body keeps the ids of each group alone: terms are words of somebody's question. They are found again when a page is rendered,
from the questions that its reader may read.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from serving.judge.words import words

MIN_CASES = 2
"""A term of one question says nothing about others."""

N_TERMS = 4

_PRIOR_WORDS = 50.0
"""The prior's weight in words: about as much as ten questions say."""

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")


def group_failures(questions: Mapping[str, str], failing: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of the failing cases, grouped: the largest group first, those that share no term with another last.

    Terms are weighed by how much more often failing questions hold them than others: the z-score of the log-odds ratio with an
    informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words", section 3.5), over questions that hold a word and
    not over its repetitions. The heaviest term makes the first group, of all failing cases that hold it; then the heaviest term of what
    is left. So each case is in one group. The same questions give the same groups; cases without a question are in the last.

    Args:
        questions: the questions of all cases by case id, those that did not fail too.
        failing: the ids of the cases that failed.
    """
    stems = {case_id: _stems(question) for case_id, question in questions.items()}
    left = {case_id: stems.get(case_id, frozenset()) for case_id in sorted(failing)}
    weights = _weights(inside=left.values(), outside=[held for case_id, held in stems.items() if case_id not in left])
    groups: list[tuple[str, ...]] = []
    while term := _heaviest(weights, left.values()):
        members = tuple(case_id for case_id, held in left.items() if term in held)
        groups.append(members)
        left = {case_id: held for case_id, held in left.items() if case_id not in members}
    groups.sort(key=lambda members: (-len(members), members))
    return (*groups, tuple(left)) if left else tuple(groups)


def terms_of(members: Collection[str], questions: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that set a group's questions apart from all others, the most distinctive first, as people wrote them.

    Only words that at least two of the group's questions hold; none where there is no such word, as in the group of what is left.
    """
    inside = [_stems(questions[case_id]) for case_id in members if case_id in questions]
    weights = _weights(inside=inside, outside=[_stems(question) for case_id, question in questions.items() if case_id not in members])
    counts = Counter(stem for held in inside for stem in held)
    ranked = sorted((stem for stem in weights if counts[stem] >= MIN_CASES), key=lambda stem: (-weights[stem], stem))
    spellings = _spellings(questions[case_id] for case_id in sorted(members) if case_id in questions)
    return tuple(spellings[stem] for stem in ranked[:N_TERMS])


def _heaviest(weights: Mapping[str, float], left: Iterable[frozenset[str]]) -> str | None:
    counts = Counter(stem for held in left for stem in held)
    shared = [stem for stem in weights if counts[stem] >= MIN_CASES]
    return min(shared, key=lambda stem: (-weights[stem], -counts[stem], stem), default=None)


def _weights(*, inside: Iterable[frozenset[str]], outside: Sequence[frozenset[str]]) -> dict[str, float]:
    """Return the z-score of each word that is more frequent inside; where nothing is outside, how many questions inside hold it."""
    here = Counter(stem for held in inside for stem in held)
    there = Counter(stem for held in outside for stem in held)
    n_here, n_there = here.total(), there.total()
    if not n_there:
        return {stem: float(count) for stem, count in here.items()}
    weights: dict[str, float] = {}
    for stem, count in here.items():
        prior = _PRIOR_WORDS * (count + there[stem]) / (n_here + n_there)
        log_odds_here = math.log((count + prior) / (n_here + _PRIOR_WORDS - count - prior))
        log_odds_there = math.log((there[stem] + prior) / (n_there + _PRIOR_WORDS - there[stem] - prior))
        weight = (log_odds_here - log_odds_there) / math.sqrt(1 / (count + prior) + 1 / (there[stem] + prior))
        if weight > 0:
            weights[stem] = weight
    return weights


def _stems(question: str) -> frozenset[str]:
    return frozenset(words(question).content)


def _spellings(questions: Iterable[str]) -> dict[str, str]:
    """Return for each word without its ending how it is mostly written."""
    written: dict[str, Counter[str]] = {}
    for question in questions:
        for token in _TOKEN.findall(question):
            for stem in words(token).content:
                written.setdefault(stem, Counter())[token.lower()] += 1
    return {stem: min(forms, key=lambda form: (-forms[form], form)) for stem, forms in written.items()}
