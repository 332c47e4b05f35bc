"""Claims made by rule from a sentence of the evidence: forms that still hold, and near copies that no longer do.

After FactCC (Kryscinski et al. 2020, section 3.1). What is put in the place of a name, a number or a word comes from the same passage:
such a claim holds only words that stand in its evidence, so that counting words does not give it away. Pure functions; the same random
numbers give the same claims.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from serving.judge.words import words

NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w,.]*\w)")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
_PLAIN_WORD = re.compile(r"\b[a-z]{5,}\b")
_AUXILIARY = re.compile(r"\b(?:is|are|was|were|has|have|had|can|could|will|would|should|may|must)\b")
_NOT = re.compile(r" not\b|(?<=can)not\b|n['’]t\b")
_CLAUSE = re.compile(r", (?=which|who|and|but|while|with|where|because|although|including)|; | \(")
_OPENING = re.compile(r"^(?:In|On|At|After|Before|During|Since|From|By|As|For) [^,]{3,40}, (?=\w)")
_MIN_CLAUSE_WORDS = 5


@dataclass(frozen=True, slots=True)
class Alteration:
    """A claim, whether the sentence that it was made from supports it, and what was done."""

    claim: str
    holds: bool
    kind: str


def altered(sentence: str, neighbours: Sequence[str], rng: random.Random) -> list[Alteration]:
    """Return every form that the rules give of a sentence; ``neighbours`` are the other sentences of its passage."""
    holding: dict[str, str | None] = {
        "verbatim": sentence,
        "first clause": _first_clause(sentence),
        "without opening": _without_opening(sentence),
        "reworded number": _reworded_number(sentence),
    }
    wrong: dict[str, str | None] = {
        "number of the passage": exchanged(sentence, NUMBER, neighbours, rng),
        "name of the passage": exchanged(sentence, NAME, neighbours, rng),
        "word of the passage": _word_exchanged(sentence, neighbours, rng),
        "other digits": _other_digits(sentence, rng),
        "names in each other's place": _two_swapped(sentence, NAME, rng),
        "numbers in each other's place": _two_swapped(sentence, NUMBER, rng),
        "negated": negated(sentence),
        "affirmed": _affirmed(sentence),
    }
    short = holding["first clause"]
    if short:
        wrong["clause, number of the passage"] = exchanged(short, NUMBER, neighbours, rng)
        wrong["clause, name of the passage"] = exchanged(short, NAME, neighbours, rng)
    return [
        Alteration(claim=claim, holds=holds, kind=kind)
        for holds, forms in ((True, holding), (False, wrong))
        for kind, claim in forms.items()
        if claim is not None
    ]


def exchanged(sentence: str, kind: re.Pattern[str], others: Sequence[str], rng: random.Random) -> str | None:
    """Return the sentence with one number or name replaced by one of ``others``, None where either has none."""
    matches = list(kind.finditer(sentence))
    pool = sorted({found for other in others for found in kind.findall(other) if found not in sentence})
    if not matches or not pool:
        return None
    match = rng.choice(matches)
    return _spliced(sentence, match, rng.choice(pool))


def negated(sentence: str) -> str | None:
    """Return the sentence with ``not`` after its first auxiliary verb, None where it has none or is negated already."""
    match = _AUXILIARY.search(sentence, 1)
    if match is None or words(sentence).is_negated:
        return None
    return f"{sentence[: match.end()]} not{sentence[match.end() :]}"


def joined(first: str, second: str) -> str:
    """Return a claim that says what two sentences say."""
    return f"{first.rstrip('.!?;: ')}, and {second}"


def _first_clause(sentence: str) -> str | None:
    parts = _CLAUSE.split(sentence)
    return f"{parts[0].rstrip('.,; ')}." if len(parts) > 1 and len(parts[0].split()) >= _MIN_CLAUSE_WORDS else None


def _without_opening(sentence: str) -> str | None:
    rest = _OPENING.sub("", sentence)
    return rest[0].upper() + rest[1:] if rest != sentence and len(rest.split()) >= _MIN_CLAUSE_WORDS else None


def _reworded_number(sentence: str) -> str | None:
    reworded = re.sub(r"(?<=\d),(?=\d{3}\b)", "", sentence)
    reworded = re.sub(r"(?<=\d) ?%", " percent", reworded)
    return None if reworded == sentence else reworded


def _word_exchanged(sentence: str, neighbours: Sequence[str], rng: random.Random) -> str | None:
    """Return the sentence with an ordinary word replaced by one of the same ending: mostly the same part of speech."""
    pool = sorted({word for other in neighbours for word in _PLAIN_WORD.findall(other)} - set(_PLAIN_WORD.findall(sentence)))
    candidates: list[tuple[re.Match[str], str]] = [
        (match, word)
        for match in _PLAIN_WORD.finditer(sentence)
        for word in pool
        if word[-2:] == match.group()[-2:] and word[:4] != match.group()[:4]
    ]
    return _spliced(sentence, *rng.choice(candidates)) if candidates else None


def _other_digits(sentence: str, rng: random.Random) -> str | None:
    matches = list(NUMBER.finditer(sentence))
    if not matches:
        return None
    match = rng.choice(matches)
    digit: Callable[[re.Match[str]], str] = lambda _: rng.choice("123456789")  # noqa: E731  # it needs its type
    other = match.group()
    while other == match.group():
        other = re.sub(r"\d", digit, match.group())
    return _spliced(sentence, match, other)


def _two_swapped(sentence: str, kind: re.Pattern[str], rng: random.Random) -> str | None:
    """Return the sentence with two of its names, or of its numbers, in each other's place."""
    matches = list(kind.finditer(sentence))
    pairs = [(a, b) for a, b in pairwise(matches) if a.group() != b.group()]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    between = sentence[first.end() : second.start()]
    if re.fullmatch(r",? (?:and|or) |, ", between):  # "Anna and Peter" says the same the other way round
        return None
    return f"{sentence[: first.start()]}{second.group()}{between}{first.group()}{sentence[second.end() :]}"


def _affirmed(sentence: str) -> str | None:
    """Return the sentence without its ``not``, None where it has none or stays negated without it."""
    affirmed = _NOT.sub("", sentence, count=1)
    return None if affirmed == sentence or words(affirmed).is_negated else affirmed


def _spliced(text: str, match: re.Match[str], other: str) -> str:
    return text[: match.start()] + other + text[match.end() :]
