"""One server owns a data directory; the lock is the kernel's, so that no death of a process leaves it behind."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from footnote.core.data_directory import DataDirectory, find_running_server
from footnote.core.errors import DataDirectoryInUse, StorageUnavailable

URL = "http://127.0.0.1:18080"
SERVER = f"""
import sys
from pathlib import Path
from footnote.core.data_directory import DataDirectory

directory = DataDirectory(Path(sys.argv[1]))
directory.acquire()
if "--silent" not in sys.argv:
    directory.announce(url="{URL}", version="1.2.3")
print("owns", flush=True)
sys.stdin.read()
directory.release()
"""

LOOKING = """
import sys
from pathlib import Path
from footnote.core.data_directory import find_running_server

print("looks", flush=True)
while True:
    find_running_server(Path(sys.argv[1]))
"""


@pytest.fixture
def start(tmp_path: Path):
    """Start processes that own the directory until their standard input ends."""
    processes = []

    def start_server(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path / "data"), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "owns\n"
        return process

    yield start_server
    for process in processes:
        process.kill()
        process.communicate()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_tree_is_created_for_this_user_alone(tmp_path: Path):
    directory = DataDirectory(tmp_path / "deep" / "data")
    directory.create()
    directory.create()
    assert [mode_of(path) for path in (directory.path, directory.index, directory.blobs, directory.models)] == [0o700] * 4
    assert directory.catalog.parent == directory.path


def test_an_empty_directory_is_closed_to_others_and_a_used_one_keeps_its_mode(tmp_path: Path):
    empty, used = tmp_path / "empty", tmp_path / "used"
    for path in (empty, used):
        path.mkdir()
        path.chmod(0o755)
    (used / "notes.txt").touch()
    DataDirectory(empty).create()
    DataDirectory(used).create()
    assert (mode_of(empty), mode_of(used)) == (0o700, 0o755)


def test_a_second_process_is_told_who_owns_the_directory(tmp_path: Path, start):
    process = start()
    with pytest.raises(DataDirectoryInUse) as caught:
        DataDirectory(tmp_path / "data").acquire()
    message = str(caught.value)
    assert f"process {process.pid} " in message
    assert URL in message
    assert "-c" in message, "the command"
    assert " UTC" in message, "the start"
    assert "--data-dir" in message, "what to do"


def test_a_second_owner_in_the_same_process_is_refused_too(tmp_path: Path):
    with DataDirectory(tmp_path).owned(), pytest.raises(DataDirectoryInUse, match=f"process {os.getpid()} "):
        DataDirectory(tmp_path).acquire()
    DataDirectory(tmp_path).acquire()


def test_a_running_server_is_found_with_its_key(tmp_path: Path, start):
    process = start()
    server = find_running_server(tmp_path / "data")
    assert server is not None
    assert (server.pid, server.url, server.version) == (process.pid, URL, "1.2.3")
    assert len(server.token.get_secret_value()) >= 32
    assert server.token.get_secret_value() not in repr(server)
    assert mode_of(tmp_path / "data" / "server.json") == 0o600


def test_a_server_that_does_not_listen_yet_is_not_found(tmp_path: Path, start):
    process = start("--silent")
    assert find_running_server(tmp_path / "data") is None
    assert DataDirectory(tmp_path / "data").owner().pid == process.pid


def test_no_server_is_found_where_none_was_started(tmp_path: Path):
    assert find_running_server(tmp_path) is None
    assert find_running_server(tmp_path / "nowhere") is None


def test_a_killed_server_leaves_neither_lock_nor_address(tmp_path: Path, start):
    process = start()
    process.send_signal(signal.SIGKILL)
    process.wait()
    directory = DataDirectory(tmp_path / "data")
    assert directory.server_file.exists(), "a killed process cleans nothing up"
    assert find_running_server(directory.path) is None
    with directory.owned():
        assert not directory.server_file.exists()
        assert find_running_server(directory.path) is None


def test_a_server_that_ends_takes_its_address_along_and_another_may_follow(tmp_path: Path, start):
    process = start()
    process.communicate("")
    assert not (tmp_path / "data" / "server.json").exists()
    successor = start()
    assert find_running_server(tmp_path / "data").pid == successor.pid


def test_each_server_has_a_key_of_its_own(tmp_path: Path):
    tokens = set()
    for _ in range(2):
        directory = DataDirectory(tmp_path)
        with directory.owned():
            tokens.add(directory.announce(url=URL, version="1").token.get_secret_value())
    assert len(tokens) == 2


def test_looking_for_a_server_does_not_keep_one_from_starting(tmp_path: Path):
    DataDirectory(tmp_path).create()
    looking = subprocess.Popen([sys.executable, "-c", LOOKING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert looking.stdout.readline() == "looks\n"
        for _ in range(50):
            with DataDirectory(tmp_path).owned():
                pass
    finally:
        looking.kill()
        looking.communicate()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_place_of_the_directory_is_explained(tmp_path: Path, below: str):
    (tmp_path / "data").write_text("not a directory")
    with pytest.raises(StorageUnavailable, match="--data-dir"):
        DataDirectory(tmp_path / "data" / below).acquire()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_explained(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageUnavailable, match="right to write"):
        DataDirectory(tmp_path).acquire()


def test_a_file_system_that_cannot_be_written_is_explained():
    with pytest.raises(StorageUnavailable, match="right to write"):
        DataDirectory(Path("/proc/footnote")).acquire()


def test_a_volume_below_that_a_restore_has_filled_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    directory, linked = DataDirectory(tmp_path / "data"), tmp_path / "disk"
    directory.create()
    (directory.blobs / "ab").mkdir()
    (directory.blobs / "ab" / "cd").write_text("half")
    linked.mkdir()
    (linked / "file").write_text("half")
    (directory.path / "adapters").symlink_to(linked)
    directory.restoring_file.touch()
    rmdir = os.rmdir

    def of_a_volume(path: str | Path, **options: int) -> None:
        if Path(path) == directory.blobs:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", of_a_volume)
    with directory.being_filled():
        assert list(directory.blobs.iterdir()) == []
        assert list(linked.iterdir()) == []
    assert not directory.restoring_file.exists()


def test_what_a_killed_backup_has_left_of_the_index_is_removed_and_nothing_of_one_that_is_made(tmp_path: Path):
    directory = DataDirectory(tmp_path)
    directory.create()
    directory.index_snapshot.mkdir()
    (directory.index_snapshot / "vectors").write_text("")
    with directory.backup_lock_file.open("w") as being_made:
        fcntl.flock(being_made, fcntl.LOCK_EX)
        with directory.owned():
            assert directory.index_snapshot.exists()
    with directory.owned():
        assert not directory.index_snapshot.exists()
