"""The documents that ``--json`` prints. docs/command-line.md holds their schemas, generated from here and compared by a test."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from footnote.cli.api_objects import Claim, Collection, Passage, TurnPassage


class JsonDocument(BaseModel):
    """One document on standard output."""

    model_config = ConfigDict(frozen=True)


class IngestedFile(JsonDocument):
    """A file that is in the collection now."""

    path: str = Field(description="The file as it was found.")
    file_id: str = Field(description="Its id at the server.")
    bytes: int = Field(description="Its size.")
    pages: int | None = Field(description="Its pages, where the format has pages and it was read by this command.")
    chunks: int | None = Field(description="Its chunks, where it was read by this command.")


class FailedFile(JsonDocument):
    """A file that did not go in."""

    path: str = Field(description="The file as it was found.")
    code: str = Field(description="`unsupported_file`, `invalid_file`, `server_error`, `upload_failed`, `unreadable` or `cancelled`.")
    message: str = Field(description="Why, and what to do.")


class IngestDocument(JsonDocument):
    """What ``footnote ingest`` did."""

    collection: Collection = Field(description="Where the files went.")
    collection_created: bool = Field(description="Whether this command created it.")
    added: list[IngestedFile] = Field(description="What went in.")
    replaced: int = Field(description="How many files went, because a newer one took their place.")
    present: list[IngestedFile] = Field(description="What was there already: the same name and the same bytes.")
    failed: list[FailedFile] = Field(description="What failed and why. The exit status is 1 where there is any.")
    seconds: float = Field(description="How long it took.")


class SearchHitDocument(JsonDocument):
    """A chunk that was found."""

    n: int = Field(description="Rank, from 1.")
    score: float = Field(description="Cosine of query and chunk; hits of several collections are ordered by it.")
    file_id: str = Field(description="The file it stands in.")
    filename: str = Field(description="That file's name.")
    collection: Collection = Field(description="The collection it was found in.")
    page: int | None = Field(description="Its page, where the format has pages.")
    text: str = Field(description="Its text.")


class SearchDocument(JsonDocument):
    """What ``footnote search`` found."""

    query: str = Field(description="What was searched for.")
    hits: list[SearchHitDocument] = Field(description="Best first.")


class FootnoteShown(JsonDocument):
    """A footnote: a passage that the answer cites, or after an abstention one of the nearest."""

    n: int = Field(description="The number that the answer's markers have.")
    file_id: str = Field(description="The file it stands in.")
    filename: str = Field(description="That file's name.")
    page: int | None = Field(description="Its page, where the format has pages.")
    heading: str = Field(description="The headings above it.")
    quotes: list[str] = Field(description="What supports the answer, word for word.")


class AskDocument(JsonDocument):
    """What ``footnote ask`` was answered. Offsets count Unicode code points, pages start at 1."""

    question: str = Field(description="What was asked.")
    text: str = Field(description="The answer, with its `[n]` markers.")
    abstained: bool = Field(description="True where the documents hold no answer; the passages are the nearest ones then.")
    query: str = Field(description="What was searched for.")
    claims: list[Claim] = Field(description="The answer's sentences with their verdicts; offsets point into `text`.")
    footnotes: list[FootnoteShown] = Field(description="What stands under the answer, by number.")
    passages: list[Passage] = Field(description="All passages that the model was given; offsets point into the document's text.")
    turn_id: str = Field(description="The turn, for feedback.")
    release: str = Field(description="What determined the answer.")
    finish_reason: str = Field(description="`stop`, or `length` where the answer was cut off.")
    timings_ms: dict[str, float] = Field(description="Milliseconds of each stage.")


class DraftClaimShown(JsonDocument):
    """A sentence of a draft."""

    text: str = Field(description="The sentence.")
    verdict: Literal["supported", "unsupported", "unchecked"] = Field(description="Whether the passages support it.")
    score: float | None = Field(description="How well, from 0 to 1.")


class TurnDocument(JsonDocument):
    """What ``footnote turn`` shows."""

    turn_id: str = Field(description="The turn's id.")
    asked_at: int = Field(description="When it was asked, in seconds since 1970 (UTC).")
    release: str = Field(description="What determined the answer.")
    run_id: str | None = Field(description="The evaluation run that asked it; null where a person did.")
    erased_at: int | None = Field(description="When it lost its text, because a file that it quoted was erased.")
    question: str = Field(description="What was asked.")
    query: str = Field(description="What was searched for.")
    draft: str = Field(description="What the model wrote.")
    claims: list[DraftClaimShown] = Field(description="The draft's sentences with their verdicts.")
    shown: str = Field(description="What the asker got.")
    changes: list[str] = Field(description="What was changed between draft and shown text, and why.")
    abstained: bool = Field(description="True where the documents hold no answer.")
    error_code: str | None = Field(description="What broke the answer off.")
    passages: list[TurnPassage] = Field(description="All passages that the model was given.")


class StoredDocument(JsonDocument):
    """A file in a collection."""

    file_id: str = Field(description="The file's id.")
    filename: str = Field(description="Its name.")
    collection: Collection = Field(description="Where it is.")
    state: Literal["in_progress", "completed", "failed", "cancelled"] = Field(description="How far it is.")
    stage: str = Field(description="The state of its ingestion job.")
    attempt: int = Field(description="How often reading it was begun.")
    searchable: bool = Field(description="Whether searches find it; also while it is read again, and after that has failed.")
    bytes: int = Field(description="Size of the file.")
    pages: int | None = Field(description="Its pages, where the format has pages.")
    chunks: int | None = Field(description="Its chunks.")
    chunks_done: int | None = Field(description="How many of them are embedded and written.")
    replaces: list[str] = Field(description="Ids of the files whose place it takes as soon as it has been read.")
    replaced_by: str | None = Field(description="Id of the file that takes its place as soon as that has been read.")
    error: str | None = Field(description="Why it failed.")
    notes: list[str] = Field(description="What was left out or repaired, and which other file is nearly the same.")
    redacted: dict[str, int] = Field(description='How much personal data was marked in it, by kind, as `{"email_address": 2}`.')
    attached_at: int = Field(description="When it was attached, in seconds since 1970 (UTC).")


class DocumentsDocument(JsonDocument):
    """What ``footnote documents`` lists."""

    documents: list[StoredDocument] = Field(description="By collection, oldest first.")


class RefusedDocument(JsonDocument):
    """A document that stayed as it is."""

    file_id: str = Field(description="The file's id.")
    filename: str = Field(description="Its name.")
    collection: Collection = Field(description="Where it is.")
    message: str = Field(description="Why, and what to do.")


class ChangedDocuments(JsonDocument):
    """What ``footnote documents cancel``, ``retry`` and ``process`` did. The exit status is 1 where one was refused or failed."""

    action: Literal["cancel", "retry", "process"] = Field(description="What was done.")
    changed: list[StoredDocument] = Field(description="Documents as they are now; with `--wait`, when they had been read.")
    refused: list[RefusedDocument] = Field(description="Documents in a state in which this cannot be done, or somebody else's.")


class Finding(JsonDocument):
    """The result of one check."""

    check: str = Field(description="What was looked at.")
    status: Literal["ok", "warn", "fail"] = Field(description="`warn`: footnote works, but something is missing. `fail`: it does not work.")
    detail: str = Field(description="What was found.")
    advice: str | None = Field(description="What to do.")


class DoctorDocument(JsonDocument):
    """What ``footnote doctor`` found."""

    ok: bool = Field(description="False where any check failed; the exit status is 1 then.")
    findings: list[Finding] = Field(description="One for each check.")


class BackupDocument(JsonDocument):
    """What ``footnote backup`` made."""

    path: str = Field(description="The backup: its manifest.")
    created_at: str = Field(description="Its moment (ISO 8601, UTC). What changed later is not in it.")
    files: int = Field(description="Stored files in it, each once.")
    rows: int = Field(description="Rows of the catalog in it.")
    index: str = Field(description="`edge`, `qdrant`, or `none` where the index was left out.")
    bytes: int = Field(description="What it holds.")
    bytes_added: int = Field(description="What of that no earlier backup in the folder held.")
    damaged: list[str] = Field(description="sha256 of stored files that are damaged or lost where footnote keeps them: not in the backup.")
    removed: list[str] = Field(description="Older backups that were removed.")
    seconds: float = Field(description="How long it took.")


class CheckedBackup(JsonDocument):
    """A backup that was read."""

    path: str = Field(description="Its manifest.")
    ok: bool = Field(description="Whether all of it is there and unchanged.")
    complaints: list[str] = Field(description="What is wrong.")


class BackupCheckDocument(JsonDocument):
    """What ``footnote backup --verify`` found."""

    ok: bool = Field(description="False where any backup is damaged; the exit status is 1 then.")
    backups: list[CheckedBackup] = Field(description="Oldest first.")


class RestoreDocument(JsonDocument):
    """What ``footnote restore`` did."""

    path: str = Field(description="The backup that was restored.")
    created_at: str = Field(description="Its moment (ISO 8601, UTC).")
    data_dir: str = Field(description="Where it was restored to.")
    files: int = Field(description="Stored files.")
    rows: int = Field(description="Rows of the catalog.")
    points: int = Field(description="Points in the index.")
    points_dropped: int = Field(description="Points that came into the index after the catalog was copied, and were dropped.")
    versions_to_read_again: int = Field(
        description="Versions of documents that the index lacks points of: the next server reads them again."
    )
    lost: list[str] = Field(
        description="sha256 of stored files that the backup does not hold; those documents answer, but cannot be downloaded."
    )
    seconds: float = Field(description="How long it took.")
