"""Questions for what something is or means: sentences that define, and lists of terms. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from evaluation.generating.candidate import Candidate, CaseKind, LeftOut
from evaluation.generating.source import Paragraph, Section, Sentence, Source
from evaluation.generating.words import Vocabulary, has_word, spelling, stands_alone

MIN_TERMS = 3
MIN_DEFINITION_WORDS = 4
MAX_SENTENCE_CHARS = 400
MAX_TERM_WORDS = 6

_MEANS = re.compile(
    r"^(?:the term |an? )?[“\"']?(?P<term>[^“”\"',;:]{2,60}?)[”\"']? (?:means|refers to|is defined as|stands for|denotes) (?:that )?"
    r"(?P<meaning>.+)$",
    re.IGNORECASE,
)
_IS_A = re.compile(r"^(?P<term>[^“”\"',;:()]{2,60}?)(?: \([^()]{1,40}\))? (?:is|are) (?P<meaning>an? [^.;:]+[.;:]?.*)$")
_TERM = re.compile(r"^(?P<term>[^.:;|“”\"]{2,50}):\s+(?P<meaning>\S.*)$")
_FIRST_CLAUSE = re.compile(r"[.;:(]| – | — |, (?!(?:and|or)\b)")
_NOUN_PHRASE = re.compile(
    r" (?:that|which|who|whose|where|when|for|with|of|in|on|to|by|from|at|as|used|made|designed|whereby|if|because|and)\b"
)
_COMPARATIVES = frozenset("higher lower larger smaller longer shorter faster slower greater fewer more less better worse".split())  # noqa: SIM905
_NOT_A_KIND = re.compile(
    r"an? (?:bit|little|few|lot|matter|must|day|week|month|year|good|bad|great|private|number|result|part|minimum|maximum|total|further"
    r"|common|list|key|major|significant|summary|reference|example|copy|percent|portion|question|reason|problem|risk|violation)\b",
    re.IGNORECASE,
)


def of_definitions(source: Source, section: Section, vocabulary: Vocabulary) -> Iterator[Candidate | LeftOut]:
    """Yield a candidate for each sentence that defines something, and for each item of a list of terms."""
    terms = _term_list(section)
    for paragraph in section.paragraphs:
        if paragraph.start in terms:
            yield from _of_item(source, section, paragraph, terms[paragraph.start])
        elif paragraph.sentences:
            for sentence in paragraph.sentences:
                yield from _of_sentence(source, paragraph, sentence, vocabulary)


def _of_sentence(source: Source, paragraph: Paragraph, sentence: Sentence, vocabulary: Vocabulary) -> Iterator[Candidate | LeftOut]:
    if len(sentence.text) > MAX_SENTENCE_CHARS or not sentence.text.endswith("."):
        return
    means = _MEANS.match(sentence.text)
    found = means or _IS_A.match(sentence.text)
    if found is None:
        return
    term, meaning = found["term"].strip(), found["meaning"].rstrip(".")
    if not stands_alone(term) or len(term.split()) > MAX_TERM_WORDS or len(meaning.split()) < MIN_DEFINITION_WORDS:
        return
    if means is not None and term.partition(" ")[0].casefold() in _COMPARATIVES:
        return
    if means is None and (_NOT_A_KIND.match(meaning) or not _is_a_thing(term, vocabulary)):
        return
    short = _short(meaning, of_kind=means is None)
    if len(short.split()) < 2:
        yield LeftOut.NO_SHORT_ANSWER
        return
    asked = vocabulary.within_sentence(term)
    question = f"what does “{asked}” mean?" if means else f"what {'are' if ' are ' in sentence.text[: len(term) + 6] else 'is'} {asked}?"
    yield Candidate(
        kind=CaseKind.DEFINITION,
        question=f"According to “{source.label}”, {question}",
        subject=f"{spelling(source.label)}|{spelling(term)}",
        answers=(short,),
        reference_answer=sentence.text,
        start=sentence.start,
        end=sentence.end,
        page=paragraph.page,
    )


def _is_a_thing(term: str, vocabulary: Vocabulary) -> bool:
    """Whether a term names a kind or one thing: “A relief valve”, “The D40”; not “The goal” of something."""
    first, _, rest = term.partition(" ")
    if first in ("A", "An"):
        return has_word(rest)
    if first == "The":
        return any(word[:1].isupper() or any(map(str.isdigit, word)) for word in rest.split())
    return first.casefold() not in vocabulary.ordinary and not term.isupper()


def _short(meaning: str, *, of_kind: bool) -> str:
    """Return the shortest piece of a definition that still says what is meant."""
    clause = _FIRST_CLAUSE.split(meaning, maxsplit=1)[0].strip()
    if of_kind:
        clause = re.sub(r"^an? ", "", _NOUN_PHRASE.split(clause, maxsplit=1)[0].strip())
    return clause if has_word(clause) and len(clause) <= 120 else ""


def _term_list(section: Section) -> dict[int, re.Match[str]]:
    """Return the items, by where they begin, of a section whose list explains terms: most of its items do."""
    items = [paragraph for paragraph in section.paragraphs if paragraph.is_list_item and paragraph.sentences]
    found: dict[int, re.Match[str]] = {}
    for item in items:
        match = _TERM.match(" ".join(sentence.text for sentence in item.sentences))
        if match is not None and _is_term(match["term"]) and len(match["meaning"].split()) >= MIN_DEFINITION_WORDS:
            found[item.start] = match
    times = Counter(spelling(match["term"]) for match in found.values())
    is_list_of_terms = len(found) >= MIN_TERMS and len(found) * 2 > len(items) and max(times.values()) == 1
    return found if is_list_of_terms else {}


def _is_term(term: str) -> bool:
    return len(term.split()) <= MAX_TERM_WORDS and has_word(term) and term[0].isupper() and "http" not in term


def _of_item(source: Source, section: Section, item: Paragraph, match: re.Match[str]) -> Iterator[Candidate | LeftOut]:
    term, meaning = match["term"].strip(), match["meaning"].strip()
    short = _short(meaning.rstrip("."), of_kind=False)
    if len(short.split()) < 2:
        yield LeftOut.NO_SHORT_ANSWER
        return
    place = f"under “{section.heading}” in" if section.heading and not section.is_title else "in"
    yield Candidate(
        kind=CaseKind.DEFINITION,
        question=f"What is said of “{term}” {place} “{source.label}”?",
        subject=f"{spelling(source.label)}|{spelling(section.heading)}|{spelling(term)}",
        answers=(short,),
        reference_answer=f"{term}: {meaning}",
        start=item.start,
        end=item.end,
        page=item.page,
    )
