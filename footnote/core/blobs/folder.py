"""Blobs in a folder of this machine."""

import errno
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from footnote.core.blobs.port import INCOMING_FOLDER, MARK, PIECE_BYTES, StoredBlob
from footnote.core.blobs.receiving import ReceivingBlobStore
from footnote.core.blobs.scratch import open_folder, storage_errors
from footnote.core.errors import NotFound
from footnote.core.offload import offload

FOLDER_DIGITS = 2
_WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


class FolderBlobStore(ReceivingBlobStore):
    """Blobs as files of one folder: the blob ``abcdef…`` is ``ab/cdef…``.

    Bytes arrive under a name of their own in a folder beside them and take their place by renaming, so a blob is whole or not there.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / INCOMING_FOLDER)
        self._folder = folder

    async def open(self) -> None:
        await offload(open_folder, self._scratch)

    async def close(self) -> None:
        """Nothing is held open."""

    async def store(self, file: Path, blob: StoredBlob) -> None:
        await offload(self._store, file, self._path(blob.sha256))

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        path = await self._existing(sha256)
        with storage_errors(path):
            file = await offload(path.open, "rb")
        try:
            while piece := await offload(_read_piece, file, path):
                yield piece
        finally:
            file.close()

    @asynccontextmanager
    async def local(self, sha256: str) -> AsyncGenerator[Path]:
        yield await self._existing(sha256)

    async def exists(self, sha256: str) -> bool:
        return await offload(self._path(sha256).is_file)

    async def delete(self, sha256: str) -> None:
        await offload(self._delete, sha256)

    async def installation(self) -> str | None:
        return await offload(self._installation)

    async def mark(self, installation: str) -> None:
        await offload(self._mark, installation)

    async def iterate(self, *, older_than_s: float = 0.0) -> AsyncIterator[str]:
        before = time.time() - older_than_s
        for folder in await offload(self._folders):
            for sha256 in await offload(_hashes_in, folder, before if older_than_s else None):
                yield sha256

    async def _existing(self, sha256: str) -> Path:
        if not await self.exists(sha256):
            raise NotFound(f"The bytes {sha256[:12]}… are not stored.")
        return self._path(sha256)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]

    def _store(self, file: Path, path: Path) -> None:
        with storage_errors(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            other = _second_name(file)
            other.replace(path)
            if other != file:
                other.unlink(missing_ok=True)  # renaming does nothing where the blob is this very file
            _sync_folder(path.parent)
            _sync_folder(self._folder)

    def _delete(self, sha256: str) -> None:
        path = self._path(sha256)
        with storage_errors(path):
            path.unlink(missing_ok=True)

    def _installation(self) -> str | None:
        path = self._folder / MARK
        with storage_errors(path):
            return (path.read_text(encoding="utf-8").strip() or None) if path.exists() else None

    def _mark(self, installation: str) -> None:
        path = self._folder / MARK
        temporary = self._folder / f"{MARK}.new"
        with storage_errors(path):
            with temporary.open("w", encoding="utf-8") as file:
                file.write(installation)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(self._folder)

    def _folders(self) -> list[Path]:
        with storage_errors(self._folder):
            return [entry for entry in self._folder.iterdir() if len(entry.name) == FOLDER_DIGITS]


def _second_name(file: Path) -> Path:
    """Return another name of the same file, so that it can be stored again; its only name where the file system has no second ones."""
    other = file.with_name(f"{file.name}.kept")
    try:
        other.hardlink_to(file)
    except OSError as error:
        if error.errno in _WITHOUT_LINKS:
            return file
        raise
    return other


def _read_piece(file: BinaryIO, path: Path) -> bytes:
    with storage_errors(path):
        return file.read(PIECE_BYTES)


def _hashes_in(folder: Path, before: float | None) -> list[str]:
    with storage_errors(folder):
        return [folder.name + entry.name for entry in folder.iterdir() if before is None or _changed_at(entry) <= before]


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # deleted meanwhile
        return time.time()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
