"""Scratch files: bytes on their way into a store or out of it. Each is locked by the process that uses it.

So any number of processes may share a folder, and whoever opens it tells what a killed one has left from what another is working on.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from footnote.core.blobs.port import StoredBlob
from footnote.core.errors import StorageUnavailable

_ADVICE = {
    errno.ENOSPC: "Free disk space and try again.",
    errno.EDQUOT: "The disk quota is used up: free space or raise it, and try again.",
    errno.EFBIG: "The file system or the process's limits allow no file of this size.",
    errno.EROFS: "The file system is mounted read-only: mount it writable, or set another data directory.",
    errno.EACCES: "Give this user the right to write to the data directory.",
    errno.EPERM: "Give this user the right to write to the data directory.",
}


class ScratchFile:
    """A file that is being written, and gone when it is discarded. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / uuid4().hex
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        with storage_errors(self.path):
            self._file = self.path.open("xb")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        with storage_errors(self.path):
            self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def finish(self) -> StoredBlob:
        """Write out what is buffered, to survive a power cut; return what the file holds."""
        with storage_errors(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return StoredBlob(sha256=self._hash.hexdigest(), size_bytes=self.size_bytes)

    def discard(self) -> None:
        # First the name: the lock goes with closing. A full disk makes closing fail, since it flushes: the file goes away all the same.
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self._file.close()


def open_folder(folder: Path) -> None:
    """Make a folder for scratch files, and remove those that nobody uses any more. Blocks."""
    with storage_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in folder.iterdir():
            _remove_unless_used(leftover)


def _remove_unless_used(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        path.unlink()


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be used: {error.strerror}.", hint=_ADVICE.get(error.errno or 0, "Check the disk and the data directory.")
        ) from error
