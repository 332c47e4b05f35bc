"""Files."""

from typing import Literal, get_args

from pydantic import Field

from footnote.core.catalog.records import FileRecord
from serving.api.schemas.api_object import ApiObject, omitted, unix_seconds

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
PURPOSES: tuple[str, ...] = get_args(Purpose)


class FileObject(ApiObject):
    """A file that was uploaded."""

    id: str
    object: Literal["file"] = "file"
    bytes: int = Field(description="Its size.")
    created_at: int = Field(description="Unix time in seconds.")
    filename: str = Field(description="Its name without folders and invisible characters.")
    purpose: str
    status: Literal["uploaded", "processed", "error"] = "processed"
    expires_at: int | None = omitted()
    sha256: str = Field(description="footnote's own: the hash of its bytes, by which a client knows what it need not send again.")


class FileList(ApiObject):
    """A page of files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(ApiObject):
    """A file is gone, with everything that was made of it."""

    id: str
    object: Literal["file"] = "file"
    deleted: bool = True


def file_object(record: FileRecord) -> FileObject:
    """Return a file as the API shows it."""
    return FileObject(
        id=record.id,
        bytes=record.size_bytes,
        created_at=unix_seconds(record.created_at),
        filename=record.filename,
        purpose=record.purpose,
        expires_at=None if record.expires_at is None else unix_seconds(record.expires_at),
        sha256=record.blob_sha256,
    )
