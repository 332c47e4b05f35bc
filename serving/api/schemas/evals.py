"""Evals, their runs and output items, in the form of the OpenAI API."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from footnote.core.catalog.evals import EvalRecord
from serving.api.schemas.api_object import ApiObject, ApiRequest, Metadata, omitted, unix_seconds

RunStatus = Literal["queued", "in_progress", "completed", "failed", "canceled"]
Name = Annotated[str, StringConstraints(max_length=255)]


class DataSourceConfig(ApiRequest):
    """What runs ask: the set that `metadata` names; without one each run brings its cases."""

    type: Literal["custom", "logs", "stored_completions"]
    item_schema: dict[str, Any] | None = Field(default=None, description="Of `custom`; kept and shown again.")
    include_sample_schema: bool | None = None
    metadata: Metadata | None = Field(default=None, description="`set`: NAME, NAME@NUMBER or an id; `part`, `limit`: of its cases.")


class EvalRequest(ApiRequest):
    """An eval."""

    name: Name | None = None
    metadata: Metadata | None = None
    data_source_config: DataSourceConfig
    testing_criteria: list[dict[str, Any]] = Field(
        min_length=1, max_length=50, description="Of type `footnote`, by the name of a metric, or `text_similarity` by `bleu` or `rouge_l`."
    )


class EvalUpdateRequest(ApiRequest):
    """What may be changed."""

    name: Name | None = None
    metadata: Metadata | None = None


class Item(ApiRequest):
    """A line of a data source."""

    item: dict[str, Any] = Field(description="A case, with the fields of an evaluation set's cases.")
    sample: dict[str, Any] | None = Field(default=None, description="Not taken: footnote answers.")


class Source(ApiRequest):
    """Where the cases come from: the set of the eval (`stored_completions`, `responses`), or what this run brings."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["file_content", "file_id", "stored_completions", "responses"]
    content: list[Item] | None = Field(default=None, max_length=20_000)
    id: str | None = Field(default=None, max_length=64, description="A file of JSON lines.")


class DataSource(ApiRequest):
    """What a run asks."""

    type: Literal["jsonl", "completions", "responses"]
    source: Source
    model: str | None = Field(default=None, max_length=255, description="`footnote`, as in chat completions.")
    input_messages: dict[str, Any] | None = Field(default=None, description='Only one message of the user, "{{item.question}}".')
    sampling_params: dict[str, Any] | None = Field(default=None, description="Not taken: the release decides.")


class EvalRunRequest(ApiRequest):
    """A run of an eval."""

    name: Name | None = None
    metadata: Metadata | None = None
    data_source: DataSource


class Eval(ApiObject):
    """An eval."""

    id: str
    object: Literal["eval"] = "eval"
    created_at: int
    name: str
    metadata: dict[str, str]
    data_source_config: dict[str, Any]
    testing_criteria: list[dict[str, Any]]


class EvalDeleted(ApiObject):
    """An eval is gone, with its runs."""

    object: Literal["eval.deleted"] = "eval.deleted"
    deleted: Literal[True] = True
    eval_id: str


class EvalList(ApiObject):
    """A page of evals."""

    object: Literal["list"] = "list"
    data: list[Eval]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ResultCounts(ApiObject):
    """How many cases fared how."""

    total: int
    passed: int
    failed: int
    errored: int


class CriterionCounts(ApiObject):
    """How many cases passed by one criterion; those that it says nothing about count nowhere."""

    testing_criteria: str
    passed: int
    failed: int


class ModelUsage(ApiObject):
    """What a run's answers took."""

    model_name: str
    invocation_count: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class EvalError(ApiObject):
    """Why there is no result."""

    code: str
    message: str


class EvalRun(ApiObject):
    """A run of an eval."""

    id: str
    object: Literal["eval.run"] = "eval.run"
    eval_id: str
    created_at: int
    name: str
    metadata: dict[str, str]
    model: str
    status: RunStatus
    data_source: dict[str, Any]
    error: EvalError | None
    result_counts: ResultCounts
    per_testing_criteria_results: list[CriterionCounts]
    per_model_usage: list[ModelUsage]
    report_url: str | None = Field(description="Where its report is read, once it is made.")
    footnote: dict[str, Any] = Field(description="Version of the set, release, report, and how many cases are to be asked.")


class EvalRunDeleted(ApiObject):
    """A run is gone."""

    object: Literal["eval.run.deleted"] = "eval.run.deleted"
    deleted: Literal[True] = True
    run_id: str


class EvalRunList(ApiObject):
    """A page of runs."""

    object: Literal["list"] = "list"
    data: list[EvalRun]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ItemResult(ApiObject):
    """How a case fared by one criterion."""

    name: str
    type: str
    passed: bool
    score: float | None
    metric: str
    judge: str
    failure_code: str | None = omitted()


class SampleMessage(ApiObject):
    """A message of the dialogue."""

    role: str
    content: str


class SampleUsage(ApiObject):
    """Tokens of an answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class Sample(ApiObject):
    """What was asked, and what the model wrote; empty where the caller may not read it, or nothing answered."""

    model: str
    input: list[SampleMessage]
    output: list[SampleMessage]
    finish_reason: str
    error: EvalError | None
    usage: SampleUsage
    seed: int | None
    temperature: float | None
    top_p: float | None
    max_completion_tokens: int | None


class OutputItem(ApiObject):
    """A case of a run, with its answer and its results."""

    id: str
    object: Literal["eval.run.output_item"] = "eval.run.output_item"
    created_at: int
    eval_id: str
    run_id: str
    status: Literal["pass", "fail", "error"]
    datasource_item_id: int
    datasource_item: dict[str, Any]
    results: list[ItemResult]
    sample: Sample
    footnote: dict[str, Any] = Field(description="The turn that answered it, and what the person would have got.")


class OutputItemList(ApiObject):
    """A page of output items, in the order of the set."""

    object: Literal["list"] = "list"
    data: list[OutputItem]
    first_id: str | None
    last_id: str | None
    has_more: bool


def eval_shown(record: EvalRecord) -> Eval:
    """Return an eval as the API shows it."""
    source = dict(record.data_source)
    source["schema"] = source.pop("item_schema", None) or {}
    return Eval(
        id=record.id,
        created_at=unix_seconds(record.created_at),
        name=record.name,
        metadata=dict(record.metadata),
        data_source_config=source,
        testing_criteria=[dict(each) for each in record.criteria],
    )


def ends(data: Sequence[Any]) -> dict[str, Any]:
    """Return the ids of a page's first and last entries."""
    return {"first_id": data[0].id if data else None, "last_id": data[-1].id if data else None}
