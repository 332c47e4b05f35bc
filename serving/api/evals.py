"""``/v1/evals``, with the runs of evaluation in the form of the OpenAI API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from footnote.core.catalog.evals import EvalRecord
from footnote.core.catalog.evaluation_records import (
    CaseOutcome,
    CaseRecord,
    CaseScoreRecord,
    RunAnswerRecord,
    RunRecord,
    RunState,
    RunTally,
)
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.turn_access import is_whole_for
from footnote.core.errors import NotFound
from footnote.core.types import Caller, Turn
from serving.api.authentication import CallerDependency
from serving.api.base_url import base_url_of
from serving.api.eval_cases import find_set, limit_of, wanted_run
from serving.api.eval_criteria import Criterion, CriterionResult, criteria_of, outcome_of, results_of
from serving.api.evaluation_runs import cases_of, counts_of
from serving.api.model_names import ASSISTANT
from serving.api.opening import services_of
from serving.api.paging import Cursor, Order
from serving.api.schemas.api_object import unix_seconds
from serving.api.schemas.evals import (
    CriterionCounts,
    Eval,
    EvalDeleted,
    EvalError,
    EvalList,
    EvalRequest,
    EvalRun,
    EvalRunDeleted,
    EvalRunList,
    EvalRunRequest,
    EvalUpdateRequest,
    ItemResult,
    ModelUsage,
    OutputItem,
    OutputItemList,
    ResultCounts,
    RunStatus,
    Sample,
    SampleMessage,
    SampleUsage,
    ends,
    eval_shown,
)
from serving.api.schemas.evaluation_runs import n_cases_of
from serving.services import Services

router = APIRouter(tags=["evaluation"], prefix="/v1/evals")

ServicesDependency = Annotated[Services, Depends(services_of)]
Limit = Annotated[int, Query(ge=1, le=100)]

STATUS: Mapping[RunState, RunStatus] = {
    RunState.QUEUED: "queued",
    RunState.RUNNING: "in_progress",
    RunState.COMPLETED: "completed",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "canceled",
}
STATES = {status: state for state, status in STATUS.items()}

# ------------------------------------------------------------------------------------------------------------------------------ evals


@router.post("", summary="Create an eval")
async def create_eval(body: EvalRequest, caller: CallerDependency, services: ServicesDependency) -> Eval:
    """Name the set that runs ask, and what their answers are held to; docs/evaluation.md says which criteria there are."""
    criteria_of(body.testing_criteria, services.evaluation.metrics())
    source = body.data_source_config
    if source.metadata is not None and "set" in source.metadata:
        await find_set(services.catalog, source.metadata["set"], caller=caller)
        limit_of(source.metadata)
    record = await services.catalog.evals.create(
        name=body.name or "",
        metadata=body.metadata or {},
        data_source=source.model_dump(exclude_none=True),
        criteria=body.testing_criteria,
        caller=caller,
    )
    return eval_shown(record)


@router.get("", summary="List evals")
async def list_evals(
    *,
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Limit = 20,
    order: Order = "asc",
    order_by: Annotated[Literal["created_at"], Query(description="By time of creation.")] = "created_at",  # noqa: ARG001  # the only one
    after: Cursor = None,
) -> EvalList:
    """Return the evals that the caller may read."""
    page = await services.catalog.evals.list(caller=caller, paging=Paging(limit=limit, order=order, after=after))
    data = [eval_shown(record) for record in page.items]
    return EvalList(data=data, has_more=page.has_more, **ends(data))


@router.get("/{eval_id}", summary="Show an eval")
async def retrieve_eval(eval_id: str, caller: CallerDependency, services: ServicesDependency) -> Eval:
    """Return an eval."""
    return eval_shown(await services.catalog.evals.get(eval_id, caller=caller))


@router.post("/{eval_id}", summary="Change an eval")
async def update_eval(eval_id: str, body: EvalUpdateRequest, caller: CallerDependency, services: ServicesDependency) -> Eval:
    """Give an eval another name or metadata."""
    return eval_shown(await services.catalog.evals.update(eval_id, caller=caller, name=body.name, metadata=body.metadata))


@router.delete("/{eval_id}", summary="Delete an eval")
async def delete_eval(eval_id: str, caller: CallerDependency, services: ServicesDependency) -> EvalDeleted:
    """Delete an eval with its runs, their scores and reports, and the turns that they asked. The set stays."""
    await services.catalog.evals.delete(eval_id, caller=caller)
    return EvalDeleted(eval_id=eval_id)


# ------------------------------------------------------------------------------------------------------------------------------- runs


@router.post("/{eval_id}/runs", summary="Begin a run of an eval")
async def create_eval_run(
    eval_id: str, body: EvalRunRequest, request: Request, caller: CallerDependency, services: ServicesDependency
) -> EvalRun:
    """Ask the cases of the eval's set, or those that the run brings, in the background."""
    record = await services.catalog.evals.get(eval_id, caller=caller)
    source = body.data_source
    shown = source.model_dump(exclude_none=True, exclude={"source": {"content"}})  # what it brings is in the set
    asked = {"name": body.name or "", "metadata": body.metadata or {}, "model": source.model or ASSISTANT, "data_source": shown}
    wanted = await wanted_run(record, source, request=asked, services=services, caller=caller)
    begun = await services.evaluation.begin(wanted, caller=caller, resume=False)
    return await _run_shown(record, begun.run, request=request, services=services, caller=caller)


