"""``/v1/evaluation_sets``: footnote's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from footnote.core.offload import offload
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.paging import Cursor, PagingDependency
from serving.api.schemas.evaluation_deleted import EvaluationSetDeleted, set_deleted
from serving.api.schemas.evaluation_sets import (
    CaseList,
    EvaluationSet,
    EvaluationSetImported,
    EvaluationSetList,
    ImportRequest,
    case_page,
    import_shown,
    set_shown,
)
from serving.services import Services

router = APIRouter(tags=["evaluation"], prefix="/v1/evaluation_sets")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post("", summary="Import an evaluation set")
async def import_evaluation_set(body: ImportRequest, caller: CallerDependency, services: ServicesDependency) -> EvaluationSetImported:
    """Make the next version of the caller's set of this name; where the newest one holds the very same cases, return that.

    Documents are resolved to the newest file of their name that the caller may read: erasing that makes tombstones of the cases.
    """
    drafts = await offload(lambda: [case.draft() for case in body.cases])
    imported = await services.catalog.evaluation_sets.import_cases(
        drafts, name=body.name, kind=body.set_kind, caller=caller, principals=body.principals
    )
    return import_shown(imported)


@router.get("", summary="List evaluation sets")
async def list_evaluation_sets(
    *,
    caller: CallerDependency,
    services: ServicesDependency,
    paging: PagingDependency,
    name: Annotated[str | None, Query(max_length=100, description="Only versions of the sets of this name.")] = None,
) -> EvaluationSetList:
    """Return the versions of sets that the caller may read."""
    page = await services.catalog.evaluation_sets.list(caller=caller, paging=paging, name=name)
    data = [set_shown(record) for record in page.items]
    return EvaluationSetList(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more
    )


@router.get("/{set_id}", summary="Show an evaluation set")
async def retrieve_evaluation_set(set_id: str, caller: CallerDependency, services: ServicesDependency) -> EvaluationSet:
    """Return a version of a set."""
    return set_shown(await services.catalog.evaluation_sets.get(set_id, caller=caller))


@router.get("/{set_id}/cases", summary="List the cases of an evaluation set")
async def list_evaluation_cases(
    *,
    set_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    after: Cursor = None,
) -> CaseList:
    """Return cases in their order, each as it was imported; in the place of one whose text was erased stands a tombstone."""
    return case_page(await services.catalog.evaluation_sets.cases_page(set_id, caller=caller, after=after, limit=limit))


@router.delete("/{set_id:path}", summary="Delete an evaluation set")
async def delete_evaluation_set(set_id: str, caller: CallerDependency, services: ServicesDependency) -> EvaluationSetDeleted:
    """Delete a version of a set (its id, or `NAME@NUMBER`) or, by its name, all versions of a set of one's own, for good.

    All runs over it go too, whoever began them, with their answers, scores, reports and the turns that they asked. While one of them is
    under way nothing is deleted. The operator deletes somebody else's by id.
    """
    return set_deleted(set_id, await services.catalog.evaluation_sets.delete(set_id, caller=caller))
