"""The domain's own types: what rooms hand to each other. No vendor's type and no ``dict[str, Any]`` crosses a room's border.

Offsets everywhere count Unicode code points of the document's text, pages start at 1, ranges are half-open.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

AttributeValue = str | float | bool
Attributes = Mapping[str, AttributeValue]

EVERYONE = "everyone"
"""The principal that each caller has, and that a collection carries when nobody restricted it."""


# ------------------------------------------------------------------------------------------------------------------------- documents


class ElementKind(StrEnum):
    """What a parsed piece is; the words are unstructured's element types, reduced to what chunking tells apart."""

    TITLE = "title"
    TEXT = "text"
    LIST_ITEM = "list_item"
    TABLE = "table"
    CAPTION = "caption"
    CODE = "code"
    FORMULA = "formula"
    IMAGE = "image"
    HEADER = "header"
    FOOTER = "footer"
    PAGE_BREAK = "page_break"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page in points (1/72 inch), the origin in the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Element:
    """A parsed piece as it stands in the document's text: ``document.text[start:end]``.

    A table's rows are lines and its cells are separated by `` | ``; its first ``n_header_rows`` lines are its header.
    """

    kind: ElementKind
    start: int
    end: int
    page: int | None = None
    box: Box | None = None
    level: int | None = None
    n_header_rows: int = 0
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, and its elements in reading order, not overlapping, each inside the text.

    ``n_pages`` is None for formats without pages. ``notes`` says what was repaired or left out, for people to read;
    ``redactions`` counts the personal data that was replaced by marks, by kind. ``fingerprint`` is that of ``footnote.core.fingerprints``,
    None where the text is short.
    """

    text: str
    elements: tuple[Element, ...]
    media_type: str
    title: str | None = None
    n_pages: int | None = None
    language: str | None = None
    notes: tuple[str, ...] = ()
    fingerprint: str | None = None
    redactions: Mapping[str, int] = field(default_factory=dict[str, int])


PageStarts = tuple[tuple[int, int], ...]
"""Pairs of offset and page, in order: from the offset on, text stands on that page. Empty where the format has no pages."""


def page_at(page_starts: PageStarts, offset: int, *, default: int | None) -> int | None:
    """Return the page on which the text at ``offset`` stands; ``default`` before the first start, and where there is none."""
    pages = [page for start, page in page_starts if start <= offset]
    return pages[-1] if pages else default


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous span of a document: ``document.text[start:end] == text``, exactly.

    ``context`` (heading path, table caption and header) is embedded and prompted before the text, and has no offsets.
    ``n_tokens`` counts context and text with the embedder's own tokenizer, without special tokens. ``page`` is where it begins,
    ``page_starts`` the further pages that it reaches.
    """

    id: str
    ordinal: int
    start: int
    end: int
    text: str
    context: str
    page: int | None
    n_tokens: int
    page_starts: PageStarts = ()

    @property
    def embedded_text(self) -> str:
        """What the embedder and BM25 see: the context, a line break, the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text


class VersionState(StrEnum):
    """``pending`` while it is built, ``live`` when search may see it, ``retired`` when a later one took its place, ``failed``.

    Re-indexing has two more, both whole and hidden: ``built`` waits for its collection to be flipped to it, ``kept`` was live before.
    """

    PENDING = "pending"
    BUILT = "built"
    LIVE = "live"
    KEPT = "kept"
    RETIRED = "retired"
    FAILED = "failed"


class JobState(StrEnum):
    """The way of an ingestion job; the last three are final."""

    QUEUED = "queued"
    PARSING = "parsing"
    CLEANING = "cleaning"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    WRITING = "writing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


# --------------------------------------------------------------------------------------------------------------------------- recipes


@dataclass(frozen=True, slots=True)
class EmbeddingRecipe:
    """All that determines a vector. Two collections of points may share an index only when their recipes are equal."""

    model: str
    revision: str
    dimension: int
    max_tokens: int
    query_prefix: str = ""
    document_prefix: str = ""

    @property
    def space(self) -> str:
        """Name the space that the vectors lie in: 16 hexadecimal digits that differ where anything in the recipe does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ChunkingRecipe:
    """All that determines chunks, given a document and a tokenizer. Sizes count the embedder's tokens."""

    kind: Literal["auto", "static"]
    max_tokens: int
    overlap_tokens: int
    version: int = 1


