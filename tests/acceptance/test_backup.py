"""Backups of a server that is at work: what was asked before is answered the same by what was restored elsewhere."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from zlib import crc32

import httpx
import numpy as np

from footnote.cli.json_documents import BackupDocument, RestoreDocument
from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import attach_all, attachments, n_points, under_way, wait_until, write_documents
from tests.retrieval.embedder.embedding_server import EmbeddingServer

LAMP = "The lamp of the harbour office is replaced in May."
QUESTION = "When is the lamp of the harbour office replaced?"
"""Only one passage has to do with it: of many that are equally near, each index takes others."""


def ask(url: str) -> dict:
    body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, trust_env=False, timeout=120).json()
    nearest = answer["footnote"]["passages"][0]
    return {
        "nearest": {name: nearest[name] for name in ("text", "start", "end", "filename")},
        "says_so": "replaced in May" in answer["choices"][0]["message"]["content"],
        "verdicts": [claim["verdict"] for claim in answer["footnote"]["claims"]][:1],
    }


def all_done(url: str) -> bool:
    return all(each["status"] == "completed" for each in attachments(url))


def vectors_of_words(texts: list[str]) -> np.ndarray:
    """Return a vector for each text that counts its words: enough for a question to be near its passage, and the same everywhere."""
    vectors = np.zeros((len(texts), 256), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            row[crc32(word.encode()) % 256] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def unfinished(backup: Path) -> list[str]:
    """Return the states of the jobs that are not done in the catalog of a backup."""
    with closing(sqlite3.connect(backup)) as catalog:
        return [state for (state,) in catalog.execute("SELECT state FROM jobs") if state != "completed"]


def test_a_backup_that_was_made_while_documents_came_in_answers_as_the_server_did(tmp_path: Path):
    """The embedder holds one document between its first and its last chunk until the backup is there, however fast the machine is."""
    first, *others = write_documents(tmp_path / "reports")
    lamp = first.with_name("lamp.md")
    lamp.write_text(LAMP, encoding="utf-8")
    embedder = EmbeddingServer(vectors_of_words, holds=lambda texts: any("Station 3-30 measured" in text for text in texts))
    with embedder.running():
        settings = {
            "FOOTNOTE_EMBEDDER__KIND": "openai",
            "FOOTNOTE_EMBEDDER__MODEL": "words",
            "FOOTNOTE_EMBEDDER__BASE_URL": embedder.base_url,
            "FOOTNOTE_EMBEDDER__TIMEOUT_S": "600",
            "FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS": "8",
        }
        with ServerProcess(tmp_path / "data", **settings) as server:
            attach_all(server.url, [first, lamp])
            wait_until(lambda: all_done(server.url))
            attach_all(server.url, others)
            wait_until(embedder.held.is_set)
            assert under_way(server.url)
            made = footnote(tmp_path / "data", "backup", str(tmp_path / "backups"), "--json", **settings)
            assert made.returncode == 0, made.stderr
            backup = BackupDocument.model_validate_json(made.stdout)
            assert not (tmp_path / "data" / "index-snapshot").exists()
            assert (backup.files, backup.damaged) == (len(others) + 2, [])
            assert not all_done(server.url), "the backup was to be made while documents came in"
            embedder.let_go.set()
            wait_until(lambda: all_done(server.url))
            expected, n_expected = ask(server.url), n_points(server.url)
            assert (expected["nearest"]["text"], expected["says_so"]) == (LAMP, True)

        checked = footnote(tmp_path / "elsewhere", "backup", str(tmp_path / "backups"), "--verify", "--json", **settings)
        assert json.loads(checked.stdout)["ok"] is True
        restored = footnote(tmp_path / "elsewhere", "restore", str(tmp_path / "backups"), "--json", **settings)
        assert restored.returncode == 0, restored.stderr
        assert RestoreDocument.model_validate_json(restored.stdout).versions_to_read_again == 0
        assert unfinished(tmp_path / "elsewhere" / "catalog.sqlite"), "what had not come in yet is in the backup as it was"

        with ServerProcess(tmp_path / "elsewhere", **settings) as server:
            # What had come in is finished there, and nothing of it is there twice.
            wait_until(lambda: all_done(server.url))
            assert len(attachments(server.url)) == len(others) + 2
            assert n_points(server.url) == n_expected
            assert ask(server.url) == expected
