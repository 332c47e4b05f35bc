"""Which words can stand in a question without what was said before them. Pure."""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
import unicodedata
from dataclasses import dataclass

GENERIC_HEADINGS = frozenset(
    (
        "about|abstract|acknowledgements|acknowledgments|agenda|aims|annex|appendix|appendices|background|basics|"
        "bibliography|changes|conclusion|conclusions|contact|contacts|contents|details|discussion|document history|examples|exhibits|"
        "exhibit index|"
        "example|faq|figures|footnotes|foreword|further reading|general|general information|general provisions|glossary|"
        "history|important|index|information|introduction|key points|links|list of figures|list of tables|literature|menu|"
        "methods|miscellaneous|more|navigation|next steps|note|notes|other|others|other information|overview|preface|"
        "preamble|purpose|questions|references|related articles|remarks|results|revision history|scope|search|see also|"
        "signature|signatures|sources|summary|table of contents|tables|terms|thank you|thanks|title|topics|validity|"
        "version history|warning"
    ).split("|")
)
GENERIC_LABELS = frozenset(
    (
        "all|average|balance|date|etc|item|mean|misc|n/a|name|no|none|number|other|others|position|remainder|rest|"
        "row|subtotal|sum|total|totals|unknown|various|yes"
    ).split("|")
)
NOT_A_SUBJECT = frozenset(
    (
        "it its they their them this that these those he she his her we our us you your i my there here such each both some many "
        "most few several all none another other others what which who when where why how if because although though while since "
        "as so then thus also but and or nor not no nobody nothing everything anything something in on at by for from with "
        "without after before during until under over between of to than only even still yet however therefore otherwise instead "
        "please see note example former latter same one ones "
    ).split()
)
"""Words that a subject cannot begin with: they refer back, or begin something else."""

REFERS_BACK = re.compile(
    r"\b(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|above|below|following|former|latter|herein|thereof"
    r"|aforementioned|said|we|our|us|you|your|here|there)\b",
    re.IGNORECASE,
)
_EMPTY = re.compile(r"(?:[-–—.…*/?\s]*|n/?a|none|yes|no|x|✓|✔|✗|true|false|tbd|tba|unknown|not applicable)", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"[A-Z]{3}[A-Z]*[a-z]{2}")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"\s+")


def spelling(text: str) -> str:
    """Return a text in one spelling, in which words are compared: NFKC, lower case, single spaces."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def has_word(text: str) -> bool:
    """Whether a text has a word of at least two letters."""
    return re.search(r"[^\W\d_]{2}", text) is not None


def is_nothing(value: str) -> bool:
    """Whether a table's cell says nothing that could be recognised in an answer."""
    return _EMPTY.fullmatch(value) is not None


def stands_alone(subject: str) -> bool:
    """Whether a subject can be understood without the sentence before: no pronoun, no clause, not too long."""
    words = subject.split()
    if not 1 <= len(words) <= 12 or not _LETTER.search(subject) or re.search(r"[,;:()|“”\"·•…\[\]]", subject):
        return False
    if _RUN_TOGETHER.search(subject):
        return False
    return words[0].casefold() not in NOT_A_SUBJECT and REFERS_BACK.search(subject) is None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words of a text are names, told by how they are written within its sentences."""

    ordinary: frozenset[str]
    names: frozenset[str]

    @staticmethod
    def of(text: str) -> "Vocabulary":
        """Return the vocabulary of a document."""
        return Vocabulary(ordinary=frozenset(_LOWER_WORD.findall(text)), names=frozenset(map(str.casefold, _NAME.findall(text))))

    def within_sentence(self, subject: str) -> str:
        """Return a subject as it stands within a sentence: its first word in lower case unless it is a name."""
        first, space, rest = subject.partition(" ")
        word = first.casefold()
        is_ordinary = word in self.ordinary or (word not in self.names and first.istitle() and (rest[:1].islower() or word.endswith("s")))
        return f"{word}{space}{rest}" if is_ordinary else subject


_LOWER_WORD = re.compile(r"(?<![\w-])[a-z][a-z'’-]*")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'’-]*")
