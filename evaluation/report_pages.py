"""Reports and comparisons of two, made for whoever reads them."""

from evaluation.comparing import RunComparison, compare_runs
from evaluation.report.body import body_from_json
from evaluation.report.rendering.page import content_security_policy, render, render_comparison
from evaluation.report_texts import questions_of, texts_of
from evaluation.reporting import RowOfCase
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import ReportRecord
from footnote.core.offload import offload
from footnote.core.types import Caller
from serving.evaluating import HtmlPage


async def report_page(catalog: Catalog, report: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
    """Return a report as a page, with what this caller may read of its cases."""
    body = body_from_json(report.body)
    texts = await texts_of(catalog, body, caller=caller)
    questions = await questions_of(catalog, body, caller=caller)
    html = await offload(render, body, texts, base_url=base_url, questions=questions)
    return HtmlPage(html, content_security_policy())


async def compared(catalog: Catalog, old: ReportRecord, new: ReportRecord, *, caller: Caller) -> RunComparison:
    """Return what moved between the runs of two reports.

    Raises:
        NotFound: a run is gone.
    """
    before, after = await _rows(catalog, old.run_id, caller), await _rows(catalog, new.run_id, caller)
    return await offload(compare_runs, before, after)


async def comparison_page(catalog: Catalog, old: ReportRecord, new: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
    """Return two reports side by side as a page, with what this caller may read of their cases.

    Raises:
        NotFound: a run is gone.
    """
    bodies = body_from_json(old.body), body_from_json(new.body)
    differences = (await compared(catalog, old, new, caller=caller)).differences
    texts = {**await texts_of(catalog, bodies[0], caller=caller), **await texts_of(catalog, bodies[1], caller=caller)}
    html = await offload(render_comparison, *bodies, differences, texts, base_url=base_url)
    return HtmlPage(html, content_security_policy())


async def _rows(catalog: Catalog, run_id: str, caller: Caller) -> list[RowOfCase]:
    """Return a run's scores under the cases' own ids, which are the same in each version of a set."""
    run = await catalog.evaluation_runs.get(run_id, caller=caller)
    keys = {case.id: case.key for case in await catalog.evaluation_sets.cases(run.set_id, caller=caller)}
    return [
        RowOfCase(keys[row.case_id], row.metric, row.judge, row.target, row.value, row.failure_code)
        async for row in catalog.evaluation_runs.each_score(run_id, caller=caller)
    ]
