"""What labels say of a text: whether it holds an expected answer, and whether a passage holds a gold passage. No judge, no model."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.cases import GoldPassage

_MARKER = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")
_THOUSANDS = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}([,\u00a0\u202f' ])\d{3}(?:\1\d{3})*(?!\d)")
"""A whole number in groups: one to three digits, then three each behind the same separator. "2019 200" is two numbers."""

_CELL_BORDER = re.compile(r"\s*\|\s*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class CitedSpan:
    """What an answer cites: a document's name and the text of the passage or span that the citation points to."""

    document: str
    text: str


def answer_found(text: str, answers: Sequence[str]) -> bool:
    """Say whether a text holds one of the answers as whole words, footnote markers, case, thousands separators and spacing aside."""
    haystack = normalised(_MARKER.sub("", text))
    return any(_holds_words(haystack, normalised(answer)) for answer in answers)


def holds_gold(span: CitedSpan, gold: GoldPassage) -> bool:
    """Say whether a cited text is of the gold document and holds the gold quote, or is a part of it of at least five words."""
    if span.document != gold.document:
        return False
    cited, quote = normalised(span.text), normalised(gold.quote)
    return quote in cited or (len(cited.split()) >= 5 and cited in quote)


def normalised(text: str) -> str:
    """Return a text in one spelling: NFKC, lower case, no thousands separators, table borders and white space as one space."""
    plain = _THOUSANDS.sub(lambda number: number[0].replace(number[1], ""), unicodedata.normalize("NFKC", text).casefold())
    return _SPACE.sub(" ", _CELL_BORDER.sub(" ", plain)).strip()


def _holds_words(haystack: str, needle: str) -> bool:
    return bool(needle) and re.search(rf"(?<!\w){re.escape(needle)}(?!\w)", haystack) is not None
