"""Uploads: large files that arrive in parts. Each part's bytes are a blob that the upload refers to, until it is a file or given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.blobs import StoredBlob
from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.files import file_record, refer
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import FileRecord, PartialUpload, UploadPart, UploadState
from footnote.core.errors import Conflict, DocumentTooLarge, InvalidInput, NotFound
from footnote.core.ids import new_id

MAX_PARTS = 1_000
SENT_TWICE = 2
"""Parts may hold so many times the announced bytes: one that was lost on the way back is sent again."""


class Uploads:
    """Reads and writes uploads. Somebody else's is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, *, owner: str, filename: str, purpose: str, size_bytes: int, lives_s: int, file_expires_after_s: int | None
    ) -> PartialUpload:
        """Announce a file of so many bytes, whose parts may be sent for ``lives_s`` seconds."""
        moment = now()
        row = schema.Upload(
            id=new_id("upload"),
            owner=owner,
            filename=filename,
            purpose=purpose,
            size_bytes=size_bytes,
            state=UploadState.PENDING,
            parts=[],
            file_id=None,
            file_expires_after_s=file_expires_after_s,
            created_at=moment,
            expires_at=moment + timedelta(seconds=lives_s),
        )
        async with self._database.write() as session:
            session.add(row)
        return _record(row, None)

    async def require_pending(self, upload_id: str, *, owner: str) -> PartialUpload:
        """Return an upload that takes parts.

        Raises:
            NotFound: there is none, or it is somebody else's.
            Conflict: it is completed, cancelled or expired.
        """
        async with self._database.read() as session:
            return _record(_require_pending(await session.get(schema.Upload, upload_id), upload_id, owner), None)

    async def completed(self, upload_id: str, *, owner: str) -> PartialUpload | None:
        """Return an upload that has become a file, with that file while there is one; None for any other upload, or none."""
        async with self._database.read() as session:
            row = await session.get(schema.Upload, upload_id)
            if row is None or row.owner != owner or row.state != UploadState.COMPLETED:
                return None
            file = None if row.file_id is None else await session.get(schema.File, row.file_id)
            return _record(row, None if file is None else file_record(file))

    async def add_part(self, upload_id: str, blob: StoredBlob, *, owner: str) -> UploadPart:
        """Note a part whose bytes are stored.

        Raises:
            NotFound, Conflict: as in ``require_pending``.
            DocumentTooLarge: the parts hold far more bytes than were announced, or are too many.
        """
        async with self._database.write() as session:
            row = await _pending(session, upload_id, owner)
            part = UploadPart(id=new_id("part"), sha256=blob.sha256, size_bytes=blob.size_bytes)
            if len(row.parts) >= MAX_PARTS or sum(each["size_bytes"] for each in row.parts) + part.size_bytes > SENT_TWICE * row.size_bytes:
                raise DocumentTooLarge(f"The upload {upload_id} has more parts than {row.size_bytes:,} bytes need.", param="data")
            await refer(session, sha256=blob.sha256, size_bytes=blob.size_bytes)
            row.parts = [*row.parts, {"id": part.id, "sha256": part.sha256, "size_bytes": part.size_bytes}]
        return part

    async def chosen_parts(self, upload_id: str, part_ids: Sequence[str], *, owner: str) -> tuple[PartialUpload, tuple[UploadPart, ...]]:
        """Return the parts that a file is made of, in the order that is asked for.

        Raises:
            NotFound, Conflict: as in ``require_pending``.
            InvalidInput: a part is unknown, or together they have another size than was announced.
        """
        upload = await self.require_pending(upload_id, owner=owner)
        known = {part.id: part for part in upload.parts}
        for part_id in part_ids:
            if part_id not in known:
                raise InvalidInput(f"The upload {upload_id} has no part {part_id}.", param="part_ids")
        chosen = tuple(known[part_id] for part_id in part_ids)
        n_bytes = sum(part.size_bytes for part in chosen)
        if n_bytes != upload.size_bytes:
            raise InvalidInput(
                f"The parts have {n_bytes:,} bytes together; {upload.size_bytes:,} were announced.",
                hint="Send what is missing, or name other parts.",
                param="part_ids",
            )
        return upload, chosen

    async def complete(self, upload_id: str, blob: StoredBlob, *, owner: str) -> tuple[PartialUpload, tuple[str, ...]]:
        """Make the file, whose bytes are stored; return the upload, and the blobs of parts that nothing refers to any more.

        Raises:
            NotFound, Conflict: as in ``require_pending``.
        """
        async with self._database.write() as session:
            row = await _pending(session, upload_id, owner)
            moment = now()
            lives = row.file_expires_after_s
            file = schema.File(
                id=new_id("file"),
                owner=owner,
                blob_sha256=blob.sha256,
                filename=row.filename,
                purpose=row.purpose,
                media_type=None,
                size_bytes=blob.size_bytes,
                created_at=moment,
                expires_at=None if lives is None else moment + timedelta(seconds=lives),
            )
            await refer(session, sha256=blob.sha256, size_bytes=blob.size_bytes)
            session.add(file)
            await session.flush()
            released = await _release(session, row)
            row.state, row.file_id = UploadState.COMPLETED, file.id
            return _record(row, file_record(file)), released

    async def cancel(self, upload_id: str, *, owner: str) -> tuple[PartialUpload, tuple[str, ...]]:
        """Give an upload up; return it, and the blobs of parts that nothing refers to any more.

        Raises:
            NotFound, Conflict: as in ``require_pending``.
        """
        async with self._database.write() as session:
            row = await _pending(session, upload_id, owner)
            released = await _release(session, row)
            row.state = UploadState.CANCELLED
            return _record(row, None), released

    async def expire(self, moment: datetime | None = None) -> tuple[str, ...]:
        """Give up all uploads whose time is over; return the blobs of parts that nothing refers to any more."""
        over = select(schema.Upload).where(schema.Upload.state == UploadState.PENDING, schema.Upload.expires_at <= (moment or now()))
        async with self._database.write() as session:
            released: list[str] = []
            for row in (await session.scalars(over.order_by(schema.Upload.id).with_for_update(skip_locked=True))).all():
                released += await _release(session, row)
                row.state = UploadState.EXPIRED
            return tuple(dict.fromkeys(released))


