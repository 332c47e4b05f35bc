"""What goes out of a draft: the policies ``flag`` and ``quote``, as decisions on one closed claim after the other.

``flag`` never holds text back: the text shown is the draft, and verdicts follow. ``quote`` holds one claim until it is judged: a
supported one goes out with the markers that the judge confirmed, an unsupported one yields to the nearest quote, and one without a
quote near enough is dropped. Drafts stay as they were; judging, training and gating use those.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from footnote.core.types import Citation, Claim, DraftClaim, Passage, Verdict
from serving.citations import cite, keep_markers, marked_numbers, quote_of, strip_markers, unknown_numbers
from serving.claims import ABSTENTION, DraftSentence, is_abstention, is_checkable
from serving.judge.port import Judgement, Support
from serving.own_words import may_stand

Policy = Literal["flag", "quote"]

VERSION = 1
"""Part of every release: raise it when claims are split, or a policy decides, in another way."""

_MAX_QUOTE_CHARS = 400
_NEAR_ENOUGH = 0.5
"""The share of the judge's threshold that a passage's own support has to reach for its span to be quoted in a claim's place."""

_MIN_QUOTE_WORDS = 4
_MAX_QUOTES = 2
"""Quotes in one answer: what a model that was replaced twice would say next is no better."""

_LIST_PREFIX = re.compile(r"(?:[-*•]|\d{1,3}[.)])\s+")


class ChangeCode(StrEnum):
    """What was changed between draft and shown text."""

    REPLACED_BY_QUOTE = "replaced_by_quote"
    DROPPED_UNSUPPORTED = "dropped_unsupported"
    UNKNOWN_MARKER_REMOVED = "unknown_marker_removed"
    UNSUPPORTED_MARKER_REMOVED = "unsupported_marker_removed"
    MARKER_ADDED = "marker_added"
    LEFT_OUT = "left_out"
    REPEATED = "repeated"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, with a sentence for people that repeats no text of a document. ``str`` gives ``code: detail``."""

    code: ChangeCode
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one claim of a draft becomes.

    ``text`` goes out next, white space before it included, and is empty where nothing does; ``claim`` is it with offsets into the text
    shown, None where nothing goes out.
    """

    text: str
    claim: Claim | None
    changes: tuple[Change, ...] = ()


def draft_claim(sentence: DraftSentence, judgement: Judgement | None) -> DraftClaim:
    """Return the verdict on what the model wrote, whatever is shown."""
    return DraftClaim(start=sentence.start, end=sentence.end, verdict=_verdict(judgement), score=_score(judgement))


def flag(sentence: DraftSentence, judgement: Judgement | None, passages: Sequence[Passage], *, threshold: float) -> Claim:
    """Return a claim whose text has gone out already, unchanged: its offsets in the draft are its offsets in the text shown.

    ``judgement`` is None where there was nothing to judge, or no judge at hand; ``threshold`` is the judge's own.
    """
    citations = () if judgement is None else cite(sentence.text, judgement, passages, threshold=threshold)
    return Claim(start=sentence.start, end=sentence.end, verdict=_verdict(judgement), score=_score(judgement), citations=citations)


