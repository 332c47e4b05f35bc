"""Vector stores, which footnote calls collections."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footnote.core.catalog.records import CollectionRecord, FileCounts, Usage
from serving.api.schemas.api_object import ApiObject, ApiRequest, Metadata, omitted, unix_seconds
from serving.api.schemas.chunking import ChunkingStrategy

Name = Annotated[str, StringConstraints(max_length=256)]
Principal = Annotated[str, StringConstraints(min_length=1, max_length=255)]
FileId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ExpiresAfter(ApiRequest):
    """When a vector store counts as expired."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)


class CreateVectorStore(ApiRequest):
    """A new vector store."""

    name: Name = ""
    description: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    file_ids: list[FileId] = Field(default=[], max_length=500, description="Files to attach at once.")
    expires_after: ExpiresAfter | None = None
    chunking_strategy: ChunkingStrategy | None = Field(
        default=None, description="How files of this vector store are cut, where attaching them does not say it itself."
    )
    metadata: Metadata | None = None
    principals: list[Principal] | None = Field(
        default=None,
        max_length=100,
        description="footnote's own: who may read it, beside its owner. By default what the setting `default_principals` says.",
    )
    replaces_by_name: bool = Field(
        default=False,
        description="footnote's own: a file takes the place of the one of the same name that its owner attached before, once it is read.",
    )


class UpdateVectorStore(ApiRequest):
    """What is given is changed, the rest stays."""

    name: Name | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None
    replaces_by_name: bool | None = Field(default=None, description="footnote's own: as at creation; it holds for what is attached later.")


class FileCountsShown(ApiObject):
    """Files by state, of those that the caller may read."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class SpaceShown(ApiObject):
    """Where the vectors of a vector store lie."""

    space: str | None = Field(description="Names the embedding recipe; null before anything was embedded.")
    embedder: str | None = Field(description="The model that made them.")
    recipe_differs: bool = Field(description="Whether the settings name another recipe by now: `footnote reindex` brings it over.")


class VectorStore(ApiObject):
    """A vector store."""

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    description: str | None = omitted()
    usage_bytes: int = Field(description="The size of all its files that the caller may read.")
    file_counts: FileCountsShown
    status: Literal["expired", "in_progress", "completed"]
    last_active_at: int
    metadata: dict[str, str]
    expires_after: ExpiresAfter | None = omitted()
    expires_at: int | None = omitted()
    principals: list[str] = Field(description="footnote's own: who may read it.")
    replaces_by_name: bool = Field(description="footnote's own: whether a file takes the place of one of the same name.")
    footnote: SpaceShown


class VectorStoreList(ApiObject):
    """A page of vector stores."""

    object: Literal["list"] = "list"
    data: list[VectorStore]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VectorStoreDeleted(ApiObject):
    """A vector store is gone; its files stay."""

    id: str
    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    deleted: bool = True


def file_counts(counts: FileCounts) -> FileCountsShown:
    """Return counts as the API shows them."""
    return FileCountsShown(
        in_progress=counts.in_progress,
        completed=counts.completed,
        failed=counts.failed,
        cancelled=counts.cancelled,
        total=counts.total,
    )


def vector_store(record: CollectionRecord, usage: Usage, *, settings_space: str) -> VectorStore:
    """Return a collection as the API shows it; ``settings_space`` is where the settings' embedder makes its vectors."""
    days = record.expires_after_days
    expires_at = None if days is None else record.last_active_at + timedelta(days=days)
    return VectorStore(
        id=record.id,
        created_at=unix_seconds(record.created_at),
        name=record.name,
        description=record.description,
        usage_bytes=usage.n_bytes,
        file_counts=file_counts(usage.counts),
        status=_status(usage.counts, expires_at=expires_at),
        last_active_at=unix_seconds(record.last_active_at),
        metadata=dict(record.details),
        expires_after=None if days is None else ExpiresAfter(anchor="last_active_at", days=days),
        expires_at=None if expires_at is None else unix_seconds(expires_at),
        principals=sorted(record.principals),
        replaces_by_name=record.replaces_by_name,
        footnote=SpaceShown(
            space=record.space,
            embedder=record.embedding_model,
            recipe_differs=record.space is not None and record.space != settings_space,
        ),
    )


def _status(counts: FileCounts, *, expires_at: datetime | None) -> Literal["expired", "in_progress", "completed"]:
    if expires_at is not None and expires_at <= datetime.now(UTC):
        return "expired"
    return "in_progress" if counts.in_progress else "completed"