async def _pending(session: AsyncSession, upload_id: str, owner: str) -> schema.Upload:
    return _require_pending(await session.get(schema.Upload, upload_id, with_for_update=True), upload_id, owner)


def _require_pending(row: schema.Upload | None, upload_id: str, owner: str) -> schema.Upload:
    if row is None or row.owner != owner:
        raise NotFound(f"There is no upload {upload_id}.", param="upload_id")
    state = UploadState.EXPIRED if row.state == UploadState.PENDING and row.expires_at <= now() else UploadState(row.state)
    if state != UploadState.PENDING:
        raise Conflict(f"The upload {upload_id} is {state.value}.", hint="Begin another one.", param="upload_id")
    return row


async def _release(session: AsyncSession, row: schema.Upload) -> tuple[str, ...]:
    """Count the references to an upload's parts off; return the blobs that have none left."""
    released: list[str] = []
    for sha256 in sorted(each["sha256"] for each in row.parts):
        blob = await session.get(schema.Blob, sha256, with_for_update=True)
        if blob is not None:
            blob.n_references -= 1
            released += [sha256] if blob.n_references <= 0 else []
    row.parts = []
    return tuple(dict.fromkeys(released))


def _record(row: schema.Upload, file: FileRecord | None) -> PartialUpload:
    return PartialUpload(
        id=row.id,
        owner=row.owner,
        filename=row.filename,
        purpose=row.purpose,
        size_bytes=row.size_bytes,
        state=UploadState(row.state),
        parts=tuple(UploadPart(id=each["id"], sha256=each["sha256"], size_bytes=each["size_bytes"]) for each in row.parts),
        created_at=row.created_at,
        expires_at=row.expires_at,
        file=file,
    )
