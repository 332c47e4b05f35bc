"""A catalog as the first schema held it: documents in every state, twins, turns, evaluation and tuning. Rows as they lay in the tables."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

BEGAN = datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC)
EMBEDDING = {"model": "all-MiniLM-L6-v2", "revision": "abc", "dimensions": 384, "max_tokens": 256}
OLDER_EMBEDDING = {**EMBEDDING, "revision": "before"}
TEXT = "Ebbe und Flut folgen dem Mond. 潮汐は月に従う。 The spring tide 🌊 is higher.\nΗ παλίρροια."
CITATION = {"passage": 1, "start": 0, "end": 30, "quote": TEXT[:30], "page": 1, "score": 0.91, "marked": True}
CLAIM = {"start": 0, "end": 13, "verdict": "supported", "score": 0.91, "citations": [CITATION], "replaced": False}
SPANS = ((0, 30), (31, 39), (40, len(TEXT)))


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def hash_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return the rows by table, in an order in which what is referred to comes first."""
    return {
        "blobs": [_blob("tides", 2), _blob("moon", 1), _blob("large", 1, size_bytes=9_000_000_000)],
        "files": [
            _file("file-1", "ann", "tides", "Gezeiten – März.txt"),
            _file("file-2", "ann", "tides", "Gezeiten – März.txt"),
            _file("file-3", "ben", "moon", 'moon "full".md', media_type=None),
            _file("file-4", "ben", "large", "large.bin", size_bytes=9_000_000_000, expires_at=at(1e6)),
        ],
        "uploads": [
            {
                "id": "upload-1",
                "owner": "ann",
                "filename": "parts.pdf",
                "purpose": "assistants",
                "size_bytes": 5_000_000_000,
                "state": "pending",
                "parts": [{"n": 1, "sha256": hash_of("part")}],
                "file_id": None,
                "created_at": at(1),
                "expires_at": at(60),
            }
        ],
        "collections": [
            _collection("vs_default", "footnote", "default"),
            _collection(
                "vs_1",
                "ann",
                "sea",
                details={"topic": "tides", "empty": ""},
                chunking={"kind": "static", "max_tokens": 200, "overlap_tokens": 20},
            ),
        ],
        "collection_principals": [
            {"collection_id": "vs_default", "principal": "everyone"},
            {"collection_id": "vs_1", "principal": "owner:ann"},
            {"collection_id": "vs_1", "principal": "group:sea"},
        ],
        "file_batches": [{"id": "batch_1", "collection_id": "vs_1", "owner": "ann", "created_at": at(2), "cancelled_at": None}],
        "attachments": [
            _attachment(
                "att_1", "vs_1", "file-1", "ann", job="job_1", batch="batch_1", attributes={"year": 2026, "draft": False, "name": "é"}
            ),
            _attachment("att_2", "vs_1", "file-2", "ann", twin_of="att_1", attributes={"year": 2026, "draft": False, "name": "é"}),
            _attachment("att_3", "vs_default", "file-3", "ben", job="job_2"),
            _attachment("att_4", "vs_default", "file-4", "ben", job="job_3"),
            _attachment("att_5", "vs_default", "file-1", "ann", job="job_4"),
        ],
        "documents": [
            {
                "id": "doc_1",
                "owner": "ann",
                "blob_sha256": hash_of("tides"),
                "parser": "1/txt",
                "text": TEXT,
                "elements": [["text", 0, len(TEXT), 1, [0.0, 1.5, 20.25, 30.0], None, 0, None]],
                "media_type": "text/plain",
                "title": "Gezeiten",
                "language": "de",
                "n_pages": 3,
                "notes": ["Broken encoding was repaired in 1 passages."],
                "created_at": at(3),
            }
        ],
        "versions": [
            _version("ver_0", "att_1", "retired", embedding=OLDER_EMBEDDING, minutes=3),
            _version("ver_1", "att_1", "live", embedding=EMBEDDING, minutes=4, n_chunks=3, n_points=3),
            _version("ver_2", "att_5", "pending", embedding=EMBEDDING, minutes=5),
            _version("ver_3", None, "retired", embedding=OLDER_EMBEDDING, minutes=1),
        ],
        "chunks": [
            {
                "id": f"chunk_{ordinal}",
                "version_id": "ver_1",
                "ordinal": ordinal,
                "start": start,
                "end": end,
                "text": TEXT[start:end],
                "context": "Gezeiten > Mond",
                "page": ordinal + 1,
                "page_starts": [[0, 1], [31, 2]],
                "n_tokens": 9,
            }
            for ordinal, (start, end) in enumerate(SPANS)
        ],
        "jobs": [
            _job("job_1", "ann", "att_1", "completed", version="ver_1", attempt=1, counts={"pages": 3, "chunks": 3}, finished_at=at(4)),
            _job("job_2", "ben", "att_3", "queued", not_before=at(5)),
            _job("job_3", "ben", "att_4", "failed", attempt=4, error_code="unsupported_file", error_message="Not read.", finished_at=at(9)),
            _job("job_4", "ann", "att_5", "embedding", version="ver_2", attempt=1, lease_owner="host-1-abc", lease_until=at(6)),
        ],
        "workers": [
            {
                "id": "host-1-abc",
                "host": "host",
                "process_id": 2**22,
                "application_version": "0.1.0",
                "started_at": at(0),
                "heartbeat_at": at(6),
            }
        ],
        "leases": [{"name": "sweeper", "holder": "host-1-abc", "until": at(7), "fencing_token": 12}],
        "releases": [
            {
                "id": "rel_1",
                "owner": "footnote",
                "principals": ["everyone"],
                "manifest": {"generator": {"kind": "local"}},
                "created_at": at(0),
            }
        ],
        "traffic": [{"release_id": "rel_1", "role": "champion", "share": 0.9, "since": at(0)}],
        "audit": [
            {"id": "aud_1", "at": at(0), "actor": "footnote", "action": "promote", "subject": "rel_1", "reason": "first", "details": {}}
        ],
        "turns": [
            {
                "id": "turn_1",
                "owner": "ann",
                "principals": ["owner:ann"],
                "conversation": "conv",
                "release_id": "rel_1",
                "asked_at": at(10),
                "question": "Wem folgt die Flut?",
                "history": [],
                "query": "Wem folgt die Flut?",
                "collection_ids": ["vs_1"],
                "prompt": [{"role": "user", "content": "…"}],
                "draft": "Dem Mond [1].",
                "shown": "Dem Mond [1].",
                "changes": [],
                "claims": [CLAIM],
                "draft_claims": [],
                "abstained": False,
                "finish_reason": "stop",
                "prompt_tokens": 120,
                "completion_tokens": 6,
                "timings_ms": {"retrieve": 12.5},
                "error_code": None,
            }
        ],
        "turn_passages": [
            {
                "turn_id": "turn_1",
                "n": 1,
                "attachment_id": "att_1",
                "version_id": "ver_1",
                "chunk_ids": ["chunk_0"],
                "start": 0,
                "end": 30,
                "score": 0.03278688524590164,
                "similarity": 0.8123456789012345,
            }
        ],
        "feedback": [
            {"id": "fb_1", "turn_id": "turn_1", "owner": "ann", "rating": "up", "comment": "gut", "correction": None, "created_at": at(11)}
        ],
        "evaluation_sets": [
            {
                "id": "set_1",
                "owner": "ann",
                "principals": ["owner:ann"],
                "name": "sea",
                "number": 1,
                "kind": "golden",
                "sha256": hash_of("set"),
                "created_at": at(12),
            }
        ],
        "evaluation_cases": [
            {
                "id": "case_1",
                "set_id": "set_1",
                "key": "k",
                "attachment_id": "att_1",
                "turn_id": "turn_1",
                "labels": {"answerable": True},
                "tombstone": False,
            }
        ],
        "evaluation_runs": [
            {
                "id": "run_1",
                "owner": "ann",
                "principals": ["owner:ann"],
                "set_id": "set_1",
                "release_id": "rel_1",
                "job_id": None,
                "configuration": {},
                "created_at": at(13),
                "finished_at": None,
            }
        ],
        "case_scores": [
            {
                "run_id": "run_1",
                "case_id": "case_1",
                "metric": "faithfulness",
                "judge": "local",
                "target": "draft",
                "release_id": "rel_1",
                "turn_id": "turn_1",
                "value": 0.5,
                "failure_code": None,
            }
        ],
        "reports": [{"id": "rep_1", "owner": "ann", "principals": [], "run_id": "run_1", "body": {"mean": 0.5}, "created_at": at(14)}],
        "training_sets": [
            {"id": "tset_1", "owner": "ann", "principals": [], "sha256": hash_of("training"), "card": {"n": 1}, "created_at": at(15)}
        ],
        "training_rows": [
            {
                "id": "trow_1",
                "set_id": "tset_1",
                "turn_id": "turn_1",
                "attachment_ids": ["att_1"],
                "rule": "corrected",
                "prompt": [{"role": "user", "content": "Wem?"}],
                "target": "Dem Mond.",
                "rejected": None,
            }
        ],
        "adapters": [
            {
                "id": "adp_1",
                "owner": "ann",
                "principals": [],
                "base_model": "SmolLM2",
                "base_revision": "main",
                "training_set_id": "tset_1",
                "location": "models/adp_1",
                "details": {"rank": 16},
                "created_at": at(16),
            }
        ],
        "erasures": [{"id": "rcpt_1", "owner": "ann", "file_id": "file-0", "receipt": {"points": 3}, "created_at": at(17)}],
    }


