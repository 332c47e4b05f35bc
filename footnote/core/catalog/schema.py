"""The catalog's tables, whole: also those that evaluation and tuning fill.

Owner and principals stand on everything that somebody could be refused. Document text stands in ``documents`` and ``chunks`` alone, and
what quotes it (turns, cases, training rows) names the attachment it came from, so that erasing finds it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from footnote.core.catalog.json_text import WrittenJson
from footnote.core.catalog.moment import Moment
from footnote.core.catalog.storable_text import StorableText

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can drop it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, Json: JSON, list[Any]: JSON, str: StorableText}  # noqa: RUF012 - SQLAlchemy reads it as it is


def _id() -> Mapped[str]:
    return mapped_column(String(64), primary_key=True)


def _reference(target: str, *, cascade: bool = True, nullable: bool = False, index: bool = True) -> Mapped[Any]:
    return mapped_column(String(64), ForeignKey(target, ondelete="CASCADE" if cascade else "RESTRICT"), nullable=nullable, index=index)


# ------------------------------------------------------------------------------------------------------------------- files and blobs


class Blob(Base):
    """Stored bytes, shared by all files that have them; gone when nobody refers to them."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = _id()
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    n_references: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]


class File(Base):
    """Bytes that somebody uploaded: each upload is a file of its own."""

    __tablename__ = "files"
    id: Mapped[str] = _id()
    owner: Mapped[str] = mapped_column(index=True)
    blob_sha256: Mapped[str] = _reference("blobs.sha256", cascade=False)
    filename: Mapped[str] = mapped_column(index=True)
    purpose: Mapped[str]
    media_type: Mapped[str | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class Upload(Base):
    """A large file that arrives in parts."""

    __tablename__ = "uploads"
    id: Mapped[str] = _id()
    owner: Mapped[str] = mapped_column(index=True)
    filename: Mapped[str]
    purpose: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    parts: Mapped[list[Any]]
    file_id: Mapped[str | None] = _reference("files.id", nullable=True)
    file_expires_after_s: Mapped[int | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Installation(Base):
    """The one row says whose catalog this is; a restored one gets another id."""

    __tablename__ = "installations"
    id: Mapped[str] = _id()
    created_at: Mapped[datetime]


# ------------------------------------------------------------------------------------------------------------------------ collections


class Space(Base):
    """An embedding recipe that versions were made with, and how its embedder is built; keys are never kept."""

    __tablename__ = "spaces"
    name: Mapped[str] = _id()
    embedding_recipe: Mapped[Json]
    embedder: Mapped[Json | None]
    created_at: Mapped[datetime]


class Collection(Base):
    """A set of attachments with one index recipe: ``space`` names the recipe of its vectors, from its first version on.

    ``edition`` names the re-indexing whose versions are shown; none has been flipped to where it is null.
    """

    __tablename__ = "collections"
    id: Mapped[str] = _id()
    owner: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    description: Mapped[str | None]
    details: Mapped[Json]
    chunking: Mapped[Json | None]
    embedding_recipe: Mapped[Json | None]
    space: Mapped[str | None] = mapped_column(String(64))
    edition: Mapped[str | None] = mapped_column(String(64))
    replaces_by_name: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime]
    expires_after_days: Mapped[int | None]


class CollectionPrincipal(Base):
    """Who may read a collection."""

    __tablename__ = "collection_principals"
    collection_id: Mapped[str] = mapped_column(String(64), ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    principal: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)


class FileBatch(Base):
    """Files that were attached by one request."""

    __tablename__ = "file_batches"
    id: Mapped[str] = _id()
    collection_id: Mapped[str] = _reference("collections.id")
    owner: Mapped[str]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class Attachment(Base):
    """A file in a collection, with attributes and principals.

    ``twin_of_id`` names the attachment with the same bytes, owner, principals and attributes in the same collection whose chunks stand
    for this one too; a twin has no versions and no job of its own. ``replaced_by_id`` names the one that takes this one's place as soon as
    it can be searched. ``source`` says where the bytes came from, in the client's own words: what comes from there next takes its place.
    ``took_over`` are attachments that went and whose versions are this one's now: the points of those carry the former ids.
    """

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("collection_id", "file_id"),)
    id: Mapped[str] = _id()
    collection_id: Mapped[str] = _reference("collections.id")
    file_id: Mapped[str] = _reference("files.id")
    batch_id: Mapped[str | None] = mapped_column(String(64), index=True)
    replaced_by_id: Mapped[str | None] = mapped_column(String(64), index=True)
    twin_of_id: Mapped[str | None] = mapped_column(String(64), index=True)
    job_id: Mapped[str | None] = mapped_column(String(64))
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    attributes: Mapped[Json]
    chunking: Mapped[Json | None]
    source: Mapped[str | None] = mapped_column(index=True)
    took_over: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]


