"""Questions for figures: how long, how much, how many, when. A sentence of one of a few plain forms becomes its question. Pure."""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evaluation.generating.candidate import Candidate, CaseKind
from evaluation.generating.key_facts import DATE, MONEY, MONTH, NUMBER, QUANTITY, TIME_UNIT, UNIT
from evaluation.generating.source import Section, Source
from evaluation.generating.words import Vocabulary, spelling, stands_alone

MAX_SENTENCE_CHARS = 350

_S = r"(?P<subject>[A-Z][^,;:()“”\"]{2,80}?)"
_ABOUT = (
    r"(?:about |around |roughly |approximately |at least |at most |up to |no more than |exactly |nearly |almost |more than |less than "
    r"|only |just |now |at present |currently )?"
)
_END = (
    r"(?=[,;.]|$| (?:and|for|from|in|at|on|if|when|where|unless|per|a|with|after|before|because|since|to|by|of|plus|until|which|that|as"
    r"|without|within)\b)"
)
_TIME = rf"(?P<figure>{NUMBER} {TIME_UNIT})"
_DONE = (
    r"(?P<done>(?:normally |usually |automatically |always )?(?:[a-z]+ed|kept|held|paid|sent|made|valid|open|closed|given|taken|built"
    r"|bought|sold|won|begun|written|known|shown|lent|put|set|due))"
)


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of a sentence, and the question that it answers."""

    pattern: re.Pattern[str]
    question: Callable[[re.Match[str], str], str]


def _form(pattern: str, question: Callable[[re.Match[str], str], str]) -> _Form:
    return _Form(pattern=re.compile("^" + pattern), question=question)


_FORMS = (
    _form(rf"{_S} (?P<verb>is|are) {_DONE} within {_TIME}{_END}", lambda m, s: f"within what time {m['verb']} {s} {m['done']}?"),
    _form(rf"{_S} (?P<verb>is|are) {_DONE} after {_ABOUT}{_TIME}{_END}", lambda m, s: f"after how long {m['verb']} {s} {m['done']}?"),
    _form(rf"{_S} (?P<verb>is|are) {_DONE} for {_ABOUT}{_TIME}{_END}", lambda m, s: f"for how long {m['verb']} {s} {m['done']}?"),
    _form(
        rf"{_S} (?P<verb>is|are) {_DONE} (?P<figure>every (?:{NUMBER} )?{TIME_UNIT}){_END}",
        lambda m, s: f"how often {m['verb']} {s} {m['done']}?",
    ),
    _form(
        rf"{_S} (?P<verb>was|were) {_DONE} (?:in|on) (?P<figure>{DATE}|(?:{MONTH} )?(?:1[5-9]|20)\d\d){_END}",
        lambda m, s: f"when {m['verb']} {s} {m['done']}?",
    ),
    _form(rf"{_S} (?P<verb>is|are) {_ABOUT}(?P<figure>{MONEY}(?: (?:per|a|an) [a-z]+)?){_END}", lambda m, s: f"how much {m['verb']} {s}?"),
    _form(
        rf"{_S} (?P<verb>is|are) {_ABOUT}(?P<figure>{NUMBER} ?(?:per cent|percent|%)){_END}",
        lambda m, s: f"how high {m['verb']} {s}, in per cent?",
    ),
    _form(
        r"(?P<subject>[A-Z][^,;:()“”\"]{2,60}?\b(?:period|week|time|term|notice|duration|interval|break|delay|phase|year|deadline)s?"
        rf"(?: (?:of|for|at|in) [^,;:()“”\"]{{2,40}}?)?) (?P<verb>is|are) {_ABOUT}{_TIME}{_END}",
        lambda m, s: f"how long {m['verb']} {s}?",
    ),
    _form(rf"{_S} (?P<verb>is|are) {_ABOUT}(?P<figure>{NUMBER} ?{UNIT})(?!\w){_END}", lambda m, s: f"what {m['verb']} {s}?"),
    _form(
        rf"{_S} (?P<verb>costs?) {_ABOUT}(?P<figure>{MONEY}(?: (?:per|a|an) [a-z]+)?){_END}", lambda m, s: f"how much {_does(m)} {s} cost?"
    ),
    _form(rf"{_S} (?P<verb>takes?|lasts?) {_ABOUT}{_TIME}{_END}", lambda m, s: f"how long {_does(m)} {s} {m['verb'].rstrip('s')}?"),
    _form(rf"{_S} (?P<verb>weighs?) {_ABOUT}(?P<figure>{NUMBER} ?{UNIT})(?!\w){_END}", lambda m, s: f"how much {_does(m)} {s} weigh?"),
    _form(
        rf"{_S} (?P<verb>has|have|holds?|contains?|employs?|produces?|seats?|needs?|consumes?|uses?|includes?) {_ABOUT}"
        rf"(?P<figure>{NUMBER}) (?P<what>(?!per\b|of\b|or\b|and\b|to\b|more\b|other\b|further\b|half\b)[a-z]+(?: [a-z]+)?s){_END}",
        lambda m, s: f"how many {m['what']} {_does(m)} {s} {_base(m['verb'])}?",
    ),
    _form(
        rf"(?P<subject>There) (?P<verb>are|were) {_ABOUT}(?P<figure>{NUMBER}) "
        r"(?P<what>(?!per\b|of\b|or\b|more\b|other\b|further\b)[a-z]+(?: [a-z]+)?s) "
        r"(?P<where>(?:in|at|on|under|for|per) [^,;:.()]{4,60})(?=[.;,])",
        lambda m, _: f"how many {m['what']} {m['verb']} there {m['where']}?",
    ),
)


def of_numbers(source: Source, section: Section, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """Yield a candidate for each sentence that says one figure of one thing."""
    for paragraph in section.paragraphs:
        for sentence in paragraph.sentences:
            found = _found(sentence.text, vocabulary) if len(sentence.text) <= MAX_SENTENCE_CHARS else None
            if found is None:
                continue
            question, figure = found
            place = (
                f"Under “{section.heading}” in “{source.label}”"
                if section.heading and not section.is_title
                else f"According to “{source.label}”"
            )
            yield Candidate(
                kind=CaseKind.NUMBER,
                question=f"{place}, {question}",
                subject=spelling(f"{place}, {question}"),
                answers=_spellings(figure),
                reference_answer=sentence.text,
                start=sentence.start,
                end=sentence.end,
                page=paragraph.page,
            )


def _found(text: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    if not text.endswith((".", "!")):
        return None
    for form in _FORMS:
        match = form.pattern.match(text)
        if match is not None and (match["subject"] == "There" or stands_alone(match["subject"])) and not _has_verb(match["subject"]):
            return form.question(match, vocabulary.within_sentence(match["subject"])), match["figure"]
    return None


_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|may|must|shall|should|will|would|could|cannot|not|be|been|and then)\b"
)
_QUANTITY = re.compile(QUANTITY)


def _has_verb(subject: str) -> bool:
    return _VERB.search(subject) is not None


def _does(match: re.Match[str]) -> str:
    return "does" if match["verb"].endswith("s") else "do"


def _base(verb: str) -> str:
    return "have" if verb == "has" else verb.removesuffix("s")


_WORDS: dict[str, str] = {
    word: str(number) for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
}
_DIGITS: dict[str, str] = {digits: word for word, digits in _WORDS.items()}


def _spellings(figure: str) -> tuple[str, ...]:
    """Return a figure, and as it is spelled otherwise: small numbers in digits and in words, per cent as a sign."""
    words = figure.split(" ")
    other = [_WORDS.get(word.casefold()) or _DIGITS.get(word) or word for word in words]
    found = dict.fromkeys((figure, " ".join(other)))
    found |= dict.fromkeys(each.replace(" per cent", sign) for each in tuple(found) for sign in (" %", "%", " percent"))
    return tuple(found)