def _blob(name: str, n_references: int, *, size_bytes: int = 90) -> dict[str, Any]:
    return {"sha256": hash_of(name), "size_bytes": size_bytes, "n_references": n_references, "created_at": at(0)}


def _file(file_id: str, owner: str, blob: str, filename: str, **others: Any) -> dict[str, Any]:
    row = {"media_type": "text/plain", "size_bytes": 90, "expires_at": None, **others}
    return {
        "id": file_id,
        "owner": owner,
        "blob_sha256": hash_of(blob),
        "filename": filename,
        "purpose": "assistants",
        "created_at": at(1),
    } | row


def _collection(collection_id: str, owner: str, name: str, **others: Any) -> dict[str, Any]:
    row = {"description": None, "details": {}, "chunking": None, "embedding_recipe": None, "replaces_by_name": False}
    moments = {"created_at": at(0), "last_active_at": at(1), "expires_after_days": None}
    return {"id": collection_id, "owner": owner, "name": name, **row, **moments, **others}


def _attachment(
    attachment_id: str,
    collection_id: str,
    file_id: str,
    owner: str,
    *,
    job: str | None = None,
    batch: str | None = None,
    twin_of: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    references = {"collection_id": collection_id, "file_id": file_id, "batch_id": batch, "twin_of_id": twin_of, "job_id": job}
    content = {"principals": sorted(["everyone", f"owner:{owner}"]), "attributes": attributes or {}, "chunking": None}
    return {"id": attachment_id, "owner": owner, "replaces_id": None, "created_at": at(2), **references, **content}


def _version(
    version_id: str, attachment: str | None, state: str, *, embedding: dict[str, Any], minutes: float, n_chunks: int = 0, n_points: int = 0
) -> dict[str, Any]:
    recipe = {"parser": "1/txt", "chunking": {"max_tokens": 200}, "embedding": embedding}
    content = {"content_sha256": hash_of("tides"), "recipe": recipe, "recipe_sha256": hash_of(str(recipe))}
    moments = {
        "created_at": at(minutes),
        "live_at": at(minutes + 1) if state in ("live", "retired") else None,
        "retired_at": at(minutes + 2) if state == "retired" else None,
    }
    document = "doc_1" if attachment == "att_1" else None
    made = {"attachment_id": attachment, "document_id": document, "state": state, "n_chunks": n_chunks, "n_points": n_points}
    return {"id": version_id, **made, **content, **moments}


def _job(job_id: str, owner: str, attachment_id: str, state: str, *, version: str | None = None, **others: Any) -> dict[str, Any]:
    lease = {"attempt": 0, "lease_owner": None, "lease_until": None, "fencing_token": 1, "not_before": None}
    outcome = {"counts": {}, "step_seconds": {"parse": 0.25}, "error_code": None, "error_message": None, "cancel_requested": False}
    moments = {"created_at": at(2), "started_at": at(3), "finished_at": None}
    what = {
        "id": job_id,
        "kind": "ingest",
        "owner": owner,
        "attachment_id": attachment_id,
        "version_id": version,
        "subject": {},
        "state": state,
    }
    return {**what, **lease, **outcome, **moments, **others}
