"""The content of backups: whole or not there, shared, sparse, and checked by its name."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.backup.content import ContentStore, SparseWriter, write_sparsely
from footnote.core.backup.manifest import Stored
from footnote.core.errors import UnusableBackup


@pytest.fixture
def content(tmp_path: Path) -> ContentStore:
    store = ContentStore(tmp_path)
    store.open()
    return store


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def described(data: bytes) -> Stored:
    return Stored(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


async def test_bytes_come_back_and_are_counted_once(content: ContentStore, tmp_path: Path):
    stored = await content.add_stream(stream(b"tides ", b"follow"))
    assert stored == described(b"tides follow")
    (tmp_path / "same").write_bytes(b"tides follow")
    assert content.add_file(tmp_path / "same") == stored
    assert content.bytes_added == 12
    content.write_to(stored.sha256, tmp_path / "deep" / "back")
    assert (tmp_path / "deep" / "back").read_bytes() == b"tides follow"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_other_bytes_than_expected_are_not_kept(content: ContentStore, tmp_path: Path):
    assert await content.add_stream(stream(b"rotten"), expected=described(b"fresh!")) is None
    assert files_in(tmp_path) == []


async def test_a_stream_that_breaks_off_leaves_nothing(content: ContentStore, tmp_path: Path):
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await content.add_stream(broken())
    assert files_in(tmp_path) == []


def test_a_changed_byte_is_told_by_check_and_by_reading_back(content: ContentStore, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"tides follow")
    stored = content.add_file(tmp_path / "file")
    assert content.damage(stored.sha256, stored.size_bytes) is None
    content.path(stored.sha256).write_bytes(b"tides fallow")
    assert content.has(stored.sha256, stored.size_bytes), "by name and size it looks whole"
    assert "was changed" in (content.damage(stored.sha256, stored.size_bytes) or "")
    with pytest.raises(UnusableBackup, match="was changed"):
        content.write_to(stored.sha256, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    content.path(stored.sha256).unlink()
    assert "is missing" in (content.damage(stored.sha256, stored.size_bytes) or "")
    with pytest.raises(UnusableBackup, match="is missing"):
        content.write_to(stored.sha256, tmp_path / "back")


def test_adding_again_heals_what_has_rotted(content: ContentStore, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"tides follow")
    stored = content.add_file(tmp_path / "file")
    content.path(stored.sha256).write_bytes(b"tides fallow")
    content.add_file(tmp_path / "file")
    assert content.damage(stored.sha256, stored.size_bytes) is None


def test_opening_removes_what_a_killed_backup_had_begun(content: ContentStore):
    content.temporary().write_bytes(b"half of something")
    content.open()
    assert list(content.temporary().parent.iterdir()) == []


def test_only_what_is_wanted_stays(content: ContentStore, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    one, two = (content.add_file(tmp_path / name) for name in ("one", "two"))
    assert content.remove_all_but({two.sha256}) == 1
    assert (content.has(one.sha256, 3), content.has(two.sha256, 3)) == (False, True)


def test_zeros_take_no_room(tmp_path: Path):
    data = bytes(8 * 1024 * 1024) + b"end"
    assert write_sparsely([data], tmp_path / "sparse") == described(data)
    assert (tmp_path / "sparse").read_bytes() == data
    assert (tmp_path / "sparse").stat().st_blocks * 512 < 1024 * 1024


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200_000)), max_size=6))
def test_what_is_written_is_what_came(tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[bool, int]]):
    pieces = [(bytes(n) if zeros else b"x" * n) for zeros, n in runs]
    path = tmp_path_factory.mktemp("runs") / "file"
    assert write_sparsely(pieces, path) == described(b"".join(pieces))
    assert path.read_bytes() == b"".join(pieces)


def test_a_writer_that_is_not_finished_leaves_no_file(tmp_path: Path):
    with SparseWriter(tmp_path / "file") as writer:
        writer.write(b"half")
    assert not (tmp_path / "file").exists()