class QuotePolicy:
    """Decides, claim after claim of one answer, what goes out under ``quote``.

    It remembers how much was shown, so that offsets are exact, and what was quoted, so that nothing is quoted twice. A supported claim
    keeps its own words only where the sentences it cites hold what it says, see ``serving.own_words``.

    Args:
        passages: what the draft was written from.
        threshold: the judge's own.
        question: what was asked.
        nearest: how well each passage fits the question itself, best first: what is quoted in the place of an unsupported claim.
    """

    def __init__(self, passages: Sequence[Passage], *, threshold: float, question: str = "", nearest: Sequence[Support] = ()) -> None:
        self._passages = {passage.n: passage for passage in passages}
        self._threshold = threshold
        self._question = question
        self._nearest = nearest
        self._shown_chars = 0
        self._quoted: list[Support] = []
        self._said: set[str] = set()
        self._has_answered = False

    def decide(self, sentence: DraftSentence, judgement: Judgement | None) -> Decision:
        """Return what a closed claim becomes; ``judgement`` is None where there was nothing to judge, or no judge at hand."""
        if judgement is None:
            says_nothing = not is_checkable(sentence.text) and not is_abstention(sentence.text)
            return self._leave_out(sentence) if says_nothing else self._show_unchecked(sentence)
        if judgement.supported and self._may_stand(sentence, judgement):
            return self._repeat(sentence) if self._was_said(sentence.text) else self._show_supported(sentence, judgement)
        support = self._nearest_quote(judgement)
        return self._drop(sentence) if support is None else self._show_quote(sentence, support)

    def finish(self) -> Decision:
        """Return what ends the answer: the words of an abstention where no answer is left or was written, else nothing."""
        if self._has_answered:
            return Decision(text="", claim=None)
        change = Change(ChangeCode.ABSTAINED, "no claim was left that the passages support")
        return self._show(ABSTENTION, gap=" ", verdict=Verdict.UNCHECKED, score=None, changes=(change,))

    def _may_stand(self, sentence: DraftSentence, judgement: Judgement) -> bool:
        citations = cite(sentence.text, judgement, list(self._passages.values()), threshold=self._threshold)
        if not any(_says_something(strip_markers(sentence.text), self._passages[each.passage]) for each in citations):
            return False
        cited = [f"{self._passages[citation.passage].context}\n{citation.quote}" for citation in citations]
        return may_stand(sentence.text, question=self._question, cited=cited)

    def _show_unchecked(self, sentence: DraftSentence) -> Decision:
        unknown = unknown_numbers(sentence.text, n_passages=len(self._passages))
        text = keep_markers(sentence.text, self._passages) if unknown else sentence.text
        changes = _removed(ChangeCode.UNKNOWN_MARKER_REMOVED, unknown, "no passage has this number")
        if not text:
            return Decision(text="", claim=None, changes=changes)
        self._has_answered = self._has_answered or is_checkable(text) or is_abstention(text)
        return self._show(text, gap=sentence.gap, verdict=Verdict.UNCHECKED, score=None, changes=changes)

    def _show_supported(self, sentence: DraftSentence, judgement: Judgement) -> Decision:
        citations = cite(sentence.text, judgement, list(self._passages.values()), threshold=self._threshold)
        cited = {citation.passage for citation in citations}
        unknown = unknown_numbers(sentence.text, n_passages=len(self._passages))
        refuted = tuple(number for number in marked_numbers(sentence.text) if number not in cited and number not in unknown)
        text = keep_markers(sentence.text, cited)
        added = tuple(citation.passage for citation in citations if not citation.marked)
        changes = (
            *_removed(ChangeCode.UNKNOWN_MARKER_REMOVED, unknown, "no passage has this number"),
            *_removed(ChangeCode.UNSUPPORTED_MARKER_REMOVED, refuted, "the passage does not support the claim"),
            *(Change(ChangeCode.MARKER_ADDED, f"[{number}] was found to support the claim") for number in added),
        )
        text += "".join(f" [{number}]" for number in added)
        self._said.add(_plain(strip_markers(sentence.text)))
        self._has_answered = True
        return self._show(text, gap=sentence.gap, verdict=Verdict.SUPPORTED, score=judgement.score, citations=citations, changes=changes)

    def _show_quote(self, sentence: DraftSentence, support: Support) -> Decision:
        passage = self._passages[support.passage]
        quote, page = quote_of(support, passage), passage.page_of(support.start)
        self._quoted.append(support)
        self._said.add(_plain(quote))
        self._has_answered = True
        prefix = _LIST_PREFIX.match(sentence.text)
        citation = Citation(
            passage=passage.n, start=support.start, end=support.end, quote=quote, page=page, score=1.0, marked=False
        )  # what is shown is the span itself
        detail = f"the passages do not support draft[{sentence.start}:{sentence.end}]; passage {passage.n} is quoted"
        change = Change(ChangeCode.REPLACED_BY_QUOTE, detail)
        return self._show(
            (prefix.group() if prefix else "") + _quotation(quote, passage, page=page),
            gap=sentence.gap or " ",
            verdict=Verdict.SUPPORTED,
            score=1.0,
            citations=(citation,),
            changes=(change,),
            replaced=True,
        )

    def _was_said(self, text: str) -> bool:
        return _plain(strip_markers(text)) in self._said

    def _repeat(self, sentence: DraftSentence) -> Decision:
        """Leave out what was said or quoted before: a small model that begins again has nothing more to say."""
        detail = f"draft[{sentence.start}:{sentence.end}] was said before"
        return Decision(text="", claim=None, changes=(Change(ChangeCode.REPEATED, detail),))

    def _leave_out(self, sentence: DraftSentence) -> Decision:
        """Leave out a heading, a pleasantry or a bare marker: among held claims it leads nowhere, and nobody has checked it."""
        detail = f"draft[{sentence.start}:{sentence.end}] says nothing that could be checked"
        return Decision(text="", claim=None, changes=(Change(ChangeCode.LEFT_OUT, detail),))

    def _drop(self, sentence: DraftSentence) -> Decision:
        detail = f"the passages do not support draft[{sentence.start}:{sentence.end}], and nothing near it is left to quote"
        return Decision(text="", claim=None, changes=(Change(ChangeCode.DROPPED_UNSUPPORTED, detail),))

    def _nearest_quote(self, judgement: Judgement) -> Support | None:
        """Return what is nearest to the question, then to the claim, near enough, and not quoted before, in part or in the same words."""
        if len(self._quoted) >= _MAX_QUOTES:
            return None
        for support in (*self._nearest, *judgement.supports):
            if support.score < self._threshold * _NEAR_ENOUGH:
                continue
            passage = self._passages[support.passage]
            quote = quote_of(support, passage)
            is_new = _plain(quote) not in self._said
            if (
                is_new
                and _says_something(quote, passage)
                and support.end > support.start
                and not any(self._overlap(support, quoted) for quoted in self._quoted)
            ):
                return support
        return None

    def _overlap(self, one: Support, other: Support) -> bool:
        same_document = self._passages[one.passage].version_id == self._passages[other.passage].version_id
        return same_document and one.start < other.end and other.start < one.end

    def _show(
        self,
        text: str,
        *,
        gap: str,
        verdict: Verdict,
        score: float | None,
        citations: tuple[Citation, ...] = (),
        changes: tuple[Change, ...] = (),
        replaced: bool = False,
    ) -> Decision:
        gap = gap if self._shown_chars else ""
        start = self._shown_chars + len(gap)
        self._shown_chars = start + len(text)
        claim = Claim(start=start, end=self._shown_chars, verdict=verdict, score=score, citations=citations, replaced=replaced)
        return Decision(text=gap + text, claim=claim, changes=changes)


