"""A folder that is built once, whole or not at all, however many processes want it and whenever one is killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".unfinished-"


def build_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return ``folder``, built by ``build`` if it is not there yet.

    ``build`` fills an empty folder beside it, which is renamed when it is done: what bears the name is complete. The lock is the
    operating system's, so it ends with its process; whoever holds it may clear away what a killed one left.

    Blocking. Raises what ``build`` raises, and OSError where the disk does not take it.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent / f".{folder.name}.lock"):
        if folder.is_dir():
            return folder
        prefix = f"{_UNFINISHED}{folder.name}-"
        for leftover in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
        try:
            build(unfinished)
            _flush(unfinished)
            unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return folder


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _flush(folder: Path) -> None:
    """Bring the files to the disk before the name does: a power cut must not leave a complete name on empty files."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