class AttributeChange(Base):
    """A change of an attachment's attributes that its points may not show yet.

    It is kept by the write that changes them, and goes when the points have followed: what a process that was killed has left is found.
    """

    __tablename__ = "attribute_changes"
    id: Mapped[str] = _id()
    attachment_id: Mapped[str] = _reference("attachments.id")
    created_at: Mapped[datetime]


class FormerAttachment(Base):
    """Which file an attachment was of that is gone: turns, cases and training rows still name it, and erasing the file finds them.

    It outlives the file too: a turn that is kept only now, and names it, is then known to be of an erased file.
    """

    __tablename__ = "former_attachments"
    id: Mapped[str] = _id()
    file_id: Mapped[str] = mapped_column(String(64), index=True)


class Document(Base):
    """What a parser made of a blob, once for each owner: the text that every offset points into."""

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("owner", "blob_sha256", "parser"),)
    id: Mapped[str] = _id()
    owner: Mapped[str]
    blob_sha256: Mapped[str] = _reference("blobs.sha256")
    parser: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    elements: Mapped[list[Any]] = mapped_column(WrittenJson)
    media_type: Mapped[str]
    title: Mapped[str | None]
    language: Mapped[str | None]
    n_pages: Mapped[int | None]
    notes: Mapped[list[Any]]
    fingerprint: Mapped[str | None] = mapped_column(String(256))
    near_duplicate_of_id: Mapped[str | None] = mapped_column(String(64))
    redactions: Mapped[Json] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class DocumentBand(Base):
    """A number that a document's fingerprint has in common with those of documents like it, see ``footnote.core.fingerprints``."""

    __tablename__ = "document_bands"
    document_id: Mapped[str] = mapped_column(String(64), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    band: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)


class Version(Base):
    """An attachment's content under one recipe of parser, chunker and embedder. At most one of an attachment is live.

    ``space`` names the embedding recipe whose index its points are in, ``edition`` the re-indexing that it was made for or after. A version
    outlives its attachment, retired and without chunks, until its points have left the index: so none is ever forgotten there. One that was
    given up while a worker built it tells in ``writer`` and ``written_until`` who may still write points of it, and until when.
    """

    __tablename__ = "versions"
    __table_args__ = (Index("ix_versions_attachment_id_state", "attachment_id", "state"),)
    id: Mapped[str] = _id()
    attachment_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("attachments.id", ondelete="SET NULL"))
    document_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("documents.id", ondelete="SET NULL"), index=True)
    content_sha256: Mapped[str] = mapped_column(String(64), index=True)
    recipe: Mapped[Json]
    recipe_sha256: Mapped[str] = mapped_column(String(64))
    space: Mapped[str | None] = mapped_column(String(64), index=True)
    edition: Mapped[str | None] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    n_chunks: Mapped[int] = mapped_column(default=0)
    n_points: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    live_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    writer: Mapped[str | None] = mapped_column(String(96), index=True)
    written_until: Mapped[datetime | None]


