"""Claims: the sentences of a draft, split while it streams, and which of them say something that can be checked.

Decisions depend on the text alone, never on the pieces in which it came: a boundary is drawn only once enough has followed for no
later text to change it.
"""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
from dataclasses import dataclass

from serving.citations import MARKER, strip_markers

ABSTENTION = "The documents do not say."
"""What an answer says when the passages do not have it. The prompts ask for these words."""

_NEVER_LAST = re.compile(r"mr|mrs|ms|dr|prof|rev|gen|col|sgt|capt|lt|hon|st|mt|ft|vs|cf|ca|approx|e\.g|i\.e")
_NOT_LAST_BEFORE_NUMBER = re.compile(r"nos?|vol|eds?|figs?|eq|sec|ch|art|pp?|ver|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec")
_LAST_BEFORE_CAPITAL = re.compile(r"[ap]\.m")
_BOUNDARY = re.compile(r"[\n\r\u2028\u2029]|[.!?…]+|[。！？]+")
_LINE_BREAKS = "\n\r\u2028\u2029"
_CLOSERS = "\"'”’»)]*_」』"
_MARKER_BEGINNING = re.compile(r"\[[\s\d,]*\Z")
_WORD_BEFORE = re.compile(r"[^\W_](?:[\w.'’-]*[^\W_])?\Z")
_LIST_NUMBER = re.compile(r"\s*(?:[-*•>]\s*)?\d{1,3}\Z")

_BULLET = re.compile(r"(?:[-*•>]|\d{1,3}[.)])\s+")
_BOLD_HEADING = re.compile(r"(\*\*|__)\D*[^\d.!…。！]\1:?")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PLEASANT_WORDS = frozenset(
    "hi hello hey there and dear thanks thank you for asking sure certainly of course a great good question you're welcome yes no okay ok "
    "i hope this that helps let me know if have need any more other further questions help here is here's the an my your answer to happy "
    "glad can be sorry i'm am about apologize apologise".split()
)
"""A sentence of these words alone says nothing about a document. One that begins with "Yes," and goes on is a claim."""

