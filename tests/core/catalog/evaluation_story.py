"""Short words for what evaluation lets happen: a set is imported, a run asks its cases, judges score them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, CaseScoreDraft, ImportedSet, RunRecord, SetKind
from footnote.core.catalog.moment import now
from footnote.core.ids import new_id
from footnote.core.types import Caller, DraftClaim, Message, StoredPassage, TokenUsage, Turn, Verdict
from tests.core.catalog.story import ANN


def draft(key: str, *documents: str, question: str = "When is high tide?", **more: Any) -> CaseDraft:
    labels = {"question": question, "gold": [{"document": document, "quote": "at six"} for document in documents]}
    return CaseDraft(key=key, labels=labels, documents=documents, **more)


async def imported(catalog: Catalog, *drafts: CaseDraft, by: Caller = ANN, name: str = "tides", **more: Any) -> ImportedSet:
    cases = drafts or (draft("a"), draft("b"), draft("c"))
    return await catalog.evaluation_sets.import_cases(cases, **{"name": name, "kind": SetKind.GOLDEN, "caller": by, **more})


async def run_of(catalog: Catalog, *drafts: CaseDraft, by: Caller = ANN, model: str = "smollm2", name: str = "tides") -> RunRecord:
    """Begin a run over a set of these cases."""
    made = await imported(catalog, *drafts, by=by, name=name)
    release = await catalog.releases.ensure_champion({"model": model})
    return await catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=by)


async def asked(
    catalog: Catalog,
    *,
    by: Caller = ANN,
    at: datetime | None = None,
    verdicts: str = "",
    passages: tuple[StoredPassage, ...] = (),
    **more: Any,
) -> str:
    """Keep a turn whose draft had a claim for each letter: s(upported), u(nsupported), n(ot checked)."""
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    words = {"s": Verdict.SUPPORTED, "u": Verdict.UNSUPPORTED, "n": Verdict.UNCHECKED}
    turn = Turn(
        id=new_id("turn"),
        owner=by.owner,
        principals=frozenset({f"owner:{by.owner}"}),
        conversation="conversation",
        release_id=release.id,
        asked_at=at or now(),
        question="When is high tide?",
        history=(),
        query="high tide",
        collection_ids=("vs_default",),
        prompt=(Message(role="user", content="[1] High tide is at six."),),
        passages=passages,
        draft="At six [1].",
        shown="At six [1].",
        changes=(),
        claims=(),
        draft_claims=tuple(DraftClaim(start=n, end=n + 1, verdict=words[letter], score=0.5) for n, letter in enumerate(verdicts)),
        abstained=False,
        finish_reason="stop",
        usage=TokenUsage(prompt_tokens=100, completion_tokens=7),
        timings_ms={"total": 900.25},
    )
    turn = replace(turn, **more)
    await catalog.turns.store(turn)
    return turn.id


def value(metric: str, of: float, *, target: Any = "draft", **details: Any) -> CaseScoreDraft:
    return CaseScoreDraft(metric=metric, target=target, value=of, details=details)


def failure(metric: str, code: str, *, target: Any = "draft") -> CaseScoreDraft:
    return CaseScoreDraft(metric=metric, target=target, value=None, failure_code=code)
