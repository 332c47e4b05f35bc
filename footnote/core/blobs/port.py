"""What every store of blobs does."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PIECE_BYTES = 1024 * 1024
INCOMING_FOLDER = ".incoming"
MARK = "installation.id"
"""Where beside the blobs the id of the installation stands whose they are."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that are stored; ``sha256`` is written in hexadecimal digits."""

    sha256: str
    size_bytes: int


class ReceivedBlob(Protocol):
    """Bytes that have all come and are not in the store yet."""

    @property
    def blob(self) -> StoredBlob:
        """What they will be stored as."""
        ...

    async def keep(self) -> None:
        """Put them into the store, whole; when this returns they survive a power cut. Where they are there already they stay one copy."""
        ...


class BlobStore(Protocol):
    """Stores bytes under their sha256. Storing the same bytes twice keeps one copy.

    Errors of every method: ``StorageUnavailable`` where the store cannot be read or written.
    """

    async def open(self) -> None:
        """Prepare the store, and remove what processes that were killed have left on this machine.

        Raises:
            InvalidSettings: the settings name a store that is not there, or that refuses them.
        """
        ...

    async def close(self) -> None: ...

    def receive(self, content: AsyncIterator[bytes], *, max_bytes: int) -> AbstractAsyncContextManager[ReceivedBlob]:
        """Take a stream to its end, outside of the store; what is not kept when the block ends is gone.

        Raises:
            DocumentTooLarge: the stream is longer than ``max_bytes``; it is not read any further.
        """
        ...

    async def put(self, content: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        """Store a stream: ``receive`` and ``keep``. When it raises, nothing of the stream is left."""
        ...

    def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield a blob's bytes in pieces of at most ``PIECE_BYTES``.

        Raises:
            NotFound: there is none; raised with the first piece.
        """
        ...

    def local(self, sha256: str) -> AbstractAsyncContextManager[Path]:
        """Lend a local file with the blob's bytes, to be read only and while the block lasts: for parsers, which want a file.

        Raises:
            NotFound: there is none.
        """
        ...

    async def exists(self, sha256: str) -> bool: ...

    async def delete(self, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        ...

    async def installation(self) -> str | None:
        """Return the id of the installation that the store is marked with, or None where it is not marked."""
        ...

    async def mark(self, installation: str) -> None:
        """Mark the store with the id of an installation, in place of another one."""
        ...

    def iterate(self, *, older_than_s: float = 0.0) -> AsyncIterator[str]:
        """Yield the sha256 of every blob, in no particular order; with ``older_than_s`` only of those that were stored so long ago."""
        ...
