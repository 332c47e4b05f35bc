"""What the API asks of evaluation. Evaluation stands above serving, so the wiring hands in what does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from footnote.core.catalog.evaluation_records import ReportRecord, RunRecord
from footnote.core.types import Caller


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """Which way a metric is better, and whether it is of a text or of the turn as a whole."""

    direction: Literal["higher", "lower", "neither"]
    target: Literal["draft", "turn"]


@dataclass(frozen=True, slots=True)
class WantedRun:
    """A run that somebody asks for.

    Args:
        set_id: the version of the set.
        part: the part of the set that is asked; None for the whole set.
        limit: cases at most, the first ones; None for all.
        collection_ids: where answers are looked for; None for all that the caller may read.
        eval_id: the eval that it belongs to.
        request: what that was asked with, to be shown again; no text of documents.
    """

    set_id: str
    part: str | None = None
    limit: int | None = None
    collection_ids: tuple[str, ...] | None = None
    eval_id: str | None = None
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BegunRun:
    """A run that waits or is under way; ``is_resumed`` where it was begun before and not finished."""

    run: RunRecord
    is_resumed: bool


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page that stands alone, and the header that lets in what it brings with it and nothing else."""

    html: str
    content_security_policy: str


class Evaluating(Protocol):
    """Begins runs, and renders reports: ``evaluation.front_desk.FrontDesk`` is the one there is."""

    def metrics(self) -> Mapping[str, MetricFacts]:
        """Return all metrics by name."""
        ...

    def wake(self) -> None:
        """Say that a run waits, or was cancelled."""
        ...

    async def begin(self, wanted: WantedRun, *, caller: Caller, resume: bool) -> BegunRun:
        """Begin a run of what answers here; with ``resume`` go on with an unfinished one of the caller's that asks for the same.

        Raises:
            NotFound: the set or a collection is not there for this caller.
            InvalidInput: no case of the set is chosen.
        """
        ...

    async def report_page(self, report: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
        """Return a report as a page, with what this caller may read of its cases."""
        ...

    async def comparison(self, old: ReportRecord, new: ReportRecord, *, caller: Caller) -> Mapping[str, Any]:
        """Return what moved between the runs of two reports, as JSON: ``differences`` and ``not_compared``.

        Raises:
            NotFound: a run is gone.
        """
        ...

    async def comparison_page(self, old: ReportRecord, new: ReportRecord, *, caller: Caller, base_url: str) -> HtmlPage:
        """Return two reports side by side as a page, with what this caller may read of their cases.

        Raises:
            NotFound: a run is gone.
        """
        ...