@router.get("/{eval_id}/runs", summary="List the runs of an eval")
async def list_eval_runs(
    *,
    eval_id: str,
    request: Request,
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Limit = 20,
    order: Order = "asc",
    after: Cursor = None,
    status: Annotated[RunStatus | None, Query(description="Only runs in this state.")] = None,
) -> EvalRunList:
    """Return the runs of an eval."""
    record = await services.catalog.evals.get(eval_id, caller=caller)
    page = await services.catalog.evaluation_runs.list(
        caller=caller,
        paging=Paging(limit=limit, order=order, after=after),
        eval_id=eval_id,
        state=None if status is None else STATES[status],
    )
    data = await _runs_shown(record, page.items, request=request, services=services, caller=caller)
    return EvalRunList(data=data, has_more=page.has_more, **ends(data))


@router.get("/{eval_id}/runs/{run_id}", summary="Show a run of an eval")
async def retrieve_eval_run(eval_id: str, run_id: str, request: Request, caller: CallerDependency, services: ServicesDependency) -> EvalRun:
    """Return a run, and how its cases have fared so far."""
    record, run = await _found(eval_id, run_id, services, caller)
    return await _run_shown(record, run, request=request, services=services, caller=caller)


@router.post("/{eval_id}/runs/{run_id}", summary="Cancel a run of an eval")
async def cancel_eval_run(eval_id: str, run_id: str, request: Request, caller: CallerDependency, services: ServicesDependency) -> EvalRun:
    """End a run as it stands; it has no report."""
    record, _ = await _found(eval_id, run_id, services, caller)
    run = await services.catalog.evaluation_runs.cancel(run_id, caller=caller)
    services.evaluation.wake()
    return await _run_shown(record, run, request=request, services=services, caller=caller)


@router.delete("/{eval_id}/runs/{run_id}", summary="Delete a run of an eval")
async def delete_eval_run(eval_id: str, run_id: str, caller: CallerDependency, services: ServicesDependency) -> EvalRunDeleted:
    """Delete a run with its scores, its report, and the turns that it asked."""
    await _found(eval_id, run_id, services, caller)
    await services.catalog.evaluation_runs.delete(run_id, caller=caller)
    return EvalRunDeleted(run_id=run_id)


# ----------------------------------------------------------------------------------------------------------------------- output items


@router.get("/{eval_id}/runs/{run_id}/output_items", summary="List the output items of a run")
async def list_output_items(
    *,
    eval_id: str,
    run_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Limit = 20,
    order: Order = "asc",
    after: Cursor = None,
    status: Annotated[Literal["pass", "fail"] | None, Query(description="Only those that fared so.")] = None,
) -> OutputItemList:
    """Return the cases that were asked so far with answers and results, in the order of the set."""
    record, run = await _found(eval_id, run_id, services, caller)
    page = await services.catalog.run_results.answers_page(
        run.id,
        paging=Paging(limit=limit, order=order, after=after),
        caller=caller,
        marks=[criterion.mark for criterion in _criteria(record, services)],
        outcome=status,
    )
    data = await _items_shown(record, run, page.items, services, caller)
    return OutputItemList(data=data, has_more=page.has_more, **ends(data))


