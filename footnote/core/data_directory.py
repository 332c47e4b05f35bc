"""The data directory: everything that footnote keeps on this machine, owned by one server at a time.

Ownership is a lock of the operating system on ``owner.lock`` (flock), which the kernel lets go when its process ends, however it ends.
The lock passes on to child processes that are forked without exec: start children by spawning them.
"""

import errno
import fcntl
import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from footnote.core.errors import Conflict, DataDirectoryInUse, StorageUnavailable

# A command line that looks whether a server runs holds the lock for an instant; a server that starts in that instant waits it out.
PATIENCE_S = 1.0
_POLL_S = 0.02
_OF_THE_FILE_SYSTEM = "lost+found"
_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)

INDEX_SNAPSHOT = "index-snapshot"

Record = TypeVar("Record", bound=BaseModel)


class Owner(BaseModel):
    """The process that owns a data directory, as it wrote itself into the lock file."""

    model_config = ConfigDict(frozen=True)

    pid: int
    command: str
    started_at: datetime


class RunningServer(BaseModel):
    """A server that listens, as it wrote itself into ``server.json``.

    ``token`` is a key for whoever can read that file: this machine's command line, run by the same user.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    url: str
    started_at: datetime
    version: str
    token: SecretStr

    @field_serializer("token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class DataDirectory:
    """The places in a data directory, and who owns it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._owner: Owner | None = None

    @property
    def catalog(self) -> Path:
        """The catalog's SQLite file."""
        return self.path / "catalog.sqlite"

    @property
    def index(self) -> Path:
        """The embedded index."""
        return self.path / "index"

    @property
    def blobs(self) -> Path:
        """The bytes of files."""
        return self.path / "blobs"

    @property
    def models(self) -> Path:
        """Models that were converted for this machine."""
        return self.path / "models"

    @property
    def adapters(self) -> Path:
        """Adapters that were trained here, each in a folder named by its content."""
        return self.path / "adapters"

    @property
    def restoring_file(self) -> Path:
        """There while a backup is being restored, and left where that was broken off: what lies beside it is not whole."""
        return self.path / "restoring"

    @property
    def index_snapshot(self) -> Path:
        """Where a running server puts copies of its indexes for a backup."""
        return self.path / INDEX_SNAPSHOT

    @property
    def server_file(self) -> Path:
        """Where the server that listens says how to reach it."""
        return self.path / "server.json"

    @property
    def lock_file(self) -> Path:
        """What the owner holds a lock on; it stays when the owner goes, since removing it would let two own it."""
        return self.path / "owner.lock"

    @property
    def backup_lock_file(self) -> Path:
        """What a backup of this directory holds a lock on."""
        return self.path / "backup.lock"

    def create(self) -> None:
        """Create the folders that are not there, readable by this user alone; a folder that has content keeps its mode.

        Raises:
            StorageUnavailable: the path is not a directory, or cannot be written.
        """
        with _storage_errors(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not any(self.path.iterdir()):
                # Not ours to change where it is, say, a mounted volume of another user.
                with suppress(PermissionError):
                    self.path.chmod(0o700)
            for folder in (self.index, self.blobs, self.models):
                folder.mkdir(mode=0o700, exist_ok=True)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise _unusable(self.path, os.strerror(errno.EACCES))

    def acquire(self) -> None:
        """Become the owner; blocks for up to ``PATIENCE_S`` where another process has the lock.

        Raises:
            DataDirectoryInUse: another process owns it; the message says which.
            StorageUnavailable: as in ``create``, or the file system has no locks.
        """
        self.create()
        with _storage_errors(self.path):
            lock = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _locked(lock, fcntl.LOCK_EX, patience_s=PATIENCE_S):
                raise self._in_use()
            self._take_over(lock)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def announce(self, *, url: str, version: str) -> RunningServer:
        """Write ``server.json``: the owner calls it once it listens.

        Raises:
            StorageUnavailable: the file cannot be written.
        """
        assert self._owner is not None, "only the owner announces a server"
        server = RunningServer(
            pid=self._owner.pid,
            url=url,
            started_at=self._owner.started_at,
            version=version,
            token=SecretStr(secrets.token_urlsafe(32)),
        )
        with _storage_errors(self.server_file):
            write_privately(self.server_file, server.model_dump_json(indent=2))
        return server

    def release(self) -> None:
        """Stop being the owner; nothing where this process is not."""
        if self._lock is None:
            return
        self.server_file.unlink(missing_ok=True)
        os.ftruncate(self._lock, 0)
        os.close(self._lock)
        self._lock, self._owner = None, None

    @contextmanager
    def owned(self) -> Generator[None]:
        """Own the directory for the length of a block.

        Raises:
            DataDirectoryInUse, StorageUnavailable: as in ``acquire``; ``StorageUnavailable`` also where a restore was broken off.
        """
        self.acquire()
        try:
            self._require_whole()
            self._remove_leftover_snapshot()
            yield
        finally:
            self.release()

    @contextmanager
    def being_filled(self) -> Generator[None]:
        """Own an empty directory while a backup is restored into it. What a restore that was broken off has left there is removed.

        Raises:
            Conflict: something is in it.
            DataDirectoryInUse, StorageUnavailable: as in ``acquire``.
        """
        self.acquire()
        try:
            with _storage_errors(self.path):
                self._empty_or_refuse()
                self.restoring_file.touch(mode=0o600)
                yield
                self.restoring_file.unlink(missing_ok=True)
        finally:
            self.release()

    def owner(self) -> Owner | None:
        """Return who owns the directory, or None where nobody does or the owner has only just begun."""
        if not _is_held(self.lock_file):
            return None
        return _read(self.lock_file, Owner)

    def running_server(self) -> RunningServer | None:
        """Return the server that owns the directory and listens; what a killed one has left behind does not count."""
        owner = self.owner()
        server = None if owner is None else _read(self.server_file, RunningServer)
        return server if server is not None and owner is not None and server.pid == owner.pid else None

    def _remove_leftover_snapshot(self) -> None:
        """Remove what a backup that was killed has left: vectors. One that is still being made holds its lock, and removes it itself."""
        if not self.index_snapshot.exists():
            return
        with _storage_errors(self.path):
            lock = os.open(self.backup_lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if _locked(lock, fcntl.LOCK_EX, patience_s=0):
                    shutil.rmtree(self.index_snapshot)
            finally:
                os.close(lock)

    def _require_whole(self) -> None:
        if self.restoring_file.exists():
            raise StorageUnavailable(
                f"A backup was being restored into {self.path}, and that was broken off.",
                hint="Run `footnote restore` again; it begins anew.",
                param="data_dir",
            )

    def _empty_or_refuse(self) -> None:
        broken_off = self.restoring_file.exists()
        for entry in self.path.iterdir():
            if entry in (self.lock_file, self.restoring_file) or entry.name == _OF_THE_FILE_SYSTEM:
                continue
            if broken_off:
                _clear_away(entry)
            elif not entry.is_dir() or any(file.is_file() for file in entry.rglob("*")):
                raise Conflict(
                    f"The data directory {self.path} is not empty: it holds {entry.name}.",
                    hint="Restore into an empty one, with --data-dir.",
                    param="data_dir",
                )
        self.create()

    def _take_over(self, lock: int) -> None:
        owner = Owner(pid=os.getpid(), command=shlex.join(sys.argv), started_at=datetime.now(UTC))
        with _storage_errors(self.lock_file):
            self.server_file.unlink(missing_ok=True)
            os.ftruncate(lock, 0)
            os.pwrite(lock, owner.model_dump_json().encode(), 0)
        self._owner = owner

    def _in_use(self) -> DataDirectoryInUse:
        owner, server = self.owner(), self.running_server()
        who = "another process"
        if owner is not None:
            who = f"process {owner.pid} (`{owner.command}`), started {owner.started_at:%Y-%m-%d %H:%M:%S} UTC"
        where = "" if server is None else f"; it listens on {server.url}"
        return DataDirectoryInUse(
            f"The data directory {self.path} is in use by {who}{where}.",
            hint="Use that server, stop it, or choose another directory with --data-dir.",
            param="data_dir",
        )


def folder_id(folder: Path) -> str:
    """Return what names a folder wherever it is mounted; given to it when it is first asked for, by the owner of the data directory.

    Raises:
        StorageUnavailable: it cannot be written.
    """
    path = folder / "folder.id"
    with _storage_errors(path):
        if not path.exists():
            write_privately(path, secrets.token_hex(16))
        return path.read_text(encoding="utf-8").strip()


def find_running_server(data_dir: Path) -> RunningServer | None:
    """Return the server that owns this data directory and listens, or None."""
    return DataDirectory(data_dir).running_server()


def _locked(descriptor: int, kind: int, *, patience_s: float) -> bool:
    """Take a lock; False where another process keeps it for longer than the patience lasts."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
            raise StorageUnavailable(
                "The data directory lies on a file system without locks.", hint="Put it on a local disk, with --data-dir.", param="data_dir"
            ) from error
        else:
            return True


def _is_held(lock_file: Path) -> bool:
    try:
        descriptor = os.open(lock_file, os.O_RDONLY)
    except OSError:
        return False  # no lock file, or one of another user: nobody whose server this user could use
    try:
        return not _locked(descriptor, fcntl.LOCK_SH, patience_s=0)
    finally:
        os.close(descriptor)


def _read(path: Path, record: type[Record]) -> Record | None:
    try:
        return record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None  # not there, or being written at this moment


def write_privately(path: Path, text: str) -> None:
    """Write a file that only this user reads, whole or not at all, through to the disk."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _clear_away(entry: Path) -> None:
    """Remove an entry of the data directory; a volume that is mounted there, or a folder that a link leads to, is emptied."""
    if not entry.is_dir():
        entry.unlink()
        return
    for inner in entry.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            if inner.name != _OF_THE_FILE_SYSTEM:
                shutil.rmtree(inner)
        else:
            inner.unlink()
    if entry.is_symlink():
        return
    try:
        entry.rmdir()
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise


@contextmanager
def _storage_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _unusable(path: Path, reason: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The data directory cannot be used: {path}: {reason}.",
        hint="Give this user the right to write there, free disk space, or choose another directory with --data-dir.",
        param="data_dir",
    )
