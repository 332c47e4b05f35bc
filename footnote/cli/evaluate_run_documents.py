"""The JSON documents that ``footnote evaluate`` and ``footnote report`` print."""

from pydantic import Field

from footnote.cli.api_objects import Difference, MeanScore, Recommendation
from footnote.cli.json_documents import JsonDocument


class ReportDocument(JsonDocument):
    """What ``footnote report`` shows of a report, and what a run of ``footnote evaluate`` came to."""

    report_id: str = Field(description="The report's id.")
    report_url: str = Field(description="Where it is read.")
    run_id: str = Field(description="The run's id.")
    release: str = Field(description="What answered.")
    set: str = Field(description="The set and its version: `NAME@NUMBER`.")
    cases: int = Field(description="Cases that were asked.")
    unanswered: int = Field(description="Of them, those that ended in an error in place of an answer.")
    scores: dict[str, MeanScore] = Field(description="By metric, of drafts and turns.")
    shown: dict[str, MeanScore] = Field(description="By metric, of the texts that people got.")
    recommendation: Recommendation = Field(description="What to do, and which findings say so.")


class UnderDocument(JsonDocument):
    """A limit that was not kept."""

    metric: str = Field(description="The metric.")
    limit: float = Field(description="The least mean.")
    mean: float | None = Field(description="What it is; null where there is none.")


class EvaluateDocument(ReportDocument):
    """What ``footnote evaluate`` measured."""

    resumed: bool = Field(description="Whether an unfinished run was gone on with.")
    seconds: float = Field(description="How long this command waited.")
    under: list[UnderDocument] = Field(description="Limits of `--fail-under` that were not kept. The exit status is 1 where there is any.")


class ComparisonDocument(JsonDocument):
    """What ``footnote report --compare`` found."""

    old: ReportDocument = Field(description="The first of the two reports.")
    new: ReportDocument = Field(description="The second.")
    differences: list[Difference] = Field(description="By metric, target and judge, over the cases that both have scored.")
