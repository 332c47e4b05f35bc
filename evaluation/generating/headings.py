"""Questions for what stands under a heading, answered by the first paragraph under it. Pure."""

import re
from collections.abc import Iterator

from evaluation.generating.candidate import MAX_QUOTE_CHARS, Candidate, CaseKind, LeftOut
from evaluation.generating.key_facts import has_figure, key_facts
from evaluation.generating.source import MAX_CHARS, Paragraph, Section, Source
from evaluation.generating.words import GENERIC_HEADINGS, has_word, spelling

MIN_WORDS = 12
MAX_HEADING_CHARS = 80
MAX_FACTS = 6
MAX_TIMES = 3
"""What stands in a document more often shows nothing about one paragraph of it."""

_REFERS_ELSEWHERE = re.compile(
    r"^[^.]*\b(?:described|set forth|incorporated|discussed|included|contained|presented|found|given) (?:below |above |here )?in\b"
    r"|^(?:See|Refer to)\b"
)
_CLAUSE = re.compile(r"(?:if|when|whom?|how|what|where|which|why|before|after|during|while|until)\b", re.IGNORECASE)


def of_heading(source: Source, section: Section) -> Iterator[Candidate | LeftOut]:
    """Yield the section's candidate, where its heading says what it is about and its first paragraph holds something to recognise."""
    heading = section.heading.rstrip(" .:")
    if not section.parts or not isinstance(first := section.parts[0], Paragraph) or first.is_list_item or not can_be_asked(section, source):
        return
    end, text = _beginning(first)
    if len(text.split()) < MIN_WORDS or not text.endswith((".", "!", "”", '"')) or text[0].islower() or _REFERS_ELSEWHERE.search(text):
        return
    known = spelling(f"{heading} {source.label}")
    whole = source.document.text
    facts = tuple(fact for fact in key_facts(text) if spelling(fact) not in known and whole.count(fact, 0, MAX_CHARS) <= MAX_TIMES)[
        :MAX_FACTS
    ]
    if len(facts) < 2 and not any(has_figure(fact) for fact in facts):  # one name alone stands in many answers
        yield LeftOut.NO_SHORT_ANSWER
        return
    yield Candidate(
        kind=CaseKind.HEADING,
        question=_question(heading, source.label),
        subject=f"{spelling(source.label)}|{spelling(heading)}",
        answers=facts,
        reference_answer=text,
        start=first.start,
        end=end,
        page=first.page,
    )


def can_be_asked(section: Section, source: Source) -> bool:
    """Whether a section's heading says what it is about, by itself."""
    heading = section.heading.rstrip(" .:")
    plain = spelling(heading)
    if section.is_title or plain == spelling(source.label) or plain in GENERIC_HEADINGS or len(heading) > MAX_HEADING_CHARS:
        return False
    return has_word(heading) and len(plain) >= 4 and not heading.endswith((",", ";", "-", "–"))


def _question(heading: str, label: str) -> str:
    if heading.endswith("?"):
        return f"What does “{label}” answer to “{heading}”"
    about = "under" if _CLAUSE.match(heading) else "about"
    return f"What does “{label}” say {about} “{heading}”?"


def _beginning(paragraph: Paragraph) -> tuple[int, str]:
    """Return where the sentences end that fit into a gold passage, and their text."""
    end, texts = paragraph.start, list[str]()
    for sentence in paragraph.sentences:
        if sentence.end - paragraph.start > MAX_QUOTE_CHARS:
            break
        end = sentence.end
        texts.append(sentence.text)
    return end, " ".join(texts)
