"""What a reader of a report may read of its cases: questions, drafts, claims and passages are looked up each time a page is made."""

from collections.abc import Iterable, Mapping, Sequence

from evaluation.cases import Case
from evaluation.labels import CitedSpan, holds_gold
from evaluation.report.body import ReportBody
from evaluation.report.rendering.texts import CaseTexts, ClaimText, Missing, PassageText, Texts
from evaluation.sets import case_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseRecord
from footnote.core.catalog.turn_access import is_whole_for
from footnote.core.errors import NotFound
from footnote.core.types import Caller, Passage, Turn
from serving.citations import marked_numbers


async def questions_of(catalog: Catalog, body: ReportBody, *, caller: Caller) -> Mapping[str, str]:
    """Return the questions of all cases of a report's set by case id; none where the caller may not read the set."""
    return {record.id: case_of(record).question for record in await _cases(catalog, body, caller) if not record.tombstone}


async def texts_of(catalog: Catalog, body: ReportBody, *, caller: Caller) -> Texts:
    """Return the texts that a page of this report shows, as far as the caller may read each of them now.

    Of the worst cases they are with the answer; of all others, however many failed, the set alone is read.
    """
    cases = {record.id: record for record in await _cases(catalog, body, caller)}
    all_turn_ids = await _turn_ids(catalog, body, caller)
    turn_ids = {case.case_id: all_turn_ids.get(case.case_id) for case in body.worst_cases}
    return {case_id: await _texts(catalog, cases.get(case_id), turn_ids.get(case_id), caller=caller) for case_id in body.text_ids()}


async def _cases(catalog: Catalog, body: ReportBody, caller: Caller) -> Sequence[CaseRecord]:
    try:
        return await catalog.evaluation_sets.cases(body.run.set_id, caller=caller)
    except NotFound:
        return ()


async def _turn_ids(catalog: Catalog, body: ReportBody, caller: Caller) -> Mapping[str, str | None]:
    try:
        return {answer.case_id: answer.turn_id for answer in await catalog.evaluation_runs.answers(body.run.run_id, caller=caller)}
    except NotFound:
        return {}


async def _texts(catalog: Catalog, record: CaseRecord | None, turn_id: str | None, *, caller: Caller) -> CaseTexts | Missing:
    if record is None:
        return Missing.FORBIDDEN
    if record.tombstone:
        return Missing.ERASED
    case = case_of(record)
    if turn_id is None:
        return CaseTexts(question=case.question, expected=case.reference_answer)
    try:
        return await _answered(catalog, case, await catalog.live_turns.get(turn_id, caller=caller), caller=caller)
    except NotFound:
        return Missing.FORBIDDEN


async def _answered(catalog: Catalog, case: Case, turn: Turn, *, caller: Caller) -> CaseTexts | Missing:
    """Return a case with its answer; not where the answer may be made of what this caller may not read."""
    if turn.erased_at is not None:
        return Missing.ERASED
    passages = await catalog.passages.all_of(turn.passages, caller=caller)
    if passages is None or not is_whole_for(caller, turn, all_readable=True):
        return Missing.FORBIDDEN
    return CaseTexts(
        question=case.question,
        draft=turn.draft,
        shown=turn.shown,
        expected=case.reference_answer,
        claims=tuple(_claims(turn)),
        passages=tuple(_passage(passage, case) for passage in passages),
    )


def _claims(turn: Turn) -> Iterable[ClaimText]:
    for claim in turn.draft_claims:
        text = turn.draft[claim.start : claim.end]
        yield ClaimText(text=text, verdict=claim.verdict, score=claim.score, passages=marked_numbers(text))


def _passage(passage: Passage, case: Case) -> PassageText:
    span = CitedSpan(document=passage.filename, text=passage.text)
    is_source = any(holds_gold(span, gold) for gold in case.gold)
    return PassageText(n=passage.n, filename=passage.filename, page=passage.page, text=passage.text, is_source=is_source)
