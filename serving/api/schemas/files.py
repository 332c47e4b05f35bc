"""Files."""

from dataclasses import asdict
from typing import Literal, get_args

from pydantic import Field

from footnote.core.catalog.erasures import Receipt
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


class ErasureCountsShown(ApiObject):
    """What there is of a file. Of other owners' files with the same bytes nothing is counted."""

    attachments: int = Field(description="Vector stores that the file is in.")
    versions: int = Field(description="Its contents under one recipe each.")
    points: int = Field(description="Vectors in the index, counted exactly.")
    chunks: int
    documents: int = Field(description="Parsed texts.")
    bytes: int = Field(description="Stored bytes.")
    turns: int = Field(description="Answers that still have text and quote it, or repeat one that does.")
    feedback: int = Field(description="Comments and corrections on those.")
    cases: int = Field(description="Evaluation cases that are no tombstones.")
    training_rows: int


class ErasureReceipt(ApiObject):
    """What erasing a file came to: counts and ids, no text."""

    id: str
    object: Literal["footnote.receipt"] = "footnote.receipt"
    file_id: str
    status: Literal["begun", "erased", "done"] = Field(
        description="`begun`: no search finds it any more. `erased`: text and bytes are gone. `done`: the stores' own files are clean too."
    )
    created_at: int = Field(description="Unix time in seconds.")
    completed_at: int | None = omitted()
    before: ErasureCountsShown
    after: ErasureCountsShown | None = omitted()
    adapters: list[str] = Field(description="Adapters that were trained on rows which came from it. They stay.")
    kept_for: list[str] = Field(description="Your other files with the same bytes, for which bytes and parsed text stay.")
    purged: bool | None = omitted()


class ErasureReceiptShown(ApiObject):
    """The key `footnote` of an answer that erased something."""

    receipt: ErasureReceipt


class FileDeleted(ApiObject):
    """A file is gone, with everything that was made of it."""

    id: str
    object: Literal["file"] = "file"
    deleted: bool = True
    footnote: ErasureReceiptShown = Field(description="footnote's own: the receipt.")


def erasure_receipt(receipt: Receipt) -> ErasureReceipt:
    """Return a receipt as the API shows it."""
    return ErasureReceipt(
        id=receipt.id,
        file_id=receipt.file_id,
        status=receipt.state,
        created_at=unix_seconds(receipt.begun_at),
        completed_at=None if receipt.finished_at is None else unix_seconds(receipt.finished_at),
        before=ErasureCountsShown(**asdict(receipt.before)),
        after=None if receipt.after is None else ErasureCountsShown(**asdict(receipt.after)),
        adapters=list(receipt.adapters),
        kept_for=list(receipt.kept_for),
        purged=receipt.purged,
    )


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
