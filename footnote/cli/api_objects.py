"""What the API answers, as far as the command line reads it. Fields that it does not need are passed over."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AttachmentState = Literal["in_progress", "completed", "failed", "cancelled"]


class ApiObject(BaseModel):
    """An object of the API; unknown fields are allowed, as the API may grow."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Collection(ApiObject):
    """A vector store."""

    id: str = Field(description="Its id.")
    name: str = Field(description="Its name.")


class UploadedFile(ApiObject):
    """A file of the caller's. ``sha256`` is its content's hash, in hexadecimal digits."""

    id: str
    filename: str
    bytes: int
    sha256: str


class LastError(ApiObject):
    """Why an attachment failed."""

    code: str
    message: str


class IngestionJob(ApiObject):
    """How far an attachment is: the state of its job, counts of pages, chunks and the like, what takes whose place, and notes."""

    state: str
    attempt: int = 0
    searchable: bool = False
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    replaces: list[str] = Field(default_factory=list[str])
    replaced_by: str | None = None
    source: str | None = None
    notes: list[str] = Field(default_factory=list[str])


class Attachment(ApiObject):
    """A file in a collection."""

    id: str
    created_at: int
    status: AttachmentState
    usage_bytes: int
    last_error: LastError | None = None
    filename: str
    job: IngestionJob = Field(alias="footnote")


class HitText(ApiObject):
    """A piece of a hit's text, with its page where the format has pages."""

    text: str
    page: int | None = None


class SearchHit(ApiObject):
    """A chunk that a search found. ``similarity`` is its cosine with the query."""

    file_id: str
    filename: str
    similarity: float
    content: list[HitText]


class FileCitation(ApiObject):
    """A citation as the message's annotations carry it; ``start`` and ``end`` are the quote's place in the document's text."""

    file_id: str
    start: int
    end: int
    quote: str
    page: int | None = None


class Claim(ApiObject):
    """A sentence of the answer."""

    start: int = Field(description="Where it begins in the answer's text, in code points.")
    end: int = Field(description="Where it ends.")
    verdict: Literal["supported", "unsupported", "unchecked"] = Field(description="Whether the passages support it.")
    score: float | None = Field(default=None, description="How well, from 0 to 1.")
    citations: list[int] = Field(description="Numbers of the passages that it rests on.")
    replaced: bool = Field(description="Whether it is a quote in the place of an unsupported sentence.")


class Passage(ApiObject):
    """A passage as numbered in the answer."""

    n: int = Field(description="Its number.")
    file_id: str = Field(description="The file it stands in.")
    filename: str = Field(description="That file's name.")
    vector_store_id: str = Field(description="The collection's id.")
    chunk_ids: list[str] = Field(description="The chunks that it covers.")
    page: int | None = Field(default=None, description="Its page, where the format has pages.")
    heading: str = Field(description="The headings above it.")
    start: int = Field(description="Where it begins in the document's text, in code points.")
    end: int = Field(description="Where it ends.")
    score: float = Field(description="By which passages are ordered.")
    text: str = Field(description="Its text.")


class Footnote(ApiObject):
    """The ``footnote`` object that closes an answer."""

    turn_id: str
    release: str
    query: str
    abstained: bool
    claims: list[Claim]
    passages: list[Passage]
    timings_ms: dict[str, float]


class PartState(ApiObject):
    """What a part of the server says about itself."""

    name: str
    ready: bool
    detail: str
    facts: dict[str, str | int | float | bool | None]


class Readiness(ApiObject):
    """Whether a question can be answered now."""

    parts: list[PartState]
