"""Re-indexing a vector store."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from footnote.core.catalog.reindex_progress import ReindexProgress
from footnote.core.catalog.reindexes import Flipped, ReindexRecord, ReindexState
from footnote.core.types import Caller, EmbeddingRecipe
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted, unix_seconds
from serving.api.schemas.chunking import ChunkingStrategy, ChunkingStrategyShown, strategy_shown

Status = Literal["building", "flipped", "done", "cancelled"]
_STATUS: dict[ReindexState, Status] = {
    ReindexState.BUILDING: "building",
    ReindexState.FLIPPED: "flipped",
    ReindexState.DONE: "done",
    ReindexState.CANCELLED: "cancelled",
}

Prefix = Annotated[str, StringConstraints(max_length=500)]
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CaseCount = Annotated[int, Field(ge=0, le=10**9)]
MAX_METRICS = 32


class EmbedderChoice(ApiRequest):
    """Another model than the settings', run as they say."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(description="Folder, hub name, or name at the server.")
    query_prefix: Prefix = Field(default="", description="Put before a query.")
    document_prefix: Prefix = Field(default="", description="Put before a chunk.")
    max_tokens: int | None = Field(default=None, gt=0, description="Its window, where it should be smaller than the model says.")


class ReindexRequest(ApiRequest):
    """With what a vector store is re-indexed."""

    embedder: EmbedderChoice | None = Field(default=None, description="By default the settings' embedder.")
    chunking_strategy: ChunkingStrategy | None = Field(
        default=None, description="How all its files are cut; by default each as it is cut now."
    )


class FlipRequest(ApiRequest):
    """Whether to flip without what failed."""

    accept_missing: bool = Field(
        default=False,
        description="Flip also where files have no new version; they are not found until they have, or it is flipped back.",
    )


class Spread(ApiRequest):
    """A mean over the cases with its 95 % interval."""

    mean: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    n: CaseCount


class MetricFigures(ApiRequest):
    """One metric of both, and the mean of the cases' differences, new less old."""

    old: Spread
    new: Spread
    difference: Spread


class ComparisonFigures(ApiRequest):
    """How old and new compare on labelled questions: figures alone, no text."""

    metrics: dict[MetricName, MetricFigures] = Field(max_length=MAX_METRICS)
    n_cases: CaseCount = Field(description="Cases that were compared.")
    n_given: CaseCount = Field(description="Cases that there were.")
    worse: list[MetricName] = Field(max_length=MAX_METRICS, description="Metrics whose whole interval of the difference lies below 0.")


class ComparisonRequest(ApiRequest):
    """How old and new compare."""

    comparison: ComparisonFigures


class EmbedderShown(ApiObject):
    """The embedding recipe of a vector store."""

    space: str
    model: str
    revision: str
    dimension: int
    max_tokens: int


class ReindexFailureShown(ApiObject):
    """A file of which no new version could be built."""

    file_id: str
    filename: str
    code: str
    message: str


class ReindexProgressShown(ApiObject):
    """How far it is."""

    total: int = Field(description="Files that need a new version.")
    built: int = Field(description="Of them, those that have it.")
    failed: int = Field(description="Of them, those that have failed.")
    chunks: int = Field(description="Chunks that were built.")
    chunks_left: int = Field(description="Chunks that the rest has now.")
    chunks_per_second: float
    seconds_left: float | None = Field(description="About how long it takes yet; null before anything is built.")
    is_built: bool = Field(description="Whether it can be flipped.")
    is_settled: bool = Field(description="Whether nothing goes on by itself: each file is built or has failed.")
    failures: list[ReindexFailureShown] = Field(description="The first hundred files that failed, as far as the caller may read them.")


class FlipShown(ApiObject):
    """What a flip, or a flip back, did."""

    shown: int = Field(description="Files that are shown now.")
    missing: int = Field(description="Files that are not found for now.")
    queued: int = Field(description="Of them, those that are being read.")


class Reindex(ApiObject):
    """A re-indexing of a vector store."""

    id: str
    object: Literal["vector_store.reindex"] = "vector_store.reindex"
    vector_store_id: str
    status: Status
    created_at: int
    flipped_at: int | None = omitted()
    keep_until: int | None = omitted(description="When what was shown before is dropped.")
    finished_at: int | None = omitted()
    embedder: EmbedderShown
    previous_embedder: EmbedderShown | None = omitted()
    chunking_strategy: ChunkingStrategyShown | None = omitted()
    progress: ReindexProgressShown
    comparison: ComparisonFigures | None = omitted()
    flip: FlipShown | None = omitted()


def reindex(record: ReindexRecord, progress: ReindexProgress, *, caller: Caller, flipped: Flipped | None = None) -> Reindex:
    """Return a re-indexing as the API shows it to this caller."""
    return Reindex(
        id=record.id,
        vector_store_id=record.collection_id,
        status=_STATUS[record.state],
        created_at=unix_seconds(record.created_at),
        flipped_at=None if record.flipped_at is None else unix_seconds(record.flipped_at),
        keep_until=None if record.keep_until is None else unix_seconds(record.keep_until),
        finished_at=None if record.finished_at is None else unix_seconds(record.finished_at),
        embedder=_embedder(record.recipe),
        previous_embedder=None if record.previous_recipe is None else _embedder(record.previous_recipe),
        chunking_strategy=None if record.chunking is None else strategy_shown(record.chunking),
        progress=_progress(progress, caller),
        comparison=None if record.comparison is None else ComparisonFigures.model_validate(record.comparison),
        flip=None if flipped is None else FlipShown(shown=flipped.n_shown, missing=flipped.n_missing, queued=flipped.n_queued),
    )


def _embedder(recipe: EmbeddingRecipe) -> EmbedderShown:
    return EmbedderShown(
        space=recipe.space, model=recipe.model, revision=recipe.revision, dimension=recipe.dimension, max_tokens=recipe.max_tokens
    )


def _progress(progress: ReindexProgress, caller: Caller) -> ReindexProgressShown:
    return ReindexProgressShown(
        total=progress.n_total,
        built=progress.n_built,
        failed=progress.n_failed,
        chunks=progress.n_chunks,
        chunks_left=progress.n_chunks_left,
        chunks_per_second=round(progress.chunks_per_second, 2),
        seconds_left=None if progress.seconds_left is None else round(progress.seconds_left, 1),
        is_built=progress.is_built,
        is_settled=progress.is_settled,
        failures=[
            ReindexFailureShown(file_id=failure.file_id, filename=failure.filename, code=failure.code, message=failure.message)
            for failure in progress.failures
            if failure.principals & caller.principals
        ],
    )