_ABSTENTION = re.compile(
    r"(?:(?:unfortunately|sorry|i'?m sorry|i am sorry),?\s+(?:but\s+)?)?"
    r"(?:(?:the|these|those|your)\s+(?:\w+\s+)?(?:documents?|passages?|sources?|texts?|context)\s+(?:do(?:es)?\s+not|don['’]?t|doesn['’]?t)\s+"
    r"(?:say|tell|mention|state|contain (?:(?:this|that|the|any|enough)\s+)?(?:answer|information)|answer (?:this|that|the|your) question)"
    r"|i\s+(?:do\s+not|don['’]?t)\s+know|i\s+(?:cannot|can['’]?t)\s+(?:answer|find))",
    re.IGNORECASE,
)
_ASKING_ELSEWHERE = (
    r"(?:(?:contact|consult|check|refer|speak|talk|look|try|rephras|clarify|specify|verify|confirm|consider|provid|shar|upload)\w*"
    r"|reach\w*\s+out|get\w*\s+in\s+touch|visit(?:ing)?\s+(?:the|our|your|their)|ask(?:ing)?\b(?!\s+for\b))"
)
_ADVICE = re.compile(
    r"(?:for\s[^,]*,\s*|to\s+(?:find\s+out|learn|know|get|be\s+sure)\b[^,]*,\s*"
    r"|if\s+you(?:['’]d)?\s+(?:need|have|want|wish|like|would\s+like)\b[^,]*,\s*)?"
    r"(?:(?:please\s+|kindly\s+)?(?:let\s+me\s+know|feel\s+free|(?:do\s+not|don['’]t)\s+hesitate)\b"
    rf"|(?:please|kindly)\s+{_ASKING_ELSEWHERE}"
    r"|(?:contact|consult|ask|check\s+with|refer\s+to|reach\s+out\s+to)\s+(?:the|your|our|an?)\b"
    r"|you\s+(?:may|might|can|could|should|will|would)\s+(?:also\s+|always\s+)?"
    rf"(?:(?:want|wish|need|like|have|be\s+able)\s+to\s+)?{_ASKING_ELSEWHERE}"
    rf"|(?:i|we)(?:['’]d|\s+would)?\s+(?:recommend|suggest|advise)\s+(?:that\s+you\s+|you\s+(?:to\s+)?)?{_ASKING_ELSEWHERE}"
    rf"|it\s+(?:may|might|would)\s+be\s+(?:best|better|good|helpful|useful|worth\w*)\s+(?:to\s+)?{_ASKING_ELSEWHERE}"
    r"|i(?:['’]d|['’]ll|['’]m|\s+am|\s+would|\s+will)\s+(?:be\s+)?(?:happy|glad)\s+to\s+(?:help|assist|answer|look|try)\b)",
    re.IGNORECASE,
)
_GOES_ON_TO_ASSERT = re.compile(r"\b(?:but|however|although|though|except|whereas)\b|;", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A closed claim of a draft: ``draft[start:end] == text``, and ``gap`` is the white space between it and the one before."""

    start: int
    end: int
    text: str
    gap: str


class ClaimSplitter:
    """Cuts a draft into claims as it comes.

    Claims are in order, do not overlap, begin and end with something other than white space, and together hold all of the draft but
    its white space. A line break ends a claim; so does the end of a sentence, and markers on the same line behind it belong to it.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._offset = 0
        self._resume = 0

    def feed(self, text: str) -> list[DraftSentence]:
        """Take the next piece of the draft and return the claims that it closed."""
        self._pending += text
        return self._close(final=False)

    def flush(self) -> list[DraftSentence]:
        """Return the claims that were still open; the draft has ended."""
        closed = self._close(final=True)
        rest = self._take(len(self._pending))
        return [*closed, *rest]

    def _close(self, *, final: bool) -> list[DraftSentence]:
        closed: list[DraftSentence] = []
        while (end := self._next_end(final=final)) is not None:
            closed += self._take(end)
        return closed

    def _next_end(self, *, final: bool) -> int | None:
        """Return where the pending text's first claim ends, or None where that cannot be said yet."""
        while match := _BOUNDARY.search(self._pending, self._resume):
            end = _end_of_claim(self._pending, match, final=final)
            if end is None:
                self._resume = match.start()
                return None
            if end and self._pending[:end].strip():
                return end
            self._resume = match.end()
        self._resume = len(self._pending)
        return None

    def _take(self, end: int) -> list[DraftSentence]:
        piece = self._pending[:end]
        text = piece.strip()
        if not text:
            return []
        gap = piece[: len(piece) - len(piece.lstrip())]
        start = self._offset + len(gap)
        taken = len(gap) + len(text)
        self._pending = self._pending[taken:]
        self._offset += taken
        self._resume = 0
        return [DraftSentence(start=start, end=start + len(text), text=text, gap=gap)]


def claims_of(text: str) -> tuple[DraftSentence, ...]:
    """Return the claims of a text that is there as a whole."""
    splitter = ClaimSplitter()
    return (*splitter.feed(text), *splitter.flush())


def is_checkable(claim_text: str) -> bool:
    """Say whether a claim asserts something about the documents.

    Headings, questions, pleasantries, markers alone and the statement that the documents do not say are not checkable.
    """
    text = _BULLET.sub("", strip_markers(claim_text).strip(), count=1).strip()
    if not any(character.isalnum() for character in text):
        return False
    if text.startswith("#") or text.endswith((":", "?", "？")) or _BOLD_HEADING.fullmatch(text):
        return False
    return not is_abstention(text) and not _is_pleasantry(text)


def is_abstention(claim_text: str) -> bool:
    """Say whether a claim says that the documents do not have the answer, and does not go on to give one ("…, but …")."""
    text = _BULLET.sub("", claim_text.strip(), count=1)
    match = _ABSTENTION.match(text)
    return match is not None and _GOES_ON_TO_ASSERT.search(text, match.end()) is None


def is_advice(claim_text: str) -> bool:
    """Say whether a claim sends the reader elsewhere, or offers more help: what is said out of politeness beside an abstention.

    The same words may be what a document tells people to do. So only beside an abstention they assert nothing, and never with a marker
    or a number in them.
    """
    text = _BULLET.sub("", claim_text.strip(), count=1)
    return _ADVICE.match(text) is not None and not any(character.isdigit() for character in text)


def _is_pleasantry(text: str) -> bool:
    return all(word.lower().replace("’", "'") in _PLEASANT_WORDS for word in _WORD.findall(text))


def _end_of_claim(text: str, boundary: re.Match[str], *, final: bool) -> int | None:
    """Return the end of the claim that a boundary closes, 0 where it closes none, None where more text has to come first."""
    if boundary.group()[0] in _LINE_BREAKS:
        return boundary.start()
    if boundary.end() == len(text):
        return boundary.end() if final else None
    end = boundary.end()
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    after_markers = _past_markers(text, end, final=final)
    if after_markers is None:
        return None
    following = _next_character(text, after_markers)
    if following == "" and not final:
        return None
    joins_word = after_markers == end and following != "" and not text[end].isspace()
    if boundary.group()[0] in "。！？":
        return after_markers
    return 0 if joins_word or _goes_on(text, boundary, following) else after_markers


def _past_markers(text: str, position: int, *, final: bool) -> int | None:
    """Return the position behind the markers that follow on the same line, None while one may still be coming."""
    while True:
        ahead = position
        while ahead < len(text) and text[ahead] in " \t\u00a0":
            ahead += 1
        marker = MARKER.match(text, ahead)
        if marker is None:
            return None if not final and _MARKER_BEGINNING.match(text, ahead) else position
        position = marker.end()


def _next_character(text: str, position: int) -> str:
    """Return the first character from a position on that decides: a line break, or anything but white space; empty at the end."""
    while position < len(text) and text[position].isspace() and text[position] not in _LINE_BREAKS:
        position += 1
    return text[position : position + 1]


def _goes_on(text: str, boundary: re.Match[str], following: str) -> bool:
    """Say whether the sentence goes on behind a full stop: an abbreviation, an initial, a list's number, or lower case."""
    if following in _LINE_BREAKS:
        return False
    if following.islower():
        return True
    if boundary.group() != ".":
        return False
    if _LIST_NUMBER.fullmatch(text, 0, boundary.start()):
        return True
    word = _WORD_BEFORE.search(text, 0, boundary.start())
    return word is not None and _is_abbreviation(word.group(), following=following)


def _is_abbreviation(word: str, *, following: str) -> bool:
    """Say whether a word is written with the full stop behind it. ``etc.`` and ``Inc.`` before a capital are taken to end a sentence."""
    plain = word.lower()
    if _NEVER_LAST.fullmatch(plain) or (_NOT_LAST_BEFORE_NUMBER.fullmatch(plain) and following.isdigit()):
        return True
    if _LAST_BEFORE_CAPITAL.fullmatch(plain):
        return not following.isupper()
    return all(len(letter) == 1 and letter.isalpha() for letter in word.split("."))
