"""Cleaning: a parsed document without what only its file format put there. Offsets are made anew, so that they hold.

Repaired are broken encodings (by ftfy), words broken at a line's end, control characters, whitespace and dot leaders; left out are lines
that run through the slides of a presentation (the PDF parser does this for pages, where it knows positions). The language is noted, and a
fingerprint taken by which nearly equal documents are found.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import ftfy
import langdetect
from langdetect.lang_detect_exception import LangDetectException

from footnote.core.errors import UnreadableDocument
from footnote.core.fingerprints import fingerprint_of
from footnote.core.types import Document, Element, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.hyphenation import vocabulary
from ingestion.media_type import MediaType

_DROPPED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]")
"""Controls, invisible characters without a meaning, lone surrogates. Joiners stay: Persian and emoji need them."""

_LONE_LETTER = re.compile(r"(?:^|(?<=\s))Â(?= )")
"""A letter of Vietnamese and Romanian, which ftfy takes for half of a broken space: it is that only where other characters are broken."""

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
"""Shapes of a typeface that some programs write as characters; ``œ`` and ``æ`` are letters, and stay."""

_LINE_BREAK = re.compile(r"\r\n?|[\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_DOT_LEADER = re.compile(r"(?: ?[.·…_]){6,}")
_BROKEN_WORD = re.compile(r"\b([^\W\d_]{2,40})[-\u2010] ([^\W\d_]{2,40})\b")
_BROKEN_END = re.compile(r"([^\W\d_]{2,40})[-\u2010\u00ad]$")
_BROKEN_START = re.compile(r"([^\W\d_]{2,40})[^\s\w]*\s*")
_LONGEST_WORD = 50
_PROSE = (ElementKind.TEXT, ElementKind.LIST_ITEM)
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"[.!?。]$")
_MIN_SENTENCE_WORDS = 5

_MAX_RUNNING_CHARS = 100
_MIN_RUNNING_PAGES = 3
_MIN_RUNNING_SHARE = 0.6
_LANGUAGE_SAMPLE_CHARS = 5_000
_MIN_LANGUAGE_SAMPLE_CHARS = 40
_MIN_LANGUAGE_PROBABILITY = 0.8


@dataclass(frozen=True, slots=True)
class _Piece:
    element: Element
    text: str


def clean(document: Document) -> Document:
    """Return the document repaired, with notes about what was done.

    Raises:
        UnreadableDocument: there is no letter and no digit in it.
    """
    pieces = [_Piece(element, document.text[element.start : element.end]) for element in document.elements]
    notes = list(document.notes)

    mended = [_mended(piece) for piece in pieces]
    n_mended = sum(1 for before, after in zip(pieces, mended, strict=True) if before.text != after.text)
    if n_mended:
        notes.append(f"Broken encoding was repaired in {n_mended} passages.")

    kept = _without_running_lines(mended, document=document)
    if len(kept) < len(mended):
        notes.append(f"Lines that come again on most pages were left out: {len(mended) - len(kept)}.")

    words = vocabulary(piece.text for piece in kept)
    kept = _with_words_whole_across_pages(kept, words=words)
    builder = DocumentBuilder(max_text_chars=2 * len(document.text) + 1)
    for piece in kept:
        builder.add_like(_cleaned_caption(piece.element), _cleaned(piece, words=words))
    if not any(character.isalnum() for piece in kept for character in piece.text):
        raise UnreadableDocument("There is no legible text in the file.", hint="It holds only signs or pictures.", code="no_text")
    title = normalise(repair_encoding(document.title)) if document.title else None
    cleaned = builder.build(
        media_type=document.media_type,
        title=title or None,
        n_pages=document.n_pages,
        language=document.language or language_of(piece.text for piece in kept),
        notes=tuple(notes),
    )
    return replace(cleaned, fingerprint=fingerprint_of(cleaned.text))


def _mended(piece: _Piece) -> _Piece:
    """Return a piece with its encoding repaired; code says what it says, broken or not."""
    return piece if piece.element.kind is ElementKind.CODE else _Piece(piece.element, repair_encoding(piece.text))


def _with_words_whole_across_pages(pieces: list[_Piece], *, words: frozenset[str]) -> list[_Piece]:
    """Put the rest of a word that was broken at a page's end before the break, where the document also has the word unbroken."""
    whole = list(pieces)
    for place, (before, after) in enumerate(itertools.pairwise(pieces)):
        if not all(piece.element.kind in _PROSE and piece.element.page is not None for piece in (before, after)):
            continue
        end, start = _BROKEN_END.search(whole[place].text, max(0, len(whole[place].text) - _LONGEST_WORD)), _BROKEN_START.match(after.text)
        if before.element.page == after.element.page or end is None or start is None or not start[1][0].islower():
            continue
        if (end[1] + start[1]).lower() in words:
            whole[place] = _Piece(before.element, whole[place].text[: end.end(1)] + start[0].rstrip())
            whole[place + 1] = _Piece(after.element, after.text[start.end() :])
    return whole


