"""Files in a vector store, which footnote calls attachments."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.records import AttachmentRecord, JobRecord
from footnote.core.catalog.states import ApiState, api_state
from footnote.core.errors import FILE_FAULTS
from footnote.core.types import Caller
from serving.api.schemas.api_object import ApiObject, ApiRequest, AttributePairs, omitted, unix_seconds
from serving.api.schemas.chunking import ChunkingStrategy, ChunkingStrategyShown, recipe_of, strategy_shown
from serving.api.schemas.vector_stores import FileId

LastErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]
_LAST_ERROR_CODES: dict[str, LastErrorCode] = {
    "unsupported_file": "unsupported_file",
    "invalid_file": "invalid_file",
    **dict.fromkeys(FILE_FAULTS, "invalid_file"),
}


class AttachFile(ApiRequest):
    """A file to attach."""

    file_id: FileId
    attributes: AttributePairs | None = None
    chunking_strategy: ChunkingStrategy | None = None
    replaces: FileId | Annotated[list[FileId], Field(max_length=100)] | None = Field(
        default=None,
        description="footnote's own: the file (or files) in this vector store whose place it takes as soon as it has been read. Attributes "
        "and chunking that are not given are taken over from it.",
    )
    source: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        default=None,
        description="footnote's own: where the file comes from, in the caller's own words. It takes the place of what the caller attached "
        "from there before.",
    )


class UpdateAttributes(ApiRequest):
    """Attributes that take the place of those before."""

    attributes: AttributePairs | None


class LastError(ApiObject):
    """Why a file could not be read."""

    code: LastErrorCode
    message: str


class Progress(ApiObject):
    """footnote's own: how far reading has come.

    `error_code` says why it failed, more exactly than `last_error.code` can; docs/reading-files.md lists the codes.
    """

    job_id: str
    state: str = Field(description="queued, parsing, cleaning, chunking, embedding, writing, completed, failed or cancelled.")
    attempt: int
    counts: dict[str, int] = Field(description="Pages, elements, chunks and the like, as far as they are known.")
    step_seconds: dict[str, float] = Field(description="The time that each step took.")
    searchable: bool = Field(description="Whether searches find it; also while it is read again, and after that has failed.")
    replaces: list[str] | None = omitted(description="The files whose place it takes as soon as it has been read.")
    replaced_by: str | None = omitted(description="The file that takes its place as soon as that has been read.")
    source: str | None = omitted(description="Where it comes from, in its owner's words.")
    error_code: str | None = omitted()
    notes: list[str] | None = omitted(
        description="What to know of the text that searches find: what was left out or repaired, and which other file is nearly the same."
    )
    created_at: int = Field(description="When the job was queued.")
    started_at: int | None = omitted()
    finished_at: int | None = omitted()


class VectorStoreFile(ApiObject):
    """A file in a vector store; ``id`` is the file's own."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    vector_store_id: str
    status: ApiState
    usage_bytes: int
    last_error: LastError | None = None
    attributes: dict[str, bool | float | str]
    chunking_strategy: ChunkingStrategyShown
    filename: str = Field(description="footnote's own.")
    footnote: Progress


class VectorStoreFileList(ApiObject):
    """A page of files in a vector store."""

    object: Literal["list"] = "list"
    data: list[VectorStoreFile]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VectorStoreFileDeleted(ApiObject):
    """A file is no longer in the vector store; the file itself stays."""

    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: bool = True


class ContentPart(ApiObject):
    """A part of a document's text."""

    type: Literal["text"] = "text"
    text: str
    page: int | None = omitted()


class FileContent(ApiObject):
    """A document's text: the parts, joined without a separator, are the text that all offsets point into."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[ContentPart]
    has_more: bool = False
    next_page: str | None = None


def new_attachment(wanted: AttachFile) -> NewAttachment:
    """Return what a request wants to be attached."""
    return NewAttachment(
        file_id=wanted.file_id,
        attributes=wanted.attributes,
        chunking=recipe_of(wanted.chunking_strategy),
        replaces=(wanted.replaces,) if isinstance(wanted.replaces, str) else tuple(wanted.replaces or ()),
        source=wanted.source,
    )


def vector_store_file(record: AttachmentRecord, *, caller: Caller) -> VectorStoreFile:
    """Return an attachment as the API shows it to one of its readers."""
    return VectorStoreFile(
        id=record.file.id,
        created_at=unix_seconds(record.created_at),
        vector_store_id=record.collection_id,
        status=api_state(record.job.state),
        usage_bytes=record.file.size_bytes,
        last_error=_last_error(record.job),
        attributes=dict(record.attributes),
        chunking_strategy=strategy_shown(record.chunking),
        filename=record.file.filename,
        footnote=_progress(record, caller),
    )


def _last_error(job: JobRecord) -> LastError | None:
    if api_state(job.state) != "failed":
        return None
    code = _LAST_ERROR_CODES.get(job.error_code or "", "server_error")
    return LastError(code=code, message=job.error_message or "Reading the file failed, and no reason was noted.")


def _progress(record: AttachmentRecord, caller: Caller) -> Progress:
    job = record.job
    return Progress(
        job_id=job.id,
        state=job.state.value,
        attempt=job.attempt,
        counts=dict(job.counts),
        step_seconds={step: round(seconds, 3) for step, seconds in job.step_seconds.items()},
        searchable=record.live_version_id is not None,
        replaces=list(record.replaces) or None,
        replaced_by=record.replaced_by,
        source=record.source,
        error_code=job.error_code if api_state(job.state) == "failed" else None,
        notes=list(record.notes_for(caller)) or None,
        created_at=unix_seconds(job.created_at),
        started_at=None if job.started_at is None else unix_seconds(job.started_at),
        finished_at=None if job.finished_at is None else unix_seconds(job.finished_at),
    )
