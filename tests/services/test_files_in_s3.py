"""A server that keeps files in S3-compatible storage: read, shown and erased like those of a folder."""

import re
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import httpx
import pytest

from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import attachments, wait_until
from tests.services.buckets import S3_ENDPOINT

CONTENT = b"# Lighthouse\n\nThe lighthouse of Skerry Holm was lit for the first time on 4 May 1871.\n"


def settings_of(bucket: str) -> dict[str, str]:
    return {
        "FOOTNOTE_BLOBS__URL": f"s3://{bucket}/files",
        "FOOTNOTE_BLOBS__ENDPOINT": str(S3_ENDPOINT),
        "FOOTNOTE_BLOBS__KEY": "key",
        "FOOTNOTE_BLOBS__SECRET": "secret",
        "FOOTNOTE_BLOBS__REGION": "us-east-1",
    }


def n_blobs(bucket: str) -> int:
    """Count the objects that are bytes of files, by their names."""
    with build_opener(ProxyHandler({})).open(f"{S3_ENDPOINT}/{bucket}?list-type=2", timeout=30) as listing:
        return len(re.findall(rb"<Key>files/[0-9a-f]{2}/[0-9a-f]{62}</Key>", listing.read()))


@pytest.mark.slow
def test_a_document_goes_from_the_bucket_into_answers_and_leaves_both(bucket: str, tmp_path: Path):
    with (
        ServerProcess(tmp_path / "data", **settings_of(bucket)) as server,
        httpx.Client(base_url=f"{server.url}/v1", trust_env=False, timeout=60) as client,
    ):
        sent = client.post("/files", files={"file": ("note.md", CONTENT)}, data={"purpose": "assistants"}).json()
        client.post("/vector_stores/vs_default/files", json={"file_id": sent["id"]}).raise_for_status()
        wait_until(lambda: attachments(server.url)[0]["status"] == "completed")
        assert n_blobs(bucket) == 1
        assert client.get(f"/files/{sent['id']}/content").content == CONTENT
        found = client.post("/vector_stores/vs_default/search", json={"query": "When was the lighthouse lit?"}).json()
        assert "1871" in found["data"][0]["content"][0]["text"]
        assert [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()] == [], "nothing of it stays here"
        assert client.delete(f"/files/{sent['id']}").json()["deleted"]
        assert n_blobs(bucket) == 0
        assert "Traceback" not in server.log()


def test_a_bucket_that_is_not_there_is_one_message(bucket: str, tmp_path: Path):
    failed = footnote(tmp_path / "data", "serve", "--port", "0", **settings_of("not-there"))
    assert failed.returncode == 2, "as for other settings"
    assert "There is no bucket not-there" in failed.stderr
    assert "Traceback" not in failed.stderr
