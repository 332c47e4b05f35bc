"""What the API asks of evaluation: ``serving.evaluating.Evaluating``. What takes time to load is loaded when it is first asked for."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from evaluation.metrics import METRICS
from evaluation.running import RunConfiguration
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import ReportRecord
from footnote.core.errors import InvalidInput
from footnote.core.offload import offload
from footnote.core.types import Caller
from serving.evaluating import BegunRun, HtmlPage, MetricFacts, WantedRun


class FrontDesk:
    """Begins runs, and renders reports.

    Args:
        catalog: where sets, runs and reports are.
        release_id: what answers here.
        wake: tells the worker that a run waits, or was cancelled.
    """

    def __init__(self, *, catalog: Catalog, release_id: str, wake: Callable[[], None]) -> None:
        self._catalog = catalog
        self._release_id = release_id
        self._wake = wake

    def metrics(self) -> Mapping[str, MetricFacts]:
        """Return all metrics by name."""
        return {name: MetricFacts(metric.direction.value, metric.headline_target) for name, metric in METRICS.items()}

    def wake(self) -> None:
        """Say that a run waits, or was cancelled."""
        self._wake()

    async def begin(self, wanted: WantedRun, *, caller: Caller, resume: bool) -> BegunRun:
        """Begin a run of what answers here, or go on with one: see ``serving.evaluating.Evaluating``, whose errors it raises."""
        if wanted.collection_ids is not None:
            await self._catalog.collections.readable(wanted.collection_ids, caller=caller)
        configuration = RunConfiguration(
            principals=tuple(sorted(caller.principals)),
            collection_ids=None if wanted.collection_ids is None else tuple(sorted(wanted.collection_ids)),
            part=wanted.part,
            limit=wanted.limit,
        )
        cases = configuration.chosen(await self._catalog.evaluation_sets.cases(wanted.set_id, caller=caller))
        if not cases:
            raise InvalidInput(
                "There is no case to ask." if wanted.part is None else f"The set has no case in its part {wanted.part!r}.",
                hint="Tombstones are not asked: their text was erased.",
                param="set" if wanted.part is None else "part",
            )
        kept = {**configuration.begun_with(cases).as_json(), "request": dict(wanted.request or {})}

        def is_the_same(other: Mapping[str, Any]) -> bool:
            return resume and RunConfiguration.from_json(other).asks_as(configuration)

        run, is_resumed = await self._catalog.evaluation_runs.begin(
            set_id=wanted.set_id,
            release_id=self._release_id,
            caller=caller,
            configuration=kept,
            is_the_same=is_the_same,
            eval_id=wanted.eval_id,
        )
        self._wake()
        return BegunRun(run=run, is_resumed=is_resumed)

    async def report_page(self, report: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
        """Return a report as a page, with what this caller may read of its cases."""
        pages = await offload(_pages)
        return await pages.report_page(self._catalog, report, caller=caller, base_url=base_url)

    async def comparison(self, old: ReportRecord, new: ReportRecord, *, caller: Caller) -> Mapping[str, Any]:
        """Return what moved between the runs of two reports, as JSON."""
        pages = await offload(_pages)
        return (await pages.compared(self._catalog, old, new, caller=caller)).as_json()

    async def comparison_page(self, old: ReportRecord, new: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
        """Return two reports side by side as a page, with what this caller may read of their cases."""
        pages = await offload(_pages)
        return await pages.comparison_page(self._catalog, old, new, caller=caller, base_url=base_url)


def _pages() -> ModuleType:
    """Import what makes pages, in a thread: a server that only starts does without."""
    from evaluation import report_pages  # noqa: PLC0415

    return report_pages