@router.get("/{eval_id}/runs/{run_id}/output_items/{output_item_id}", summary="Show an output item")
async def retrieve_output_item(
    eval_id: str, run_id: str, output_item_id: str, caller: CallerDependency, services: ServicesDependency
) -> OutputItem:
    """Return a case with its answer and its results."""
    record, run = await _found(eval_id, run_id, services, caller)
    try:
        answer = await services.catalog.run_results.answer(run.id, output_item_id, caller=caller)
    except NotFound:
        raise NotFound(f"There is no output item {output_item_id}.", param="output_item_id") from None
    (item,) = await _items_shown(record, run, [answer], services, caller)
    return item


# ------------------------------------------------------------------------------------------------------------------------------ steps


@dataclass(frozen=True, slots=True)
class _Fared:
    """How a case of a run fared."""

    case: CaseRecord | None
    """None where the set may not be read any more: what a run came to is its owner's all the same."""
    answer: RunAnswerRecord
    results: tuple[CriterionResult, ...]
    scores: tuple[CaseScoreRecord, ...]

    @property
    def outcome(self) -> CaseOutcome:
        return outcome_of(self.results, is_answered=self.answer.turn_id is not None)

    def value(self, metric: str) -> int:
        return next((int(score.value) for score in self.scores if score.metric == metric and score.value is not None), 0)


async def _found(eval_id: str, run_id: str, services: Services, caller: Caller) -> tuple[EvalRecord, RunRecord]:
    record = await services.catalog.evals.get(eval_id, caller=caller)
    run = await services.catalog.evaluation_runs.get(run_id, caller=caller)
    if run.eval_id != eval_id:
        raise NotFound(f"There is no run {run_id} of {eval_id}.", param="run_id")
    return record, run


def _criteria(record: EvalRecord, services: Services) -> tuple[Criterion, ...]:
    return criteria_of(record.criteria, services.evaluation.metrics())


async def _run_shown(record: EvalRecord, run: RunRecord, *, request: Request, services: Services, caller: Caller) -> EvalRun:
    shown = await _runs_shown(record, [run], request=request, services=services, caller=caller)
    if not shown:
        raise NotFound(f"There is no run {run.id}.", param="run_id")
    return shown[0]


async def _runs_shown(
    record: EvalRecord, runs: Sequence[RunRecord], *, request: Request, services: Services, caller: Caller
) -> list[EvalRun]:
    """Return a page of runs as the API shows them, without those that were deleted meanwhile."""
    criteria, base_url = _criteria(record, services), base_url_of(request, services.settings.server)
    marks = [criterion.mark for criterion in criteria]
    tallies = await services.catalog.run_results.tallies([run.id for run in runs], marks=marks, caller=caller)
    n_cases = {run.id: await _n_cases(run, services, caller) for run in runs if run.id in tallies}
    return [
        _shown(run, tallies[run.id], criteria=criteria, n_cases=n_cases[run.id], base_url=base_url) for run in runs if run.id in tallies
    ]


def _shown(run: RunRecord, tally: RunTally, *, criteria: Sequence[Criterion], n_cases: int, base_url: str) -> EvalRun:
    asked = _asked_with(run)
    model = asked.get("model", ASSISTANT)
    return EvalRun(
        id=run.id,
        eval_id=run.eval_id or "",
        created_at=unix_seconds(run.created_at),
        name=asked.get("name", ""),
        metadata=asked.get("metadata", {}),
        model=model,
        status=STATUS[run.state],
        data_source=asked.get("data_source", {}),
        error=None if run.error_code is None else EvalError(code=run.error_code, message="The server's log says more."),
        result_counts=ResultCounts(
            total=tally.n_passed + tally.n_failed + tally.n_errors,
            passed=tally.n_passed,
            failed=tally.n_failed,
            errored=tally.n_errors,
        ),
        per_testing_criteria_results=[
            CriterionCounts(testing_criteria=criterion.name, passed=passed, failed=failed)
            for criterion, (passed, failed) in zip(criteria, tally.by_mark, strict=True)
        ],
        per_model_usage=[_usage(model, tally)],
        report_url=None if tally.report_id is None else f"{base_url}/v1/reports/{tally.report_id}",
        footnote={"set_id": run.set_id, "release": run.release_id, "report_id": tally.report_id, "cases": n_cases},
    )


