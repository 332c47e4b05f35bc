"""``/v1/evals``, with the runs of evaluation in the form of the OpenAI API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from footnote.core.catalog.evals import EvalRecord
from footnote.core.catalog.evaluation_records import CaseRecord, CaseScoreRecord, RunAnswerRecord, RunRecord, RunState
from footnote.core.catalog.paging import Paging
from footnote.core.errors import NotFound
from footnote.core.types import Caller, Turn
from serving.api.authentication import CallerDependency
from serving.api.base_url import base_url_of
from serving.api.eval_cases import find_set, limit_of, wanted_run
from serving.api.eval_criteria import Criterion, CriterionResult, Outcome, criteria_of, outcome_of, results_of
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
    data = [await _run_shown(record, run, request=request, services=services, caller=caller) for run in page.items]
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
    fared = await _fared(record, run, services, caller)
    wanted = [each for each in fared if status is None or each.outcome == status]
    if order == "desc":
        wanted.reverse()
    if after is not None:
        places = {each.answer.case_id: place for place, each in enumerate(wanted, start=1)}
        wanted = wanted[places.get(after, len(wanted)) :]
    data = [await _item_shown(record, run, each, services, caller) for each in wanted[:limit]]
    return OutputItemList(data=data, has_more=len(wanted) > limit, **ends(data))


@router.get("/{eval_id}/runs/{run_id}/output_items/{output_item_id}", summary="Show an output item")
async def retrieve_output_item(
    eval_id: str, run_id: str, output_item_id: str, caller: CallerDependency, services: ServicesDependency
) -> OutputItem:
    """Return a case with its answer and its results."""
    record, run = await _found(eval_id, run_id, services, caller)
    found = next((each for each in await _fared(record, run, services, caller) if each.answer.case_id == output_item_id), None)
    if found is None:
        raise NotFound(f"There is no output item {output_item_id}.", param="output_item_id")
    return await _item_shown(record, run, found, services, caller)


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
    def outcome(self) -> Outcome:
        return outcome_of(self.results, is_answered=self.answer.turn_id is not None)

    def value(self, metric: str) -> int:
        return next((int(score.value) for score in self.scores if score.metric == metric and score.value is not None), 0)


async def _found(eval_id: str, run_id: str, services: Services, caller: Caller) -> tuple[EvalRecord, RunRecord]:
    record = await services.catalog.evals.get(eval_id, caller=caller)
    run = await services.catalog.evaluation_runs.get(run_id, caller=caller)
    if run.eval_id != eval_id:
        raise NotFound(f"There is no run {run_id} of {eval_id}.", param="run_id")
    return record, run


async def _fared(record: EvalRecord, run: RunRecord, services: Services, caller: Caller) -> list[_Fared]:
    criteria = criteria_of(record.criteria, services.evaluation.metrics())
    scores: dict[str, list[CaseScoreRecord]] = {}
    async for score in services.catalog.evaluation_runs.each_score(run.id, caller=caller):
        scores.setdefault(score.case_id, []).append(score)
    cases = await cases_of(run, services, caller)
    return [
        _Fared(
            case=cases.get(answer.case_id),
            answer=answer,
            results=results_of(criteria, scores.get(answer.case_id, ())),
            scores=tuple(scores.get(answer.case_id, ())),
        )
        for answer in await services.catalog.evaluation_runs.answers(run.id, caller=caller)
    ]


async def _run_shown(record: EvalRecord, run: RunRecord, *, request: Request, services: Services, caller: Caller) -> EvalRun:
    fared = await _fared(record, run, services, caller)
    outcomes = [each.outcome for each in fared]
    criteria = criteria_of(record.criteria, services.evaluation.metrics())
    report = await services.catalog.reports.of_run(run.id, caller=caller)
    asked = _asked_with(run)
    counts = await counts_of(run, services, caller)
    return EvalRun(
        id=run.id,
        eval_id=record.id,
        created_at=unix_seconds(run.created_at),
        name=asked.get("name", ""),
        metadata=asked.get("metadata", {}),
        model=asked.get("model", ASSISTANT),
        status=STATUS[run.state],
        data_source=asked.get("data_source", {}),
        error=None if run.error_code is None else EvalError(code=run.error_code, message="The server's log says more."),
        result_counts=ResultCounts(
            total=len(outcomes), passed=outcomes.count("pass"), failed=outcomes.count("fail"), errored=outcomes.count("error")
        ),
        per_testing_criteria_results=[_counts(criterion, fared) for criterion in criteria],
        per_model_usage=[_usage(asked.get("model", ASSISTANT), fared)],
        report_url=None if report is None else f"{base_url_of(request, services.settings.server)}/v1/reports/{report.id}",
        footnote={
            "set_id": run.set_id,
            "release": run.release_id,
            "report_id": None if report is None else report.id,
            "cases": n_cases_of(run, counts),
        },
    )


def _asked_with(run: RunRecord) -> Mapping[str, Any]:
    """Return what a run was asked for with."""
    given: Mapping[str, Any] | None = run.configuration.get("request")
    return given or {}


def _counts(criterion: Criterion, fared: Sequence[_Fared]) -> CriterionCounts:
    outcomes = [result.outcome for each in fared for result in each.results if result.criterion == criterion]
    return CriterionCounts(testing_criteria=criterion.name, passed=outcomes.count("pass"), failed=outcomes.count("fail"))


def _usage(model: str, fared: Sequence[_Fared]) -> ModelUsage:
    prompt, completion = (sum(each.value(name) for each in fared) for name in ("prompt_tokens", "completion_tokens"))
    return ModelUsage(
        model_name=model,
        invocation_count=sum(each.answer.turn_id is not None for each in fared),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_tokens=0,
    )


async def _item_shown(record: EvalRecord, run: RunRecord, fared: _Fared, services: Services, caller: Caller) -> OutputItem:
    turn = await _turn(fared.answer.turn_id, services, caller)
    shown = {} if turn is None else {"shown": turn.shown, "abstained": turn.abstained}
    return OutputItem(
        id=fared.answer.case_id,
        created_at=unix_seconds(fared.answer.answered_at),
        eval_id=record.id,
        run_id=run.id,
        status=fared.outcome,
        datasource_item_id=fared.answer.ordinal,
        datasource_item={} if fared.case is None else {"id": fared.case.key, **fared.case.labels},
        results=[_result(result) for result in fared.results],
        sample=_sample(turn, fared, model=_asked_with(run).get("model", ASSISTANT)),
        footnote={"turn_id": fared.answer.turn_id, **shown},
    )


async def _turn(turn_id: str | None, services: Services, caller: Caller) -> Turn | None:
    """Return the turn that answered a case, where the caller may read it and all that it was written from."""
    if turn_id is None:
        return None
    try:
        turn = await services.catalog.live_turns.get(turn_id, caller=caller)
    except NotFound:
        return None
    return None if await services.catalog.passages.all_of(turn.passages, caller=caller) is None else turn


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
