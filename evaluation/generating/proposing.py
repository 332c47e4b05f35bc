"""What all rules propose for one document. Pure."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from evaluation.generating.candidate import MAX_QUESTION_CHARS, MAX_QUOTE_CHARS, MIN_QUOTE_CHARS, Candidate, LeftOut, Proposal
from evaluation.generating.definitions import of_definitions
from evaluation.generating.headings import of_heading
from evaluation.generating.numbers import of_numbers
from evaluation.generating.source import MAX_CHARS, Section, Source, sections_of
from evaluation.generating.tables import of_tables
from evaluation.generating.unanswerable import with_other_names, with_rows_of_others
from evaluation.generating.words import Vocabulary, spelling

LANGUAGES = ("en", None)
"""The rules are English; what is too short to tell its language is tried."""

MAX_CANDIDATES = 3_000
VOCABULARY_CHARS = 100_000
TOLD_BY_CHARS = 100
"""Places that begin alike for so long say the same."""


def propose(source: Source, *, seed: int) -> Proposal:
    """Return the candidates of a document; those that the document itself makes ambiguous are left out."""
    if source.document.language not in LANGUAGES:
        return Proposal(candidates=(), left_out={LeftOut.LANGUAGE: 1})
    sections = list(sections_of(source.document))
    left_out: Counter[LeftOut] = Counter()
    found: list[Candidate] = []
    for outcome in _of_sections(source, sections):
        reason = outcome if isinstance(outcome, LeftOut) else _unfit(outcome, source.document.text)
        if reason is not None:
            left_out[reason] += 1
        elif isinstance(outcome, Candidate):
            found.append(outcome)
        if len(found) >= MAX_CANDIDATES:
            break
    rng = random.Random(f"{seed}:{source.name}")  # noqa: S311 - draws questions, no secret
    for candidate in tuple(found):
        found += with_other_names(candidate, label=source.label, rng=rng)
    found += with_rows_of_others(source, sections)
    times = Counter(candidate.subject for candidate in found)
    left_out[LeftOut.AMBIGUOUS] += sum(1 for candidate in found if times[candidate.subject] > 1)
    return Proposal(candidates=tuple(candidate for candidate in found if times[candidate.subject] == 1), left_out=+left_out)


def _of_sections(source: Source, sections: Sequence[Section]) -> Iterator[Candidate | LeftOut]:
    vocabulary = Vocabulary.of(source.document.text[:VOCABULARY_CHARS])
    headings = Counter(spelling(section.heading) for section in sections)
    for section in sections:
        if headings[spelling(section.heading)] > 1 and section.heading:
            yield LeftOut.AMBIGUOUS
            continue
        yield from of_heading(source, section)
        yield from of_tables(source, section)
        yield from of_definitions(source, section, vocabulary)
        yield from of_numbers(source, section, vocabulary)


def _unfit(candidate: Candidate, text: str) -> LeftOut | None:
    if not MIN_QUOTE_CHARS <= candidate.end - candidate.start <= MAX_QUOTE_CHARS or len(candidate.question) > MAX_QUESTION_CHARS:
        return LeftOut.QUOTE_LENGTH
    beginning = text[candidate.start : min(candidate.end, candidate.start + TOLD_BY_CHARS)]
    stands_twice = text.find(beginning, 0, candidate.start) >= 0 or text.find(beginning, candidate.start + 1, MAX_CHARS) >= 0
    return LeftOut.AMBIGUOUS if stands_twice else None
