"""What the catalog hands out: frozen records, no rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from footnote.core.types import Attributes, Caller, ChunkingRecipe, JobState, VersionState


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that somebody uploaded."""

    id: str
    owner: str
    blob_sha256: str
    filename: str
    purpose: str
    media_type: str | None
    size_bytes: int
    created_at: datetime
    expires_at: datetime | None


class UploadState(StrEnum):
    """``pending`` while parts may be sent; the others are final."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class UploadPart:
    """A part of a large file, whose bytes are stored."""

    id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """A large file that arrives in parts; ``file`` is there once it is completed."""

    id: str
    owner: str
    filename: str
    purpose: str
    size_bytes: int
    state: UploadState
    parts: tuple[UploadPart, ...]
    created_at: datetime
    expires_at: datetime
    file: FileRecord | None


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A collection; ``principals`` may read it, ``details`` is the caller's own metadata.

    ``space`` and ``embedding_model`` say where its vectors lie, and what made them; None before its first version.
    """

    id: str
    owner: str
    principals: frozenset[str]
    name: str
    description: str | None
    details: Mapping[str, str]
    chunking: ChunkingRecipe | None
    created_at: datetime
    last_active_at: datetime
    expires_after_days: int | None
    replaces_by_name: bool = False
    space: str | None = None
    embedding_model: str | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When it is no longer searched, unless it is used before; None where it never expires."""
        return expiry_of(self.last_active_at, self.expires_after_days)


def expiry_of(last_active_at: datetime, expires_after_days: int | None) -> datetime | None:
    """Return when a collection expires that was last used then."""
    return None if expires_after_days is None else last_active_at + timedelta(days=expires_after_days)


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Attachments of a collection by the state that the API shows."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.in_progress + self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Usage:
    """What a collection, or a batch, holds for one caller: attachments by state, and the bytes of their files."""

    counts: FileCounts = FileCounts()
    n_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """Files that were attached by one request."""

    id: str
    collection_id: str
    owner: str
    created_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands. ``counts`` are pages, chunks and the like; ``step_seconds`` the time of each step that is done."""

    id: str
    kind: str
    owner: str
    attachment_id: str
    version_id: str | None
    state: JobState
    attempt: int
    fencing_token: int
    counts: Mapping[str, int]
    step_seconds: Mapping[str, float]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttachmentRecord:
    """A file in a collection, with its newest job.

    Args:
        live_version_id: what search sees of it, or None; it may be there while a newer version is built, and after that has failed.
        replaces: the files whose place it takes as soon as it can be searched.
        replaced_by: the file that takes its place then, or None.
        source: where its bytes came from, in its owner's words, or None.
        took_over: former attachments under whose ids points of its versions stand in the index.
        notes: what people should know of the document that search sees: what was left out or repaired.
        nearly_the_same_as: the name of another file of the owner's, or None; a reader of this one need not know that it exists.
        change: the change of attributes that has just been written, for whoever lets the index follow it; None where it is only read.
    """

    id: str
    collection_id: str
    file: FileRecord
    owner: str
    principals: frozenset[str]
    attributes: Attributes
    chunking: ChunkingRecipe | None
    created_at: datetime
    job: JobRecord
    live_version_id: str | None
    replaces: tuple[str, ...] = ()
    replaced_by: str | None = None
    source: str | None = None
    took_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    nearly_the_same_as: str | None = None
    change: str | None = None

    def notes_for(self, caller: Caller) -> tuple[str, ...]:
        """Return the notes that somebody may read who may read the attachment."""
        if self.nearly_the_same_as is None or caller.owner != self.owner:
            return self.notes
        return (*self.notes, f"Nearly the same as {self.nearly_the_same_as}.")


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """A change of an attachment's attributes that the index may not show yet."""

    id: str
    attachment_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """An attachment's content under one recipe."""

    id: str
    attachment_id: str
    document_id: str | None
    content_sha256: str
    recipe_sha256: str
    state: VersionState
    n_chunks: int


@dataclass(frozen=True, slots=True)
class View:
    """What a search may see, noted when it begins: whatever is published or flipped while it runs, its result is of this one view.

    Args:
        spaces: the space of each collection that is searched; None where it has no version yet.
        editions: the edition of each collection that is shown; None is the one that was there before any re-indexing.
        other_editions: editions that points of these collections may have beside the ones shown.
        hidden: versions of the editions shown that a search must leave out, because they are not live.
        preview: a re-indexing that is searched in place of what its collection shows, or None.
    """

    spaces: Mapping[str, str | None]
    editions: Mapping[str, str | None]
    other_editions: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    preview: str | None = None


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A range of the text of a version's document."""

    version_id: str
    start: int
    end: int
