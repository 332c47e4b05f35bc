"""Evaluation sets in the catalog: cases on their way in and out, and sets that are sampled from live turns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from evaluation.cases import Case, Tombstone, case_fields, parse_case
from evaluation.live_sample import Stratum, sample_turns
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, CaseRecord, FeedbackRecord, ImportedSet, SetKind
from footnote.core.types import Caller, Turn


def draft_of(case: Case | Tombstone, *, attachment_ids: tuple[str, ...] = ()) -> CaseDraft:
    """Return a case as the catalog takes it; ``attachment_ids`` are what it was made of, where that is known better than by names."""
    if isinstance(case, Tombstone):
        return CaseDraft(key=case.id, tombstone=True)
    return CaseDraft(key=case.id, labels=case_fields(case), documents=case.documents, turn_id=case.turn_id, attachment_ids=attachment_ids)


def case_of(record: CaseRecord) -> Case:
    """Return a case of the catalog's.

    Raises:
        ValueError: it is a tombstone: nothing can be asked or scored.
    """
    if record.tombstone:
        raise ValueError(f"the case {record.key} is a tombstone")
    return parse_case(record.labels)


def case_or_tombstone(record: CaseRecord) -> Case | Tombstone:
    """Return a case of the catalog's as it is exported."""
    return Tombstone(id=record.key) if record.tombstone else case_of(record)


async def import_cases(
    catalog: Catalog,
    cases: Iterable[Case | Tombstone],
    *,
    name: str,
    caller: Caller,
    kind: SetKind = SetKind.GOLDEN,
    principals: Iterable[str] | None = None,
) -> ImportedSet:
    """Import cases under a name: see ``EvaluationSets.import_cases``, whose errors it raises."""
    drafts = [draft_of(case) for case in cases]
    return await catalog.evaluation_sets.import_cases(drafts, name=name, kind=kind, caller=caller, principals=principals)


async def import_live_turns(
    catalog: Catalog, *, name: str, since: datetime, until: datetime, sizes: Mapping[Stratum, int], seed: int, caller: Caller
) -> ImportedSet | None:
    """Make a set of a sample of the turns that were asked from ``since`` on and before ``until``; None where there were none.

    The caller's own turns are sampled, the operator's call samples everybody's. A correction becomes the reference answer.
    """
    sampled = sample_turns(await catalog.live_turns.between(since, until, caller=caller), sizes=sizes, seed=seed)
    cases: list[Case] = []
    for each in sampled:
        turn = await catalog.live_turns.get(each.turn.id, caller=caller)
        if turn.erased_at is None:  # it may have been meanwhile
            cases.append(live_case(turn, stratum=each.stratum, feedback=await catalog.feedback.of(turn.id, caller=caller)))
    return await import_cases(catalog, cases, name=name, caller=caller, kind=SetKind.LIVE) if cases else None


def live_case(turn: Turn, *, stratum: Stratum, feedback: FeedbackRecord | None) -> Case:
    """Return the case that a live turn makes. Nobody has said whether the documents hold its answer."""
    correction = None if feedback is None else feedback.correction
    return Case(
        id=turn.id,
        question=turn.question,
        kind=stratum,
        history=turn.history,
        reference_answer=correction or "",
        turn_id=turn.id,
    )


def scorable(records: Sequence[CaseRecord]) -> tuple[Case, ...]:
    """Return the cases that can be asked and scored, in their order: all but the tombstones."""
    return tuple(case_of(record) for record in records if not record.tombstone)