def _quotation(quote: str, passage: Passage, *, page: int | None) -> str:
    place = f"“{strip_markers(passage.filename)}”" + (f", p. {page}" if page is not None else "")
    return f"According to {place}: “{_shortened(' '.join(strip_markers(quote).split()))}” [{passage.n}]"


def _shortened(text: str) -> str:
    if len(text) <= _MAX_QUOTE_CHARS:
        return text
    head, space, _ = text[:_MAX_QUOTE_CHARS].rpartition(" ")
    return (head if space else text[:_MAX_QUOTE_CHARS]) + " …"


def _says_something(quote: str, passage: Passage) -> bool:
    """Say whether a quote is more than a heading: some words, or a row of a table, and not what stands in the heading path."""
    return (len(quote.split()) >= _MIN_QUOTE_WORDS or "|" in quote) and _plain(quote) not in _plain(passage.context)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _removed(code: ChangeCode, numbers: Sequence[int], reason: str) -> tuple[Change, ...]:
    return tuple(Change(code, f"[{number}]: {reason}") for number in numbers)


def _verdict(judgement: Judgement | None) -> Verdict:
    if judgement is None:
        return Verdict.UNCHECKED
    return Verdict.SUPPORTED if judgement.supported else Verdict.UNSUPPORTED


def _score(judgement: Judgement | None) -> float | None:
    return None if judgement is None else judgement.score
