"""Blobs: the bytes of files, stored under their sha256. Who refers to them is the catalog's business, not the store's."""

import errno
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

from footnote.core.errors import DocumentTooLarge, NotFound, StorageUnavailable
from footnote.core.offload import offload

PIECE_BYTES = 1024 * 1024
INCOMING_FOLDER = ".incoming"

_ADVICE = {
    errno.ENOSPC: "Free disk space and try again.",
    errno.EDQUOT: "The disk quota is used up: free space or raise it, and try again.",
    errno.EFBIG: "The file system or the process's limits allow no file of this size.",
    errno.EROFS: "The file system is mounted read-only: mount it writable, or set another data directory.",
    errno.EACCES: "Give this user the right to write to the data directory.",
    errno.EPERM: "Give this user the right to write to the data directory.",
}


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that are stored; ``sha256`` is written in hexadecimal digits."""

    sha256: str
    size_bytes: int


class BlobStore(Protocol):
    """Stores bytes under their sha256. Storing the same bytes twice keeps one copy.

    Errors of every method: ``StorageUnavailable`` where the store cannot be read or written.
    """

    async def open(self) -> None:
        """Prepare the store, and remove what interrupted writes have left behind."""
        ...

    async def put(self, content: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        """Store a stream; when this returns the bytes survive a power cut. When it raises, nothing of them is left.

        Raises:
            DocumentTooLarge: the stream is longer than ``max_bytes``; it is not read any further.
        """
        ...

    def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield a blob's bytes in pieces of at most ``PIECE_BYTES``.

        Raises:
            NotFound: there is none; raised with the first piece.
        """
        ...

    async def path(self, sha256: str) -> Path:
        """Return a local file with the blob's bytes, to be read only: for parsers, which want a file.

        Raises:
            NotFound: there is none.
        """
        ...

    async def exists(self, sha256: str) -> bool: ...

    async def delete(self, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        ...

    def iterate(self) -> AsyncIterator[str]:
        """Yield the sha256 of every blob, in no particular order."""
        ...


class FolderBlobStore:
    """Blobs as files of one folder: the blob ``abcdef…`` is ``ab/cdef…``.

    Bytes arrive under a name of their own in a folder beside them and take their place by renaming, so a blob is whole or not there.
    One process writes at a time (it owns the data directory); any number may read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / INCOMING_FOLDER

    async def open(self) -> None:
        await offload(self._open)

    async def put(self, content: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        incoming = await offload(_IncomingBlob, self._incoming / uuid4().hex)
        try:
            async with aclosing(_in_larger_pieces(content)) as pieces:
                async for piece in pieces:
                    _require_room(incoming.size_bytes + len(piece), max_bytes=max_bytes)
                    await offload(incoming.write, piece)
            return await offload(self._keep, incoming)
        finally:
            await offload(incoming.discard)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        path = await self.path(sha256)
        with _storage_errors(path):
            file = await offload(path.open, "rb")
        try:
            while piece := await offload(_read_piece, file, path):
                yield piece
        finally:
            file.close()

    async def path(self, sha256: str) -> Path:
        if not await self.exists(sha256):
            raise NotFound(f"The bytes {sha256[:12]}… are not stored.")
        return self._path(sha256)

    async def exists(self, sha256: str) -> bool:
        return await offload(self._path(sha256).is_file)

    async def delete(self, sha256: str) -> None:
        await offload(self._delete, sha256)

    async def iterate(self) -> AsyncIterator[str]:
        for folder in await offload(self._folders):
            for sha256 in await offload(_hashes_in, folder):
                yield sha256

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]

    def _open(self) -> None:
        with _storage_errors(self._folder):
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            for leftover in self._incoming.iterdir():
                leftover.unlink()

    def _keep(self, incoming: "_IncomingBlob") -> StoredBlob:
        blob = incoming.finish()
        path = self._path(blob.sha256)
        with _storage_errors(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            incoming.path.replace(path)
            _sync_folder(path.parent)
            _sync_folder(self._folder)
        return blob

    def _delete(self, sha256: str) -> None:
        path = self._path(sha256)
        with _storage_errors(path):
            path.unlink(missing_ok=True)

    def _folders(self) -> list[Path]:
        with _storage_errors(self._folder):
            return [entry for entry in self._folder.iterdir() if entry.name != INCOMING_FOLDER]


class _IncomingBlob:
    """A blob that is being written. Its methods block; closing waits for a write that a cancelled caller has left behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        with _storage_errors(path):
            self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        with _storage_errors(self.path):
            self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def finish(self) -> StoredBlob:
        with _storage_errors(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return StoredBlob(sha256=self._hash.hexdigest(), size_bytes=self.size_bytes)

    def discard(self) -> None:
        # A full disk makes closing fail too, since it flushes: the file goes away all the same.
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


async def _in_larger_pieces(content: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the stream in pieces of at least ``PIECE_BYTES`` but for the last: each costs a change of threads."""
    waiting = bytearray()
    async for piece in content:
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _require_room(size_bytes: int, *, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise DocumentTooLarge(
            f"The file is larger than {max_bytes:,} bytes, the most that is accepted.",
            hint="Split it, or raise server.max_upload_bytes.",
            param="file",
        )


def _read_piece(file: BinaryIO, path: Path) -> bytes:
    with _storage_errors(path):
        return file.read(PIECE_BYTES)


def _hashes_in(folder: Path) -> list[str]:
    with _storage_errors(folder):
        return [folder.name + entry.name for entry in folder.iterdir()]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storage_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be used: {error.strerror}.", hint=_ADVICE.get(error.errno or 0, "Check the disk and the data directory.")
        ) from error