class Reindex(Base):
    """A new version of every attachment of a collection, built beside the live ones and shown by one write."""

    __tablename__ = "reindexes"
    id: Mapped[str] = _id()
    collection_id: Mapped[str] = _reference("collections.id")
    owner: Mapped[str]
    state: Mapped[str] = mapped_column(String(16), index=True)
    chunking: Mapped[Json | None]
    embedder: Mapped[Json | None]
    embedding_recipe: Mapped[Json]
    space: Mapped[str] = mapped_column(String(64))
    previous: Mapped[Json]
    comparison: Mapped[Json | None]
    created_at: Mapped[datetime]
    flipped_at: Mapped[datetime | None]
    keep_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Chunk(Base):
    """A contiguous span of a document."""

    __tablename__ = "chunks"
    __table_args__ = (UniqueConstraint("version_id", "ordinal"),)
    id: Mapped[str] = _id()
    version_id: Mapped[str] = _reference("versions.id", index=False)
    ordinal: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    text: Mapped[str]
    context: Mapped[str]
    page: Mapped[int | None]
    page_starts: Mapped[list[Any]]
    n_tokens: Mapped[int]


# ------------------------------------------------------------------------------------------------------------------------------- jobs


class Job(Base):
    """Work with a lease and a fencing token: a late write with an old token is refused."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_owner_created_at", "state", "owner", "created_at", "id"),
        Index("ix_jobs_owner_started_at", "owner", "started_at"),
        Index("ix_jobs_lease_owner_state", "lease_owner", "state"),
    )
    id: Mapped[str] = _id()
    kind: Mapped[str] = mapped_column(String(32))
    owner: Mapped[str]
    attachment_id: Mapped[str | None] = _reference("attachments.id", nullable=True)
    version_id: Mapped[str | None] = mapped_column(String(64))
    subject: Mapped[Json]
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    cut_offs: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    fencing_token: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    counts: Mapped[Json]
    step_seconds: Mapped[Json]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Worker(Base):
    """A process that takes jobs, and when it was last heard of."""

    __tablename__ = "workers"
    id: Mapped[str] = _id()
    host: Mapped[str]
    process_id: Mapped[int]
    application_version: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]


class Lease(Base):
    """What only one process may do at a time."""

    __tablename__ = "leases"
    name: Mapped[str] = _id()
    holder: Mapped[str]
    until: Mapped[datetime]
    fencing_token: Mapped[int]


# -------------------------------------------------------------------------------------------------------------- releases and turns


class Release(Base):
    """An immutable record of all that determines an answer."""

    __tablename__ = "releases"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    manifest: Mapped[Json]
    created_at: Mapped[datetime]


class Traffic(Base):
    """Which release answers which share of questions; the champion takes what is left."""

    __tablename__ = "traffic"
    release_id: Mapped[str] = mapped_column(String(64), ForeignKey("releases.id", ondelete="RESTRICT"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    share: Mapped[float]
    since: Mapped[datetime]


class AuditEntry(Base):
    """Who or what changed a release's fate, and why."""

    __tablename__ = "audit"
    id: Mapped[str] = _id()
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    details: Mapped[Json]


class Turn(Base):
    """A question and its answer; from ``erased_at`` on without the texts that came from an erased file.

    One with a ``run_id`` was asked by an evaluation and not by a person; it goes with its run.
    """

    __tablename__ = "turns"
    id: Mapped[str] = _id()
    owner: Mapped[str] = mapped_column(index=True)
    principals: Mapped[list[Any]]
    conversation: Mapped[str] = mapped_column(index=True)
    release_id: Mapped[str] = _reference("releases.id", cascade=False)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    question: Mapped[str]
    history: Mapped[list[Any]]
    query: Mapped[str]
    collection_ids: Mapped[list[Any]]
    prompt: Mapped[list[Any]]
    draft: Mapped[str]
    shown: Mapped[str]
    changes: Mapped[list[Any]]
    claims: Mapped[list[Any]]
    draft_claims: Mapped[list[Any]]
    abstained: Mapped[bool]
    finish_reason: Mapped[str]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    timings_ms: Mapped[Json]
    error_code: Mapped[str | None]
    erased_at: Mapped[datetime | None]
    run_id: Mapped[str | None] = mapped_column(String(64), index=True)
    answer_hash: Mapped[str | None] = mapped_column(String(32), index=True)


