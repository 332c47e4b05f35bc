"""Answered cases for tests: a case, and a turn that answered it, as they come from the served code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from evaluation.answered import Answered
from evaluation.cases import Case, GoldPassage
from evaluation.labels import CitedSpan
from footnote.core.types import Citation, Claim, Passage, TokenUsage, Turn, Verdict

DOCUMENT = "tides.md"


def case(*gold: str, answerable: bool | None = True, answers: Sequence[str] = (), reference: str = "") -> Case:
    return Case(
        id="c1",
        question="When is high tide?",
        answerable=answerable,
        reference_answer=reference,
        answers=tuple(answers),
        gold=tuple(GoldPassage(document=DOCUMENT, page=None, quote=quote) for quote in gold),
    )


def passage(n: int, text: str, *, document: str = DOCUMENT) -> Passage:
    return Passage(
        n=n,
        file_id="file-1",
        filename=document,
        collection_id="vs_1",
        attachment_id="att_1",
        version_id="ver_1",
        chunk_ids=(f"chunk_{n}",),
        page=None,
        heading="",
        context="",
        start=0,
        end=len(text),
        text=text,
        score=1.0,
        similarity=1.0,
    )


def answered(
    labelled: Case,
    *,
    draft: str,
    shown: str | None = None,
    cited: Sequence[int] = (),
    passages: Sequence[Passage] = (),
    hits: Sequence[CitedSpan] | None = None,
    abstained: bool = False,
    timings_ms: Mapping[str, float] | None = None,
    **changes: object,
) -> Answered:
    """Return an answer whose shown text cites the passages ``cited``; the draft cites what its markers name."""
    text = draft if shown is None else shown
    citations = tuple(Citation(passage=n, start=0, end=1, quote="", page=None, score=1.0, marked=True) for n in cited)
    turn = Turn(
        id="turn_1",
        owner="local",
        principals=frozenset({"everyone"}),
        conversation="",
        release_id="rel_1",
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
        question=labelled.question,
        history=(),
        query=labelled.question,
        collection_ids=("vs_1",),
        prompt=(),
        passages=(),
        draft=draft,
        shown=text,
        changes=(),
        claims=(Claim(start=0, end=len(text), verdict=Verdict.SUPPORTED, score=1.0, citations=citations),),
        draft_claims=(),
        abstained=abstained,
        finish_reason="stop",
        usage=TokenUsage(prompt_tokens=200, completion_tokens=30),
        timings_ms=timings_ms or {},
    )
    return Answered(
        case=labelled,
        turn=replace(turn, **changes),  # pyright: ignore[reportArgumentType]
        passages=tuple(passages),
        hits=None if hits is None else tuple(hits),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A kept score."""

    case_id: str
    value: float | None = None
    failure_code: str | None = None
    metric: str = "faithfulness"
    judge: str = "local-1"
    target: str = "draft"


def rows(values: Sequence[float], *, metric: str = "faithfulness", judge: str = "local-1", target: str = "draft") -> list[Row]:
    """Return a row for each value; the cases are called ``c000``, ``c001`` …"""
    return [Row(case_id=f"c{number:03}", value=value, metric=metric, judge=judge, target=target) for number, value in enumerate(values)]
