"""Questions by a language model: one for a passage, with the words of the document that answer it. What it does not quote is dropped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from evaluation.generating.candidate import MAX_QUESTION_CHARS, MAX_QUOTE_CHARS, MIN_QUOTE_CHARS, Candidate, CaseKind, LeftOut
from evaluation.generating.source import Paragraph, Section, Source, sections_of
from evaluation.generating.words import spelling

MIN_PASSAGE_CHARS = 200
MAX_PASSAGE_CHARS = 1_200
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that a question is written for; ``start`` and ``end`` are offsets in its text."""

    start: int
    end: int
    text: str
    heading: str
    page: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote: a question, its answer, the words of the passage that hold it, and the few that matter."""

    question: str
    answer: str
    quote: str
    short_answer: str


class QuestionWriter(Protocol):
    """Writes questions: ``evaluation.ragas_metrics.question_writer.RagasQuestionWriter`` is the one there is."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    async def write(self, passage: Passage, *, label: str, draw: int) -> Written | str:
        """Return what the model wrote for a passage, or the code of the failure. ``draw`` varies manner and asker."""
        ...

    async def close(self) -> None: ...


def passages_of(source: Source) -> Iterator[Passage]:
    """Yield the stretches of running text under one heading that are long enough to ask about; none is cut within a paragraph."""
    for section in sections_of(source.document):
        yield from _of_section(source, section)


def candidate_of(written: Written, passage: Passage) -> Candidate | LeftOut:
    """Return the case's candidate, where the model quoted the passage word for word, white space aside."""
    found = find_quote(passage.text, written.quote)
    question = " ".join(written.question.split())
    if found is None or not question or not written.answer.strip() or len(question) > MAX_QUESTION_CHARS:
        return LeftOut.NOT_QUOTED
    start, end = found
    if not MIN_QUOTE_CHARS <= end - start <= MAX_QUOTE_CHARS:
        return LeftOut.QUOTE_LENGTH
    short = " ".join(written.short_answer.split()).strip(" .")
    is_quoted = bool(short) and spelling(short) in spelling(passage.text[start:end])
    return Candidate(
        kind=CaseKind.MODEL,
        question=question,
        subject=spelling(question),
        answers=(short,) if is_quoted else (),
        reference_answer=written.answer.strip(),
        start=passage.start + start,
        end=passage.start + end,
        page=passage.page,
    )


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Return where a quote stands in a text, white space aside; None where it does not, or twice."""
    words = _WORD.findall(quote.strip().strip("“”\"'"))
    found = list(re.finditer(r"\s+".join(map(re.escape, words)), text)) if words else []
    return found[0].span() if len(found) == 1 else None


def _of_section(source: Source, section: Section) -> Iterator[Passage]:
    joined: list[Paragraph] = []
    for part in section.parts:
        fits = isinstance(part, Paragraph) and (not joined or part.end - joined[0].start <= MAX_PASSAGE_CHARS)
        if not fits:
            yield from _passage(source, section, joined)
            joined = []
        if isinstance(part, Paragraph) and part.end - part.start <= MAX_PASSAGE_CHARS:
            joined.append(part)
    yield from _passage(source, section, joined)


def _passage(source: Source, section: Section, joined: list[Paragraph]) -> Iterator[Passage]:
    if joined and joined[-1].end - joined[0].start >= MIN_PASSAGE_CHARS:
        start, end = joined[0].start, joined[-1].end
        yield Passage(start=start, end=end, text=source.document.text[start:end], heading=section.heading, page=joined[0].page)
