"""The content of backups: bytes under their sha256, shared by all backups of a folder, so each one adds only what is new.

Bytes arrive under another name, are written through to the disk, and take their place by renaming: what is there is whole. Runs of zeros
become holes, since most of what the index reserves is never written. All of it blocks.
"""

import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Self
from uuid import uuid4

from footnote.core.backup.manifest import Stored
from footnote.core.errors import UnusableBackup

PIECE_BYTES = 1024 * 1024
_HOLE_BYTES = 64 * 1024
_ZEROS = bytes(_HOLE_BYTES)
INCOMING = ".footnote-incoming"
CONTENT = "content"
_FOLDER = re.compile(r"[0-9a-f]{2}")
_FILE = re.compile(r"[0-9a-f]{62}")


class ContentStore:
    """The bytes of a folder of backups; ``bytes_added`` counts what came in that was not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / CONTENT
        self._incoming = folder / INCOMING
        self.bytes_added = 0

    def open(self) -> None:
        """Make the folders, and remove what a backup that was broken off had begun to write."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        for folder in (self._folder, self._incoming):
            folder.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        shutil.rmtree(self._incoming, ignore_errors=True)

    def temporary(self) -> Path:
        """Return a path that nobody uses, on the same file system; gone when the store is closed or next opened."""
        return self._incoming / uuid4().hex

    def path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Say whether the bytes are there, by name and size; ``damage`` reads them."""
        try:
            return self.path(sha256).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def add_file(self, path: Path) -> Stored:
        """Keep a copy of a file's bytes, and return what they are."""
        incoming = self.temporary()
        stored = write_sparsely(pieces_of(path), incoming)
        self._adopt(incoming, stored)
        return stored

    async def add_stream(self, pieces: AsyncIterator[bytes], *, expected: Stored | None = None) -> Stored | None:
        """Keep bytes as they come, and return what they are; None where others were expected: those are not kept."""
        incoming = self.temporary()
        with SparseWriter(incoming) as writer:
            async for piece in pieces:
                writer.write(piece)
            stored = writer.finish()
        if expected is not None and stored != expected:
            incoming.unlink()
            return None
        self._adopt(incoming, stored)
        return stored

    def move_in(self, path: Path) -> Stored:
        """Keep a file that was made for the backup at a path of ``temporary``, and return what it is."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
        stored = stored_file(path)
        self._adopt(path, stored)
        return stored

    def damage(self, sha256: str, size_bytes: int) -> str | None:
        """Read the bytes, and say what is wrong with them, or return None."""
        path = self.path(sha256)
        try:
            found = stored_file(path)
        except FileNotFoundError:
            return f"{path} is missing"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        return None if (found.sha256, found.size_bytes) == (sha256, size_bytes) else f"{path} was changed"

    def write_to(self, sha256: str, destination: Path) -> None:
        """Write the bytes to a file, and see that they are what their name says.

        Raises:
            UnusableBackup: they are not, or are missing.
        """
        destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            written = write_sparsely(pieces_of(self.path(sha256)), destination)
        except FileNotFoundError as error:
            if error.filename != str(self.path(sha256)):
                raise
            raise UnusableBackup(f"The backup is incomplete: {self.path(sha256)} is missing.", hint="Use another backup.") from error
        if written.sha256 != sha256:
            destination.unlink()
            raise UnusableBackup(f"The backup is damaged: {self.path(sha256)} was changed.", hint="Use another backup.")

    def remove_all_but(self, wanted: set[str]) -> int:
        """Remove the bytes that no backup holds any more, and return how many there were. What has another name than bytes stays."""
        unwanted = [path for path in self._paths() if path.parent.name + path.name not in wanted]
        for path in unwanted:
            path.unlink()
        return len(unwanted)

    def _paths(self) -> Iterator[Path]:
        folders = (folder for folder in self._folder.iterdir() if _FOLDER.fullmatch(folder.name) and folder.is_dir())
        return (path for folder in folders for path in folder.iterdir() if _FILE.fullmatch(path.name) and path.is_file())

    def _adopt(self, incoming: Path, stored: Stored) -> None:
        path = self.path(stored.sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            self.bytes_added += stored.size_bytes
        incoming.replace(path)  # also where it is there: what may have rotted is whole again
        sync_folder(path.parent)
        sync_folder(self._folder)


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def stored_file(path: Path) -> Stored:
    """Return what a file's bytes are."""
    digest, size_bytes = hashlib.sha256(), 0
    for piece in pieces_of(path):
        digest.update(piece)
        size_bytes += len(piece)
    return Stored(sha256=digest.hexdigest(), size_bytes=size_bytes)


def write_sparsely(pieces: Iterable[bytes], path: Path) -> Stored:
    """Write bytes to a new file, through to the disk, and return what was written. What fails leaves no file."""
    with SparseWriter(path) as writer:
        for piece in pieces:
            writer.write(piece)
        return writer.finish()


class SparseWriter:
    """Writes a new file with holes for runs of zeros. A block that ends without ``finish`` leaves no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._finished:
            self._path.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size_bytes += len(piece)
        view = memoryview(piece)
        for start in range(0, len(view), _HOLE_BYTES):
            self._write_part(view[start : start + _HOLE_BYTES])

    def finish(self) -> Stored:
        """Write everything through to the disk, and return what was written."""
        os.ftruncate(self._descriptor, self._size_bytes)
        os.fsync(self._descriptor)
        self._finished = True
        return Stored(sha256=self._digest.hexdigest(), size_bytes=self._size_bytes)

    def _write_part(self, part: memoryview) -> None:
        if len(part) == _HOLE_BYTES and bytes(part) == _ZEROS:
            os.lseek(self._descriptor, len(part), os.SEEK_CUR)
            return
        while part:
            part = part[os.write(self._descriptor, part) :]


def sync_folder(folder: Path) -> None:
    """Write a folder's entries through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