async def _n_cases(run: RunRecord, services: Services, caller: Caller) -> int:
    """Return how many cases a run asks; they are counted only where it does not say."""
    is_told = isinstance(run.configuration.get("n_cases"), int)
    return n_cases_of(run, run.counts if is_told else await counts_of(run, services, caller))


def _asked_with(run: RunRecord) -> Mapping[str, Any]:
    """Return what a run was asked for with."""
    given: Mapping[str, Any] | None = run.configuration.get("request")
    return given or {}


def _usage(model: str, tally: RunTally) -> ModelUsage:
    return ModelUsage(
        model_name=model,
        invocation_count=tally.n_answered,
        prompt_tokens=tally.prompt_tokens,
        completion_tokens=tally.completion_tokens,
        total_tokens=tally.prompt_tokens + tally.completion_tokens,
        cached_tokens=0,
    )


async def _items_shown(
    record: EvalRecord, run: RunRecord, answers: Sequence[RunAnswerRecord], services: Services, caller: Caller
) -> list[OutputItem]:
    """Return the cases of a page of answers as the API shows them."""
    ids = [answer.case_id for answer in answers]
    scores = await services.catalog.run_results.scores_of(run.id, ids, caller=caller)
    cases = await cases_of(run, ids, services, caller)
    turns = await _turns([answer.turn_id for answer in answers if answer.turn_id is not None], services, caller)
    criteria = _criteria(record, services)
    shown: list[OutputItem] = []
    for answer in answers:
        of_case = scores.get(answer.case_id, ())
        fared = _Fared(case=cases.get(answer.case_id), answer=answer, results=results_of(criteria, of_case), scores=of_case)
        shown.append(_item_shown(run, fared, None if answer.turn_id is None else turns.get(answer.turn_id)))
    return shown


def _item_shown(run: RunRecord, fared: _Fared, turn: Turn | None) -> OutputItem:
    shown = {} if turn is None else {"shown": turn.shown, "abstained": turn.abstained}
    return OutputItem(
        id=fared.answer.case_id,
        created_at=unix_seconds(fared.answer.answered_at),
        eval_id=run.eval_id or "",
        run_id=run.id,
        status=fared.outcome,
        datasource_item_id=fared.answer.ordinal,
        datasource_item={} if fared.case is None else {"id": fared.case.key, **fared.case.labels},
        results=[_result(result) for result in fared.results],
        sample=_sample(turn, fared, model=_asked_with(run).get("model", ASSISTANT)),
        footnote={"turn_id": fared.answer.turn_id, **shown},
    )


async def _turns(turn_ids: Sequence[str], services: Services, caller: Caller) -> Mapping[str, Turn]:
    """Return those turns that the caller may read with all that they were written from, by id; see ``is_whole_for``."""
    turns = await services.catalog.live_turns.some(turn_ids, caller=caller)
    passages = [passage for turn in turns.values() for passage in turn.passages]
    readable = await services.catalog.passages.readable(passages, caller=caller)
    return {turn_id: turn for turn_id, turn in turns.items() if is_whole_for(caller, turn, all_readable=readable.issuperset(turn.passages))}


def _result(result: CriterionResult) -> ItemResult:
    score = result.score
    return ItemResult(
        name=result.criterion.name,
        type=result.criterion.type,
        passed=result.outcome == "pass",
        score=score.value,
        metric=score.metric,
        judge=score.judge,
        failure_code=score.failure_code,
    )


def _sample(turn: Turn | None, fared: _Fared, *, model: str) -> Sample:
    code = fared.answer.error_code
    prompt, completion = fared.value("prompt_tokens"), fared.value("completion_tokens")
    return Sample(
        model=model,
        input=[] if turn is None else [SampleMessage(role=each.role, content=each.content) for each in (*turn.history, _asked(turn))],
        output=[] if turn is None else [SampleMessage(role="assistant", content=turn.draft)],
        finish_reason="error" if turn is None and code is not None else "" if turn is None else turn.finish_reason,
        error=None if code is None else EvalError(code=code, message="Nothing answered."),
        usage=SampleUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion, cached_tokens=0),
        seed=None,
        temperature=None,
        top_p=None,
        max_completion_tokens=None,
    )


def _asked(turn: Turn) -> SampleMessage:
    return SampleMessage(role="user", content=turn.question)
