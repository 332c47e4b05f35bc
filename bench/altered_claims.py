"""Claims made from sentences of the evidence itself: unchanged, or with a number, a name or a negation changed.

After FactCC (Kryscinski et al. 2020, section 3.1): a sentence of the source is supported by it, and a small change makes it wrong. Public
sets have few such claims, and a model that writes answers makes many. Pure functions; the same seed gives the same claims.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from serving.judge.sentences import sentence_spans
from serving.judge.words import words

Kind = Literal["verbatim", "number", "name", "negated", "affirmed"]

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w,.]*\w)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}")
_AUXILIARY = re.compile(r"\b(?:is|are|was|were|has|have|had|can|could|will|would|should|may|must)\b")
_NOT = re.compile(r" not\b|(?<=can)not\b|n['’]t\b")
_MAX_CHARS_READ = 20_000


@dataclass(frozen=True, slots=True)
class AlteredClaim:
    """A claim about a context, and what was done to it; only ``verbatim`` is supported."""

    context: str
    claim: str
    kind: Kind

    @property
    def label(self) -> int:
        return int(self.kind == "verbatim")


def altered_claims(contexts: Sequence[str], *, seed: int) -> Iterator[AlteredClaim]:
    """Yield for each context one of its sentences of 6 to 40 words, and the changed forms that this sentence allows."""
    rng = random.Random(seed)
    names = sorted({name for context in contexts for name in _NAME.findall(context[:_MAX_CHARS_READ])})
    for context in contexts:
        texts = (context[start:end] for start, end in sentence_spans(context))
        sentences = [text for text in dict.fromkeys(texts) if 6 <= len(text.split()) <= 40]
        if not sentences:
            continue
        sentence = rng.choice(sentences)
        yield AlteredClaim(context=context, claim=sentence, kind="verbatim")
        changed: dict[Kind, str | None] = {
            "number": _other_number(sentence, rng),
            "name": _other_name(sentence, names, rng),
            "negated": _negated(sentence),
            "affirmed": _affirmed(sentence),
        }
        yield from (AlteredClaim(context=context, claim=claim, kind=kind) for kind, claim in changed.items() if claim is not None)


def _other_number(sentence: str, rng: random.Random) -> str | None:
    """Return the sentence with each digit of one number drawn anew, None without a number."""
    matches = list(_NUMBER.finditer(sentence))
    if not matches:
        return None
    match = rng.choice(matches)
    other = match.group()
    while other == match.group():
        other = re.sub(r"\d", lambda _: rng.choice("123456789"), match.group())
    return sentence[: match.start()] + other + sentence[match.end() :]


def _other_name(sentence: str, names: Sequence[str], rng: random.Random) -> str | None:
    """Return the sentence with a name of some context in the place of one of its own, None without a name."""
    matches = list(_NAME.finditer(sentence))
    others = [name for name in names if matches and name not in sentence]
    if not others:
        return None
    match = rng.choice(matches)
    return sentence[: match.start()] + rng.choice(others) + sentence[match.end() :]


def _negated(sentence: str) -> str | None:
    """Return the sentence with ``not`` after its first auxiliary verb, None where it has none or is negated already."""
    match = _AUXILIARY.search(sentence, 1)
    if match is None or words(sentence).is_negated:
        return None
    return f"{sentence[: match.end()]} not{sentence[match.end() :]}"


def _affirmed(sentence: str) -> str | None:
    """Return the sentence without its ``not``, None where it has none or stays negated without it."""
    affirmed = _NOT.sub("", sentence, count=1)
    return None if affirmed == sentence or words(affirmed).is_negated else affirmed
