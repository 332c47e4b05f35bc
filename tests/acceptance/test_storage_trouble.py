"""A full disk, a disk that may only be read, a catalog that cannot be: said clearly, nothing lost, and on it goes once there is room."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import attachments, n_points, wait_until

DISK_BYTES = 420 * 1024 * 1024
"""The index holds 256 MiB in reserve: with less it would take nothing at all."""

LEFT_BYTES = 700 * 1024


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here to make a small disk with")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", f"size={DISK_BYTES}") as folder:
        yield folder


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Write a file that leaves so little."""
    path = disk / "filler"
    free = os.statvfs(disk)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - leave_bytes)
    return path


def send(url: str, name: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{url}/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"}, trust_env=False, timeout=120)


def attach(url: str, file_id: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/vector_stores/vs_default/files", json={"file_id": file_id}, trust_env=False, timeout=60)


def text(topic: str, n_sections: int = 40) -> bytes:
    parts = (
        f"## {topic} {n}\n\nStation {n} measured {100 + n} millimetres of rain for {topic}, and its keeper wrote it down.\n"
        for n in range(n_sections)
    )
    return f"# {topic}\n\n{''.join(parts)}".encode()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_full_disk_is_said_and_loses_nothing_and_it_goes_on_when_there_is_room(disk: Path):
    with ServerProcess(disk / "data", FOOTNOTE_INGESTION__MAX_ATTEMPTS="2") as server:
        first = send(server.url, "first.md", text("harbour")).json()["id"]
        attach(server.url, first).raise_for_status()
        wait_until(lambda: attachments(server.url)[0]["status"] == "completed")
        before = n_points(server.url)
        second = send(server.url, "second.md", text("mountain")).json()["id"]

        filler = fill(disk, leave_bytes=LEFT_BYTES)
        refused = send(server.url, "large.bin", os.urandom(4 * LEFT_BYTES))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_unavailable")
        assert "Free disk space" in refused.json()["error"]["message"]
        incoming = disk / "data" / "blobs" / ".incoming"
        assert list(incoming.iterdir()) == [], "what had come is gone"

        answer = attach(server.url, second)
        if answer.status_code == 200:  # the catalog had room for the job: reading it ends in a state with the reason
            wait_until(lambda: _of(server.url, second)["status"] in ("failed", "completed"))
            ended = _of(server.url, second)
            assert ended["status"] == "failed"
            assert "disk" in ended["last_error"]["message"].lower()
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
        assert n_points(server.url) == before
        found = httpx.post(
            f"{server.url}/v1/vector_stores/vs_default/search", json={"query": "rain in the harbour"}, trust_env=False, timeout=60
        )
        assert found.json()["data"][0]["filename"] == "first.md", "what was there is still found"

        filler.unlink()
        attach(server.url, second).raise_for_status()
        wait_until(lambda: _of(server.url, second)["status"] == "completed")
        ended = attachments(server.url)
        assert len(ended) == 2
        assert n_points(server.url) == sum(each["footnote"]["counts"]["chunks"] for each in ended)
        assert send(server.url, "large.bin", os.urandom(4 * LEFT_BYTES)).status_code == 200


def test_a_disk_that_may_only_be_read_is_one_message(tmp_path: Path):
    with mounted(tmp_path / "disk", "size=1m,ro") as disk:
        failed = footnote(disk / "data", "serve", "--port", "0")
    assert failed.returncode == 1
    assert f"{disk / 'data'}: Read-only file system" in failed.stderr
    assert "--data-dir" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("damage", ["not a database", "a folder", "cut off"])
def test_a_catalog_that_cannot_be_read_is_one_message(tmp_path: Path, damage: str, migrated_catalog: Path):
    catalog = tmp_path / "data" / "catalog.sqlite"
    catalog.parent.mkdir()
    if damage == "a folder":
        catalog.mkdir()
    else:
        content = migrated_catalog.read_bytes()
        catalog.write_bytes(b"not a database at all" * 500 if damage == "not a database" else content[: len(content) // 2])
    failed = footnote(tmp_path / "data", "serve", "--port", "0")
    assert failed.returncode == 1
    assert "The catalog" in failed.stderr
    assert "backup" in failed.stderr or "permissions" in failed.stderr
    assert "Traceback" not in failed.stderr


def _of(url: str, file_id: str) -> dict:
    return next(each for each in attachments(url) if each["id"] == file_id)
