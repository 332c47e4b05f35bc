"""Backups of a server that is at work: what was asked before is answered the same by what was restored elsewhere."""

import json
from pathlib import Path

import httpx

from footnote.cli.json_documents import BackupDocument, RestoreDocument
from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import attach_all, attachments, n_points, under_way, wait_until, write_documents

QUESTION = "How many millimetres of rain did Station 0-7 measure?"


def ask(url: str) -> dict:
    body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, trust_env=False, timeout=120).json()
    passages = [{name: passage[name] for name in ("text", "start", "end", "filename")} for passage in answer["footnote"]["passages"]]
    return {"text": answer["choices"][0]["message"]["content"], "claims": answer["footnote"]["claims"], "passages": passages}


def all_done(url: str) -> bool:
    return all(each["status"] == "completed" for each in attachments(url))


def test_a_backup_that_was_made_while_documents_came_in_answers_as_the_server_did(tmp_path: Path):
    first, *others = write_documents(tmp_path / "reports")
    with ServerProcess(tmp_path / "data", FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS="8") as server:
        attach_all(server.url, [first])
        wait_until(lambda: all_done(server.url))
        attach_all(server.url, others)
        wait_until(lambda: under_way(server.url))
        made = footnote(tmp_path / "data", "backup", str(tmp_path / "backups"), "--json")
        assert made.returncode == 0, made.stderr
        backup = BackupDocument.model_validate_json(made.stdout)
        assert not all_done(server.url), "the backup was to be made while documents came in"
        assert not (tmp_path / "data" / "index-snapshot").exists()
        assert (backup.files, backup.damaged) == (len(others) + 1, [])
        wait_until(lambda: all_done(server.url))
        expected, n_expected = ask(server.url), n_points(server.url)

    checked = footnote(tmp_path / "elsewhere", "backup", str(tmp_path / "backups"), "--verify", "--json")
    assert json.loads(checked.stdout)["ok"] is True
    restored = footnote(tmp_path / "elsewhere", "restore", str(tmp_path / "backups"), "--json")
    assert restored.returncode == 0, restored.stderr
    assert RestoreDocument.model_validate_json(restored.stdout).versions_to_read_again == 0

    with ServerProcess(tmp_path / "elsewhere") as server:
        # What had come in is finished there, and nothing of it is there twice.
        wait_until(lambda: all_done(server.url))
        assert len(attachments(server.url)) == len(others) + 1
        assert n_points(server.url) == n_expected
        assert ask(server.url) == expected
