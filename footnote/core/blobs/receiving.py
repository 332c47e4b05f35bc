"""Receiving a stream into a scratch file: its hash, which is its address, is known only when its last byte has come."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from footnote.core.blobs.port import PIECE_BYTES, ReceivedBlob, StoredBlob
from footnote.core.blobs.scratch import ScratchFile
from footnote.core.errors import DocumentTooLarge
from footnote.core.offload import offload


class ReceivingBlobStore(ABC):
    """The half that all stores share: from a stream to a local file."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    @asynccontextmanager
    async def receive(self, content: AsyncIterator[bytes], *, max_bytes: int) -> AsyncGenerator[ReceivedBlob]:
        scratch = await offload(ScratchFile, self._scratch)
        try:
            async with aclosing(_in_larger_pieces(content)) as pieces:
                async for piece in pieces:
                    _require_room(scratch.size_bytes + len(piece), max_bytes=max_bytes)
                    await offload(scratch.write, piece)
            yield _Received(self, scratch.path, await offload(scratch.finish))
        finally:
            await offload(scratch.discard)

    async def put(self, content: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        async with self.receive(content, max_bytes=max_bytes) as received:
            await received.keep()
            return received.blob

    @abstractmethod
    async def store(self, file: Path, blob: StoredBlob) -> None:
        """Put a whole file that is safe on this disk under the blob's address. The file may be moved away."""


@dataclass(frozen=True, slots=True)
class _Received:
    _store: ReceivingBlobStore
    _file: Path
    blob: StoredBlob

    async def keep(self) -> None:
        await self._store.store(self._file, self.blob)


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