class TurnPassage(Base):
    """A passage that a turn put into its prompt: ids and offsets, no text."""

    __tablename__ = "turn_passages"
    turn_id: Mapped[str] = mapped_column(String(64), ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    attachment_id: Mapped[str] = mapped_column(String(64), index=True)
    version_id: Mapped[str] = mapped_column(String(64))
    chunk_ids: Mapped[list[Any]]
    start: Mapped[int]
    end: Mapped[int]
    score: Mapped[float]
    similarity: Mapped[float]


class Feedback(Base):
    """What somebody thought of a turn: the last they said of it."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("turn_id", "owner"),)
    id: Mapped[str] = _id()
    turn_id: Mapped[str] = _reference("turns.id")
    owner: Mapped[str]
    rating: Mapped[str] = mapped_column(String(8))
    comment: Mapped[str | None]
    correction: Mapped[str | None]
    created_at: Mapped[datetime]


# ------------------------------------------------------------------------------------------------------------- evaluation and tuning


class EvaluationSet(Base):
    """A version of a set of cases."""

    __tablename__ = "evaluation_sets"
    __table_args__ = (UniqueConstraint("owner", "name", "number"),)
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    name: Mapped[str]
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class EvaluationCase(Base):
    """A question with its labels; a tombstone, without them, where a document that they quote was erased.

    ``key`` is the case's own id, the same in each version of a set, and ``ordinal`` its place among the cases.
    """

    __tablename__ = "evaluation_cases"
    __table_args__ = (UniqueConstraint("set_id", "key"), Index("ix_evaluation_cases_set_id_ordinal", "set_id", "ordinal"))
    id: Mapped[str] = _id()
    set_id: Mapped[str] = _reference("evaluation_sets.id", index=False)
    key: Mapped[str]
    ordinal: Mapped[int]
    turn_id: Mapped[str | None] = mapped_column(String(64), index=True)
    labels: Mapped[Json]
    tombstone: Mapped[bool] = mapped_column(Boolean, default=False)


class EvaluationCaseAttachment(Base):
    """A document that a case's labels quote or name. Erasing any of them makes a tombstone of the case."""

    __tablename__ = "evaluation_case_attachments"
    case_id: Mapped[str] = mapped_column(String(64), ForeignKey("evaluation_cases.id", ondelete="CASCADE"), primary_key=True)
    attachment_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


class Eval(Base):
    """What runs ask, and which criteria their answers are held to, as it was asked for over the API."""

    __tablename__ = "evals"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    name: Mapped[str]
    metadata_: Mapped[Json] = mapped_column("metadata")
    data_source: Mapped[Json]
    criteria: Mapped[list[Any]]
    created_at: Mapped[datetime]


class EvaluationRun(Base):
    """One pass of one release over one set."""

    __tablename__ = "evaluation_runs"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    set_id: Mapped[str] = _reference("evaluation_sets.id", cascade=False)
    release_id: Mapped[str] = _reference("releases.id", cascade=False)
    job_id: Mapped[str | None] = mapped_column(String(64))
    eval_id: Mapped[str | None] = mapped_column(String(64), index=True)
    configuration: Mapped[Json]
    state: Mapped[str] = mapped_column(String(16), default="queued", index=True)
    counts: Mapped[Json] = mapped_column(default=dict)
    error_code: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class RunAnswer(Base):
    """Which turn answered a case in a run, or why none did; ``judges`` have scored it to the end, also where they had nothing to say."""

    __tablename__ = "run_answers"
    run_id: Mapped[str] = mapped_column(String(64), ForeignKey("evaluation_runs.id", ondelete="CASCADE"), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(64), ForeignKey("evaluation_cases.id", ondelete="CASCADE"), primary_key=True)
    turn_id: Mapped[str | None] = mapped_column(String(64), index=True)
    error_code: Mapped[str | None]
    judges: Mapped[list[Any]] = mapped_column(default=list)
    answered_at: Mapped[datetime]


class CaseScore(Base):
    """One metric of one case: a value, or the code of the failure to have one. ``details`` are numbers and ids."""

    __tablename__ = "case_scores"
    run_id: Mapped[str] = mapped_column(String(64), ForeignKey("evaluation_runs.id", ondelete="CASCADE"), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(64), ForeignKey("evaluation_cases.id", ondelete="CASCADE"), primary_key=True)
    metric: Mapped[str] = mapped_column(String(64), primary_key=True)
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    target: Mapped[str] = mapped_column(String(8), primary_key=True)
    release_id: Mapped[str] = _reference("releases.id", cascade=False)
    turn_id: Mapped[str | None] = mapped_column(String(64))
    value: Mapped[float | None] = mapped_column(Float)
    failure_code: Mapped[str | None]
    details: Mapped[Json] = mapped_column(default=dict)


class Report(Base):
    """What a run came to: numbers and ids, rendered when read."""

    __tablename__ = "reports"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    run_id: Mapped[str] = _reference("evaluation_runs.id")
    body: Mapped[Json]
    created_at: Mapped[datetime]


class JudgeQuality(Base):
    """How well a judge agrees with one set of labels: figures alone."""

    __tablename__ = "judge_qualities"
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    revision: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str]
    figures: Mapped[Json]
    measured_at: Mapped[datetime]


