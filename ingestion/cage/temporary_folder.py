"""A parser's folder for temporary files. A server that is killed leaves its own behind; the next one removes them."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "footnote-parser-"
_LOCK = "server"
_UNLOCKED_YET_S = 60.0
"""So long a new folder may be without its lock."""


class TemporaryFolder:
    """A folder that its server holds a lock on, as long as it lives."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of servers that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > _UNLOCKED_YET_S and not _is_held(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another user's, or gone meanwhile
            continue


def _is_held(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
