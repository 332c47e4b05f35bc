"""``/v1/evaluation_runs``: footnote's own. The same runs stand under ``/v1/evals`` in the form of the OpenAI API."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from footnote.core.catalog.evaluation_records import CaseRecord, RunCounts, RunRecord, RunState
from footnote.core.errors import NotFound
from footnote.core.types import Caller
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.paging import PagingDependency
from serving.api.schemas.evaluation_deleted import EvaluationRunDeleted, run_deleted
from serving.api.schemas.evaluation_runs import (
    EvaluationRun,
    EvaluationRunBegun,
    EvaluationRunList,
    RunCaseList,
    RunRequest,
    run_case,
    run_fields,
)
from serving.evaluating import WantedRun
from serving.services import Services

router = APIRouter(tags=["evaluation"], prefix="/v1/evaluation_runs")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post("", summary="Begin a run of evaluation")
async def begin_evaluation_run(body: RunRequest, caller: CallerDependency, services: ServicesDependency) -> EvaluationRunBegun:
    """Ask the cases of a set, and score the answers, in the background; an unfinished run that asks for the same is gone on with."""
    wanted = WantedRun(
        set_id=body.set_id,
        part=body.part,
        limit=body.limit,
        collection_ids=None if body.vector_store_ids is None else tuple(body.vector_store_ids),
    )
    begun = await services.evaluation.begin(wanted, caller=caller, resume=body.resume)
    counts = await services.catalog.evaluation_runs.counts(begun.run.id, caller=caller)
    return EvaluationRunBegun(**run_fields(begun.run, counts, report_id=None), resumed=begun.is_resumed)


@router.get("", summary="List runs of evaluation")
async def list_evaluation_runs(
    *,
    caller: CallerDependency,
    services: ServicesDependency,
    paging: PagingDependency,
    set_name: Annotated[str | None, Query(alias="set", max_length=100, description="Only over the versions of this set.")] = None,
    status: Annotated[RunState | None, Query(description="Only those in this state.")] = None,
) -> EvaluationRunList:
    """Return the runs that the caller may read, those of evals among them."""
    page = await services.catalog.evaluation_runs.list(caller=caller, paging=paging, set_name=set_name, state=status)
    reports = await services.catalog.reports.ids_of([run.id for run in page.items], caller=caller)
    data = [EvaluationRun(**run_fields(run, await counts_of(run, services, caller), report_id=reports.get(run.id))) for run in page.items]
    return EvaluationRunList(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more
    )


@router.get("/{run_id}", summary="Show a run of evaluation")
async def retrieve_evaluation_run(run_id: str, caller: CallerDependency, services: ServicesDependency) -> EvaluationRun:
    """Return a run, and how far it is."""
    return await _shown(await services.catalog.evaluation_runs.get(run_id, caller=caller), services, caller)


@router.post("/{run_id}/cancel", summary="Cancel a run of evaluation")
async def cancel_evaluation_run(run_id: str, caller: CallerDependency, services: ServicesDependency) -> EvaluationRun:
    """End a run as it stands; it has no report."""
    run = await services.catalog.evaluation_runs.cancel(run_id, caller=caller)
    services.evaluation.wake()
    return await _shown(run, services, caller)


@router.delete("/{run_id}", summary="Delete a run of evaluation")
async def delete_evaluation_run(run_id: str, caller: CallerDependency, services: ServicesDependency) -> EvaluationRunDeleted:
    """Delete a run that has ended with its answers, scores, report and the turns that it asked, for good. Its set stays."""
    return run_deleted(run_id, await services.catalog.evaluation_runs.delete(run_id, caller=caller))


@router.get("/{run_id}/cases", summary="List the cases of a run of evaluation")
async def list_evaluation_run_cases(
    *,
    run_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    after: Annotated[int, Query(ge=-1, le=2**31, description="`next_after` of the page before.")] = -1,
) -> RunCaseList:
    """Return what was asked so far, with every score: a report's means can be computed from them."""
    run = await services.catalog.evaluation_runs.get(run_id, caller=caller)
    page = await services.catalog.run_results.answers_after(run_id, after, limit=limit, caller=caller)
    ids = [answer.case_id for answer in page.items]
    scores = await services.catalog.run_results.scores_of(run_id, ids, caller=caller)
    cases = await cases_of(run, ids, services, caller)
    data = [run_case(answer, cases.get(answer.case_id), scores.get(answer.case_id, ())) for answer in page.items]
    return RunCaseList(data=data, has_more=page.has_more, next_after=page.items[-1].ordinal if page.has_more else None)


async def cases_of(run: RunRecord, case_ids: Sequence[str], services: Services, caller: Caller) -> Mapping[str, CaseRecord]:
    """Return these cases of a run's set by id; none where the set is shared no longer: what a run came to is its owner's all the same."""
    try:
        return {case.id: case for case in await services.catalog.evaluation_sets.cases(run.set_id, caller=caller, of=case_ids)}
    except NotFound:
        return {}


async def counts_of(run: RunRecord, services: Services, caller: Caller) -> RunCounts:
    """Return how far a run is now, or was at its end."""
    return run.counts if run.state.is_final else await services.catalog.evaluation_runs.counts(run.id, caller=caller)


async def _shown(run: RunRecord, services: Services, caller: Caller) -> EvaluationRun:
    report = await services.catalog.reports.of_run(run.id, caller=caller)
    return EvaluationRun(**run_fields(run, await counts_of(run, services, caller), report_id=None if report is None else report.id))
