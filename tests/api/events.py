"""Answers made by hand: passages, claims and turns that fit together."""

from dataclasses import replace
from datetime import UTC, datetime

from footnote.core.types import Citation, Claim, Passage, TokenUsage, Turn, Verdict
from serving.answer import AnswerFinished, AnswerStarted

PASSAGE = Passage(
    n=1,
    file_id="file-1",
    filename="manual.pdf",
    collection_id="vs_1",
    attachment_id="att_1",
    version_id="ver_1",
    chunk_ids=("chunk_1", "chunk_2"),
    page=3,
    heading="Cellar",
    context="Cellar",
    start=100,
    end=140,
    text="The cellar is kept at eleven degrees. ok",
    score=0.91234567,
    similarity=0.7,
)
PLAIN_PASSAGE = replace(PASSAGE, n=2, file_id="file-2", filename="notes & more.txt", page=None, heading="", chunk_ids=("chunk_3",))

TEXT = "It is eleven degrees [1]. I guess."
CLAIMS = (
    Claim(
        start=0,
        end=25,
        verdict=Verdict.SUPPORTED,
        score=0.93,
        citations=(
            Citation(passage=1, start=100, end=137, quote=PASSAGE.text[:37], page=3, score=0.93, marked=True),
            Citation(passage=2, start=104, end=110, quote="cellar", page=None, score=0.6, marked=False),
            Citation(passage=1, start=104, end=110, quote="cellar", page=3, score=0.5, marked=False),
        ),
    ),
    Claim(start=26, end=34, verdict=Verdict.UNCHECKED, score=None),
)

STARTED = AnswerStarted(turn_id="turn_1", release_id="rel_1", query="How cold?", passages=(PASSAGE, PLAIN_PASSAGE))


def finished(text: str = TEXT, claims: tuple[Claim, ...] = CLAIMS) -> AnswerFinished:
    turn = Turn(
        id="turn_1",
        owner="local",
        principals=frozenset({"everyone"}),
        conversation="",
        release_id="rel_1",
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
        question="How cold?",
        history=(),
        query="How cold?",
        collection_ids=("vs_1",),
        prompt=(),
        passages=(),
        draft=text,
        shown=text,
        changes=(),
        claims=claims,
        draft_claims=(),
        abstained=False,
        finish_reason="stop",
        usage=TokenUsage(prompt_tokens=20, completion_tokens=5),
        timings_ms={"total": 12.345},
    )
    return AnswerFinished(turn=turn, passages=STARTED.passages)