# ---------------------------------------------------------------------------------------------------------------------------- access


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and where they may look: a required argument of every search, applied in the engine, failing closed.

    Args:
        collection_ids: the collections to search; none means that nothing is found.
        principals: what the caller is; a point is seen when it carries at least one of them; none means that nothing is found.
    """

    collection_ids: frozenset[str]
    principals: frozenset[str]

    @property
    def sees_nothing(self) -> bool:
        return not self.collection_ids or not self.principals


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: the owner of what it creates, and its principals.

    ``is_operator`` is who runs the server, and decides about what belongs to nobody in particular. No key makes one an operator.
    """

    owner: str
    principals: frozenset[str]
    is_operator: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition on an attribute. A point without the attribute fulfils only ``ne`` and ``nin``."""

    operator: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: str
    value: AttributeValue | tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined by ``and`` or ``or``."""

    operator: Literal["and", "or"]
    filters: tuple["Filter", ...]


Filter = Comparison | Combination


# ------------------------------------------------------------------------------------------------------------------------- retrieval


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the catalog keeps it, with what is needed to cite it."""

    id: str
    version_id: str
    attachment_id: str
    file_id: str
    filename: str
    collection_id: str
    attributes: Attributes
    ordinal: int
    start: int
    end: int
    text: str
    context: str
    page: int | None
    n_tokens: int
    page_starts: PageStarts = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found.

    ``score`` is the fused score by which hits are ordered; ``similarity`` is the cosine of query and chunk, which is comparable
    between queries and decides on abstention.
    """

    chunk: StoredChunk
    score: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Passage:
    """Text as numbered in a prompt: one contiguous span ``document.text[start:end] == text`` and the chunks that it covers.

    ``page`` is where it begins; what is quoted from it may stand on a later one, see ``page_of``.
    """

    n: int
    file_id: str
    filename: str
    collection_id: str
    attachment_id: str
    version_id: str
    chunk_ids: tuple[str, ...]
    page: int | None
    heading: str
    context: str
    start: int
    end: int
    text: str
    score: float
    similarity: float
    page_starts: PageStarts = ()

    def page_of(self, offset: int) -> int | None:
        """Return the page on which the document's text at ``offset`` stands."""
        return page_at(self.page_starts, offset, default=self.page)


# ------------------------------------------------------------------------------------------------------------------------- answering


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a dialogue."""

    role: Literal["system", "user", "assistant"]
    content: str


class Verdict(StrEnum):
    """Whether a claim rests on the passages: judged to, judged not to, or not judged (nothing to judge, or no judge at hand)."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Citation:
    """From a claim to the span of a passage that supports it. ``start`` and ``end`` point into the document's text."""

    passage: int
    start: int
    end: int
    quote: str
    page: int | None
    score: float
    marked: bool
    """True where the model wrote the marker itself, False where the best-supporting passage was found for it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer; ``start`` and ``end`` point into the text shown.

    ``replaced`` is True where policy `quote` put a quote in the place of what the model wrote.
    """

    start: int
    end: int
    verdict: Verdict
    score: float | None
    citations: tuple[Citation, ...] = ()
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class DraftClaim:
    """A sentence of a draft with its verdict; ``start`` and ``end`` point into the draft."""

    start: int
    end: int
    verdict: Verdict
    score: float | None


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens as the generator counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Release:
    """An immutable record of all that determines an answer; ``id`` is made from the hash of ``manifest``."""

    id: str
    manifest: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage as a turn keeps it: ids and offsets alone; its text is read from the document when the turn is shown."""

    n: int
    attachment_id: str
    version_id: str
    chunk_ids: tuple[str, ...]
    start: int
    end: int
    score: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer with everything needed to score it, explain it, and answer it again.

    From ``erased_at`` on it has no text any more: a file that it quotes was erased. One with a ``run_id`` was asked by an evaluation, not
    by a person, and goes with its run.
    """

    id: str
    owner: str
    principals: frozenset[str]
    conversation: str
    release_id: str
    asked_at: datetime
    question: str
    history: tuple[Message, ...]
    query: str
    collection_ids: tuple[str, ...]
    prompt: tuple[Message, ...]
    passages: tuple[StoredPassage, ...]
    draft: str
    shown: str
    changes: tuple[str, ...]
    claims: tuple[Claim, ...]
    draft_claims: tuple[DraftClaim, ...]
    abstained: bool
    finish_reason: str
    usage: TokenUsage
    timings_ms: Mapping[str, float]
    error_code: str | None = None
    erased_at: datetime | None = None
    run_id: str | None = None


# ---------------------------------------------------------------------------------------------------------------------------- health


Fact = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PartHealth:
    """Whether a part can do its work, with one sentence for people."""

    name: str
    ready: bool
    detail: str
    facts: Mapping[str, Fact] = field(default_factory=dict[str, Fact])


def heading_of(context: str) -> str:
    """Return the heading path of a chunk's context: its first line."""
    return context.split("\n", 1)[0]


def all_ready(parts: Sequence[PartHealth]) -> bool:
    return all(part.ready for part in parts)
