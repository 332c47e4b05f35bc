"""``/v1/reports``: footnote's own. A report holds numbers and ids; a page is made of it for whoever reads it, with what they may read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from serving.api.authentication import CallerDependency, ReaderDependency
from serving.api.base_url import base_url_of
from serving.api.opening import services_of
from serving.api.paging import PagingDependency
from serving.api.schemas.reports import Report, ReportComparison, ReportList, comparison_shown, report_shown, report_summary
from serving.evaluating import HtmlPage
from serving.services import Services

router = APIRouter(tags=["evaluation"], prefix="/v1/reports")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.get("", summary="List reports")
async def list_reports(
    *,
    caller: CallerDependency,
    services: ServicesDependency,
    paging: PagingDependency,
    set_name: Annotated[str | None, Query(alias="set", max_length=100, description="Only of the versions of this set.")] = None,
) -> ReportList:
    """Return what the reports that the caller may read open with."""
    page = await services.catalog.reports.list(caller=caller, paging=paging, set_name=set_name)
    data = [report_summary(record) for record in page.items]
    return ReportList(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more)


@router.get(
    "/{report_id}",
    summary="Show a report, or compare two",
    response_model=Report | ReportComparison,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def retrieve_report(
    *,
    request: Request,
    report_id: str,
    caller: ReaderDependency,
    services: ServicesDependency,
    compare: Annotated[str | None, Query(max_length=64, description="An older report: what moved since.")] = None,
    accept: Annotated[str, Header(description="`text/html` for a page, with the texts that the caller may read.")] = "",
) -> Response:
    """Return a report as JSON, or as a page that stands alone. A browser asks for the key as a password."""
    evaluation, reports = services.evaluation, services.catalog.reports
    base_url = base_url_of(request, services.settings.server)
    report = await reports.get(report_id, caller=caller)
    if compare is None:
        if wants_page(accept):
            return _page(await evaluation.report_page(report, caller=caller, base_url=base_url))
        return JSONResponse(report_shown(report).model_dump(mode="json"))
    old = await reports.get(compare, caller=caller)
    if wants_page(accept):
        return _page(await evaluation.comparison_page(old, report, caller=caller, base_url=base_url))
    return JSONResponse(comparison_shown(old, report, await evaluation.comparison(old, report, caller=caller)).model_dump(mode="json"))


def wants_page(accept: str) -> bool:
    """Whether a browser asks, or somebody who wants what browsers get: JSON is for everybody else."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    return "text/html" in kinds and "application/json" not in kinds[: kinds.index("text/html")]


def _page(page: HtmlPage) -> Response:
    headers = {
        "content-security-policy": page.content_security_policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "private, no-store",
        "vary": "accept",
    }
    return HTMLResponse(page.html, headers=headers)
