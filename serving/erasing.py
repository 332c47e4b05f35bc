"""Erasing: a file leaves the index, the catalog and the blob store, and then the disk; a receipt says what was there and what is left."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.erasures import Erasure, Receipt
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import FileRecord
from footnote.core.errors import Conflict, FootnoteError
from footnote.core.types import Caller

ATTEMPTS = 5
"""A file that is attached again as soon as it was detached is somebody's mistake: after so many rounds they are told."""

POLL_S = 0.2

log = structlog.get_logger(__name__)


class Points(Protocol):
    """What erasing needs of the index, or of those of all spaces: ``retrieval.spaces.Spaces`` and a single index have it."""

    async def count(self, *, version_id: str | None = None) -> int: ...
    async def delete_versions(self, version_ids: Sequence[str]) -> None: ...
    async def purge(self, *, needed: Collection[str] | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Hidden:
    """An erasure whose file no search finds any more, and whose points are deleted."""

    erasure: Erasure
    n_points_left: int


class Eraser:
    """Erases files. What was begun is finished, if not now then by ``finish_begun`` when a process starts."""

    def __init__(self, *, catalog: Catalog, blobs: BlobStore, points: Points) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._points = points

    async def erase(self, file_id: str, *, caller: Caller) -> Receipt:
        """Erase a file of the caller's, to the end.

        From the first write on no search finds it. When something does not answer in the middle, the rest is done when the caller asks
        again, or when the next process starts.

        Raises:
            NotFound: there is none, or it is somebody else's.
            Conflict: somebody goes on attaching it.
            IndexUnavailable, StorageUnavailable, CatalogUnavailable: it is begun, and not done.
        """
        (receipt,) = await self._erase_all([(file_id, caller.owner)])
        return receipt

    async def erase_all(self, files: Sequence[FileRecord]) -> tuple[Receipt, ...]:
        """Erase files of anybody, and rewrite the index once for all of them: for the process's own use.

        Raises:
            FootnoteError: as ``erase``; some may be done.
        """
        return await self._erase_all([(file.id, file.owner) for file in files])

    async def finish_begun(self, *, older_than_s: float = 0.0) -> int:
        """Go on with the erasures that were cut off; return how many are done. One that cannot be finished yet is told to the log.

        Args:
            older_than_s: leave those alone that were begun more recently: somebody is likely to be at them.
        """
        n_done = 0
        for receipt in await self._catalog.erasures.unfinished():
            if receipt.begun_at > now() - timedelta(seconds=older_than_s):
                continue
            try:
                await self._erase_all([(receipt.file_id, receipt.owner)])
                n_done += 1
            except FootnoteError as error:
                log.warning("an erasure could not be finished yet", file_id=receipt.file_id, error=str(error))
        return n_done

    async def _erase_all(self, files: Sequence[tuple[str, str]]) -> tuple[Receipt, ...]:
        """Erase files, given by id and owner."""
        erased: list[Erasure] = []
        for _ in range(ATTEMPTS):
            hidden = [await self._hide(file_id, owner=owner) for file_id, owner in files]
            purged, trouble = await self._purge({space for each in hidden for space in each.erasure.versions.values() if space is not None})
            attached_again = [each.erasure for each in hidden if not await self._erase_text(each)]
            erased += [each.erasure for each in hidden if each.erasure not in attached_again]
            files = [(each.receipt.file_id, each.receipt.owner) for each in attached_again]
            if not files:
                break
        else:
            raise Conflict(f"The file {files[0][0]} is attached again and again.", hint="Stop what attaches it, and erase it once more.")
        await self._catalog.database.scrub()
        if trouble is not None:
            raise trouble
        return tuple([await self._finish(erasure, purged=purged) for erasure in erased])

    async def _hide(self, file_id: str, *, owner: str) -> _Hidden:
        erasure = await self._catalog.erasures.begin(file_id, owner=owner)
        return _Hidden(erasure, n_points_left=await self._delete_points(erasure))

    async def _erase_text(self, hidden: _Hidden) -> bool:
        return await self._catalog.erasures.erase_text(hidden.erasure, n_points_left=hidden.n_points_left, remove_bytes=self._blobs.delete)

    async def _finish(self, erasure: Erasure, *, purged: bool) -> Receipt:
        receipt = await self._catalog.erasures.finish(erasure, purged=purged)
        before = receipt.before
        log.info("a file was erased", file_id=receipt.file_id, receipt=receipt.id, points=before.points, turns=before.turns)
        return receipt

    async def _delete_points(self, erasure: Erasure) -> int:
        """Delete the points of the file's versions in all spaces, and return how many an exact count finds after that."""
        version_ids = list(erasure.versions)
        if not version_ids:
            return 0
        await self._catalog.erasures.note_points(erasure, await self._count(version_ids))
        await self._until_nobody_writes(erasure)
        await self._points.delete_versions(version_ids)
        return await self._count(version_ids)

    async def _count(self, version_ids: Sequence[str]) -> int:
        return sum([await self._points.count(version_id=version_id) for version_id in version_ids])

    async def _purge(self, spaces: Collection[str]) -> tuple[bool, FootnoteError | None]:
        """Rewrite the index, these spaces in any case. Where that cannot be done now, the disk being full, the text goes all the same."""
        try:
            return await self._points.purge(needed=spaces), None
        except FootnoteError as error:
            return False, error

    async def _until_nobody_writes(self, erasure: Erasure) -> None:
        """Wait for the workers that had a version of the file in hand: a batch that is under way would be written after the deletion.

        A worker learns with its next write that its job is gone, and has its version forgotten; one that was killed is waited for until
        its lease ends.
        """
        while writing := [version for version, until in erasure.at_work.items() if until > now()]:
            if not await self._catalog.erasures.has_version(writing):
                return
            await asyncio.sleep(POLL_S)