def _cleaned(piece: _Piece, *, words: frozenset[str]) -> str:
    if piece.element.kind is ElementKind.CODE:
        return _DROPPED.sub("", _LINE_BREAK.sub("\n", piece.text)).strip("\n")
    text = normalise(piece.text)
    return text if piece.element.kind is ElementKind.TABLE else join_broken_words(text, words=words)


def _cleaned_caption(element: Element) -> Element:
    if element.caption is None:
        return element
    return Element(
        kind=element.kind,
        start=0,
        end=0,
        page=element.page,
        box=element.box,
        level=element.level,
        n_header_rows=element.n_header_rows,
        caption=normalise(repair_encoding(element.caption)) or None,
    )


def repair_encoding(text: str) -> str:
    """Return text whose UTF-8 had been read as another encoding (``Ã©`` for ``é``) as it was meant; other text unchanged."""
    if text.isascii():
        return text
    without_letter = _LONE_LETTER.sub("", text)
    if without_letter != text and ftfy.fix_encoding(without_letter) == without_letter:
        return text
    return ftfy.fix_encoding(text)


def normalise(text: str) -> str:
    """Return text without control characters and ligatures, with single spaces, no spaces at line ends, and dot leaders as one ellipsis.

    Lines stay lines, as a table's rows are lines.
    """
    lines = _SPACES.sub(" ", _DROPPED.sub("", _LINE_BREAK.sub("\n", text.translate(_LIGATURES)))).split("\n")
    joined = "\n".join(_DOT_LEADER.sub(" …", line).strip() for line in lines)
    return _BLANK_LINES.sub("\n\n", joined).strip()


def join_broken_words(text: str, *, words: frozenset[str]) -> str:
    """Put words together that a line end broke (``pay- ment``), where the document also has the word unbroken.

    ``pre- and post-war`` is no broken word: ``preand`` stands nowhere.
    """

    def join(match: re.Match[str]) -> str:
        first, second = match.groups()
        if not second[0].islower() or (first + second).lower() not in words:
            return match.group()
        return first + second

    return _BROKEN_WORD.sub(join, text)


def _without_running_lines(pieces: list[_Piece], *, document: Document) -> list[_Piece]:
    """Leave out short texts that stand, digits aside, on most pages; not in PDFs, whose parser has done it by position."""
    if document.n_pages is None or document.media_type == MediaType.PDF:
        return pieces
    pages_by_key = Counter(key for key, _ in {(_running_key(piece), piece.element.page) for piece in pieces if _may_run(piece)})
    enough = max(_MIN_RUNNING_PAGES, _MIN_RUNNING_SHARE * document.n_pages)
    return [piece for piece in pieces if not (_may_run(piece) and pages_by_key[_running_key(piece)] >= enough)]


def _may_run(piece: _Piece) -> bool:
    """Whether a piece is short and no sentence: what a deck says again on each slide, such as a condition, is part of what it says."""
    if piece.element.kind is not ElementKind.TEXT or piece.element.page is None or len(piece.text) > _MAX_RUNNING_CHARS:
        return False
    return not (_SENTENCE_END.search(piece.text) and len(piece.text.split()) >= _MIN_SENTENCE_WORDS)


def _running_key(piece: _Piece) -> str:
    return _DIGITS.sub("#", piece.text).casefold()


def language_of(texts: Iterable[str]) -> str | None:
    """Return the language that most of the first thousands of characters are in (ISO 639-1, ``zh-cn``); None where that is not clear."""
    sample = ""
    for text in texts:
        sample = f"{sample}\n{text[: _LANGUAGE_SAMPLE_CHARS - len(sample)]}"
        if len(sample) >= _LANGUAGE_SAMPLE_CHARS:
            break
    if sum(character.isalpha() for character in sample) < _MIN_LANGUAGE_SAMPLE_CHARS:
        return None
    langdetect.DetectorFactory.seed = 0  # its draws are random else, and the same document would get two languages
    try:
        best: Any = langdetect.detect_langs(sample)[0]
    except LangDetectException:
        return None
    return str(best.lang) if float(best.prob) >= _MIN_LANGUAGE_PROBABILITY else None