class Night(Base):
    """A moment of the schedule all of whose runs have been begun; the first one is when the schedule began."""

    __tablename__ = "nights"
    moment: Mapped[datetime] = mapped_column(primary_key=True)
    begun_at: Mapped[datetime]


class NightRun(Base):
    """Which run was begun for which set on which night. It stays when its run is deleted: that one is not begun again."""

    __tablename__ = "night_runs"
    moment: Mapped[datetime] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64))


class Alert(Base):
    """Something that an operator was told of, by numbers; it stands until it has cleared."""

    __tablename__ = "alerts"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(String(64), index=True)
    facts: Mapped[Json]
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]


class Delivery(Base):
    """A report or an alert (one of the two) that a channel is owed. ``error`` says why the last try failed."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("report_id", "channel"), UniqueConstraint("alert_id", "channel"))
    id: Mapped[str] = _id()
    channel: Mapped[str] = mapped_column(String(16))
    report_id: Mapped[str | None] = _reference("reports.id", nullable=True, index=False)
    alert_id: Mapped[str | None] = _reference("alerts.id", nullable=True, index=False)
    state: Mapped[str] = mapped_column(String(16), index=True)
    n_tries: Mapped[int]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class TrainingSet(Base):
    """A version of a set of training examples."""

    __tablename__ = "training_sets"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    sha256: Mapped[str] = mapped_column(String(64))
    card: Mapped[Json]
    created_at: Mapped[datetime]


class TrainingRow(Base):
    """One example, with the turn and the attachments that it came from."""

    __tablename__ = "training_rows"
    id: Mapped[str] = _id()
    set_id: Mapped[str] = _reference("training_sets.id")
    turn_id: Mapped[str | None] = mapped_column(String(64))
    attachment_ids: Mapped[list[Any]]
    rule: Mapped[str]
    prompt: Mapped[list[Any]]
    target: Mapped[str]
    rejected: Mapped[str | None]


class Adapter(Base):
    """A LoRA adapter, named by the hash of its content."""

    __tablename__ = "adapters"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    principals: Mapped[list[Any]]
    base_model: Mapped[str]
    base_revision: Mapped[str]
    training_set_id: Mapped[str | None] = _reference("training_sets.id", cascade=False, nullable=True)
    location: Mapped[str]
    details: Mapped[Json]
    created_at: Mapped[datetime]


class Erasure(Base):
    """The receipt of an erased file: counts, no text. One that is not finished is gone on with when a process starts."""

    __tablename__ = "erasures"
    id: Mapped[str] = _id()
    owner: Mapped[str]
    file_id: Mapped[str] = mapped_column(String(64), index=True)
    receipt: Mapped[Json]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
