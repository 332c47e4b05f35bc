"""What ``footnote reindex`` prints with ``--json``."""

from typing import Literal

from pydantic import Field

from footnote.cli.api_objects import Collection
from footnote.cli.json_documents import JsonDocument


class MetricDocument(JsonDocument):
    """One metric before and after, and the mean of the differences with its 95 % interval."""

    metric: str = Field(description="Its name.")
    old: float = Field(description="Its mean over the cases with what is shown now.")
    new: float = Field(description="Its mean with what was built.")
    difference: float = Field(description="The mean of new less old.")
    low: float = Field(description="Lower end of the difference's interval.")
    high: float = Field(description="Upper end; below 0 the new retrieval is worse.")


class ComparisonDocument(JsonDocument):
    """Old and new on labelled questions."""

    cases: int = Field(description="Cases that were compared.")
    metrics: list[MetricDocument] = Field(description="Recall, nDCG and reciprocal rank of gold passages.")
    worse: list[str] = Field(description="Metrics whose whole interval lies below 0.")


class ReindexFailureDocument(JsonDocument):
    """A file of which no new version could be built."""

    file_id: str = Field(description="Its id.")
    filename: str = Field(description="Its name.")
    message: str = Field(description="Why, and what to do.")


class ReindexedCollection(JsonDocument):
    """A collection and its re-indexing."""

    collection: Collection = Field(description="The collection.")
    reindex_id: str = Field(description="The re-indexing.")
    status: Literal["building", "flipped", "done", "cancelled"] = Field(description="`building` until its result is shown.")
    model: str = Field(description="The model that it embeds with.")
    previous_model: str | None = Field(description="The model of what is, or was, shown before.")
    total: int = Field(description="Files that need a new version.")
    built: int = Field(description="Of them, those that have it.")
    failed: int = Field(description="Of them, those that have failed.")
    chunks: int = Field(description="Chunks that were built.")
    chunks_per_second: float = Field(description="How many in a second.")
    seconds_left: float | None = Field(description="About how long it takes yet.")
    keep_until: int | None = Field(description="When what was shown before is dropped, in seconds since 1970 (UTC).")
    failures: list[ReindexFailureDocument] = Field(description="What failed, the first hundred.")
    comparison: ComparisonDocument | None = Field(description="Old and new on labelled questions, with `--compare`.")
    not_flipped_because: str | None = Field(description="Why it was built and not shown.")
    queued: int = Field(description="After flipping back: files that came since, and are read for the old versions.")


class RefusedCollection(JsonDocument):
    """A collection with which nothing was done, or not to the end."""

    collection: Collection = Field(description="The collection.")
    message: str = Field(description="Why.")


class ReindexDocument(JsonDocument):
    """What ``footnote reindex`` did. The exit status is 1 where a collection was refused, or was to be flipped and was not."""

    collections: list[ReindexedCollection] = Field(description="One for each collection that was not refused.")
    refused: list[RefusedCollection] = Field(default=[], description="Collections that the server refused.")
