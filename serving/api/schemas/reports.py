"""Reports as the API shows them: numbers, codes and ids."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field

from footnote.core.catalog.evaluation_records import ReportRecord
from serving.api.schemas.api_object import ApiObject, unix_seconds


class ReportSummary(ApiObject):
    """What a report opens with."""

    id: str
    object: Literal["report"] = "report"
    created_at: int
    run_id: str
    run: dict[str, Any] = Field(description="Release, version of the set, times, and how many cases.")
    scores: dict[str, Any] = Field(description="By metric: mean, interval, coverage, judge and target; of drafts and turns.")
    shown: dict[str, Any] = Field(description="The same of the texts that people got.")
    recommendation: dict[str, Any] = Field(description="What to do first, and the findings that say so.")


class Report(ReportSummary):
    """A report, whole: see docs/evaluation-report.md for its other fields."""

    model_config = ConfigDict(frozen=True, extra="allow")


class ReportList(ApiObject):
    """A page of reports."""

    object: Literal["list"] = "list"
    data: list[ReportSummary]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ReportComparison(ApiObject):
    """What moved between two reports, over the cases that both have scored."""

    object: Literal["report.comparison"] = "report.comparison"
    old: ReportSummary
    new: ReportSummary
    differences: list[dict[str, Any]] = Field(description="By metric, target and judge, with interval and p-value.")
    not_compared: list[dict[str, Any]] = Field(description="What only one of them has.")


def report_summary(record: ReportRecord) -> ReportSummary:
    """Return what a report opens with."""
    return ReportSummary(**_opening(record))


def report_shown(record: ReportRecord) -> Report:
    """Return a report, whole."""
    rest = {name: value for name, value in record.body.items() if name not in ("run", "scores", "shown_scores", "recommendation")}
    return Report(**_opening(record), **rest)


def comparison_shown(old: ReportRecord, new: ReportRecord, found: Mapping[str, Any]) -> ReportComparison:
    """Return what moved between two reports."""
    differences, not_compared = found["differences"], found["not_compared"]
    return ReportComparison(old=report_summary(old), new=report_summary(new), differences=differences, not_compared=not_compared)


def _opening(record: ReportRecord) -> dict[str, Any]:
    body = record.body
    return {
        "id": record.id,
        "created_at": unix_seconds(record.created_at),
        "run_id": record.run_id,
        "run": body["run"],
        "scores": body["scores"],
        "shown": body["shown_scores"],
        "recommendation": body["recommendation"],
    }
