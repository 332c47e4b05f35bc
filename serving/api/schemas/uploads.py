"""Large files that arrive in parts."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footnote.core.catalog.records import PartialUpload, UploadPart
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted, unix_seconds
from serving.api.schemas.files import FileObject, Purpose, file_object

PartId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class FileExpiresAfter(ApiRequest):
    """When the file counts as expired."""

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3_600, le=2_592_000)


class CreateUpload(ApiRequest):
    """A file that is announced."""

    bytes: int = Field(ge=1, description="Its size, all parts together.")
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
    mime_type: Annotated[str, StringConstraints(max_length=255)] = Field(description="Accepted and not used: the content says what it is.")
    purpose: Purpose
    expires_after: FileExpiresAfter | None = None


class CompleteUpload(ApiRequest):
    """The parts that make the file, in order."""

    part_ids: list[PartId] = Field(min_length=1, max_length=1_000)
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$")] | None = Field(
        default=None, description="Of the whole file, in hexadecimal digits; checked."
    )


class Upload(ApiObject):
    """A large file on its way."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int = Field(description="Its announced size.")
    created_at: int
    expires_at: int = Field(description="Until when its parts have to be there.")
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None = omitted()


class UploadPartShown(ApiObject):
    """A part that is stored."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


def upload_shown(record: PartialUpload) -> Upload:
    """Return an upload as the API shows it."""
    return Upload(
        id=record.id,
        bytes=record.size_bytes,
        created_at=unix_seconds(record.created_at),
        expires_at=unix_seconds(record.expires_at),
        filename=record.filename,
        purpose=record.purpose,
        status=record.state.value,
        file=None if record.file is None else file_object(record.file),
    )


def part_shown(part: UploadPart, *, upload_id: str, created_at: int) -> UploadPartShown:
    """Return a part as the API shows it."""
    return UploadPartShown(id=part.id, created_at=created_at, upload_id=upload_id)
