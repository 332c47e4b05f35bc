"""Where the sentences of a passage are: half-open code point ranges, in order, not overlapping, without the white space around them.

It owns the splitting of text that a judge compares claims with. It does not split answers: those arrive in pieces, and are split
elsewhere while they stream.
"""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
from collections.abc import Callable, Iterator

Span = tuple[int, int]

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev gen col sgt capt lt hon st mt ft jr sr vs etc al cf ca approx est dept univ inc ltd co corp bros no nos vol ed "
    "eds fig figs eq sec ch pp jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”]?")
_NEXT = re.compile(r"\s*(\S)")
_CELL_BORDER = " | "


def sentence_spans(text: str) -> list[Span]:
    """Return the range of each sentence; rows of tables, list items and headings, being lines, are sentences of their own.

    A line that goes on in lower case on the next one is a wrapped line, not two sentences.
    """
    return [span for block in _blocks(text) for span in _sentences_of_block(text, block)]


def fitting_spans(text: str, *, token_spans: Callable[[str], list[Span]], max_tokens: int) -> list[Span]:
    """Return the ranges into which a text is cut so that each has at most ``max_tokens`` tokens and none of it is lost.

    A text that fits is one range. One that does not is halved, at white space where there is any, until its parts fit.
    """
    tokens = token_spans(text)
    if len(tokens) <= max_tokens or len(text) < 2:
        return [(0, len(text))]
    middle = _cut(text, tokens)
    halves = ((0, middle), (middle, len(text)))
    return [
        (start + inner_start, start + inner_end)
        for start, end in halves
        for inner_start, inner_end in fitting_spans(text[start:end], token_spans=token_spans, max_tokens=max_tokens)
    ]


def _cut(text: str, tokens: list[Span]) -> int:
    """Return the start of the token nearest to the middle that follows white space, or else of the middle token; never 0 or the end."""
    middle = len(tokens) // 2
    after_space = [index for index in range(1, len(tokens)) if text[tokens[index][0] - 1].isspace()]
    cut = tokens[min(after_space, key=lambda index: abs(index - middle)) if after_space else middle][0]
    return cut if 0 < cut < len(text) else len(text) // 2


def _blocks(text: str) -> Iterator[Span]:
    """Yield lines, a wrapped line joined with the one that it goes on in."""
    start = end = -1
    for match in _LINE.finditer(text):
        if start >= 0 and _goes_on(text[start:end], match.group()):
            end = match.end()
            continue
        if start >= 0:
            yield start, end
        start, end = match.span()
    if start >= 0:
        yield start, end


def _goes_on(line: str, following: str) -> bool:
    line, following = line.rstrip(), following.strip()
    if not line or not following or _CELL_BORDER in line or _CELL_BORDER in following:
        return False
    return following[0].islower() and line[-1] not in ".!?…:;|"


def _sentences_of_block(text: str, block: Span) -> Iterator[Span]:
    start, end = block
    cursor = start
    if _CELL_BORDER not in text[start:end]:
        for match in _END.finditer(text, start, end):
            if _ends_sentence(text, match, end):
                yield from _stripped(text, cursor, match.end())
                cursor = match.end()
    yield from _stripped(text, cursor, end)


def _ends_sentence(text: str, match: re.Match[str], end: int) -> bool:
    if match.group()[0] in "。！？":
        return True
    following = _NEXT.match(text, match.end(), end)
    if following is None:
        return True
    if following[1].islower():
        return False
    return match.group()[0] != "." or not _is_abbreviation(text, match.start())


def _is_abbreviation(text: str, dot: int) -> bool:
    """Say whether the word before a full stop is written with it: ``Dr.``, an initial as in ``J. Smith``, ``e.g.``, ``U.S.``."""
    start = dot
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "."):
        start -= 1
    word = text[start:dot]
    return (
        word.lower() in _ABBREVIATIONS
        or (len(word) == 1 and word.isalpha())
        or ("." in word and word.replace(".", "").isalpha() and len(word) <= 5)
    )


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the range without white space at its ends, or nothing where nothing else is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end
