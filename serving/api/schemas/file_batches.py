"""Batches of files in a vector store."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.records import BatchRecord, FileCounts
from serving.api.schemas.api_object import ApiObject, ApiRequest, AttributePairs, unix_seconds
from serving.api.schemas.chunking import ChunkingStrategy, recipe_of
from serving.api.schemas.vector_store_files import AttachFile, new_attachment
from serving.api.schemas.vector_stores import FileCountsShown, FileId, file_counts

MAX_FILES = 2_000

BatchStatus = Literal["in_progress", "completed", "cancelled", "failed"]


class CreateFileBatch(ApiRequest):
    """Files to attach by one request: by their ids alone, or each with wishes of its own."""

    file_ids: Annotated[list[FileId], Field(min_length=1, max_length=MAX_FILES)] | None = None
    files: Annotated[list[AttachFile], Field(min_length=1, max_length=MAX_FILES)] | None = None
    attributes: AttributePairs | None = Field(default=None, description="For all of `file_ids`.")
    chunking_strategy: ChunkingStrategy | None = Field(default=None, description="For all of `file_ids`.")

    @model_validator(mode="after")
    def _one_kind(self) -> "CreateFileBatch":
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("give either file_ids or files")
        if self.files is not None and (self.attributes is not None or self.chunking_strategy is not None):
            raise ValueError("with files, attributes and chunking_strategy belong to each file")
        return self

    def wanted(self) -> list[NewAttachment]:
        """Return what is to be attached."""
        if self.files is not None:
            return [new_attachment(each) for each in self.files]
        chunking = recipe_of(self.chunking_strategy)
        return [NewAttachment(each, attributes=self.attributes, chunking=chunking) for each in self.file_ids or ()]


class FileBatch(ApiObject):
    """Files that were attached by one request. Those that were taken out of the vector store since do not count."""

    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: BatchStatus = Field(description="`failed` where no file could be read; where only some could, `completed`.")
    file_counts: FileCountsShown


def file_batch(record: BatchRecord, counts: FileCounts) -> FileBatch:
    """Return a batch as the API shows it."""
    return FileBatch(
        id=record.id,
        created_at=unix_seconds(record.created_at),
        vector_store_id=record.collection_id,
        status=_status(record, counts),
        file_counts=file_counts(counts),
    )


def _status(record: BatchRecord, counts: FileCounts) -> BatchStatus:
    if counts.in_progress:
        return "in_progress"
    if record.cancelled_at is not None:
        return "cancelled"
    return "failed" if counts.failed and counts.failed == counts.total else "completed"
