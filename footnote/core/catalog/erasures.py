"""Erasures: what is done to the catalog when a file is erased, and the receipts that say so.

An erasure is begun by one write, which hides the file's text from every search, and done by another, which takes its last text out of the
catalog together with its bytes. Whatever happens between the two, and after them, ``unfinished`` names the erasure until ``finish``
has been called: so one that was cut off is gone on with.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.attachments import detach_file
from footnote.core.catalog.database import Database
from footnote.core.catalog.detaching import WHOLE
from footnote.core.catalog.moment import now
from footnote.core.catalog.quotations import Look, Quotations, erase_quotations, find_quotations, look
from footnote.core.catalog.unused_documents import forget_unused_documents
from footnote.core.errors import NotFound
from footnote.core.ids import new_id
from footnote.core.types import VersionState

ErasureState = Literal["begun", "erased", "done"]
"""``begun``: no search finds it. ``erased``: text and bytes are gone. ``done``: nothing of them is left in the stores' files either."""

RemoveBytes = Callable[[str], Awaitable[None]]
IDS_PER_STATEMENT = 1_000


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """What there is of a file: counted, and after the erasure counted again.

    ``bytes`` are what the owner's files with this content take, ``turns`` those that still have text. Other owners are not counted:
    a receipt does not tell who else has the same bytes.
    """

    attachments: int = 0
    versions: int = 0
    points: int = 0
    chunks: int = 0
    documents: int = 0
    bytes: int = 0
    turns: int = 0
    feedback: int = 0
    cases: int = 0
    training_rows: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What erasing a file came to: counts and ids, no text.

    Args:
        before: what there was.
        after: what a count found afterwards; None until the text is gone.
        adapters: adapters that were trained on rows which came from the file. They stay: retire them, or train anew.
        kept_for: the owner's other files with the same bytes, for which bytes and parsed text stay.
        purged: whether the stores' own files were rewritten, so that nothing is left on the disk; False where a server does that in its
            own time, None until it is known.
    """

    id: str
    file_id: str
    owner: str
    state: ErasureState
    before: ErasureCounts
    after: ErasureCounts | None
    adapters: tuple[str, ...]
    kept_for: tuple[str, ...]
    purged: bool | None
    begun_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure under way: what has to leave the index.

    Args:
        versions: the file's versions, retired and without text, each with the space that its points are in.
        at_work: those of them that a worker may still be writing points of, each with the moment when its lease ends.
    """

    receipt: Receipt
    versions: Mapping[str, str | None]
    at_work: Mapping[str, datetime]


class Erasures:
    """Erases files from the catalog, and keeps the receipts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, file_id: str, *, owner: str) -> Erasure:
        """Take a file out of all collections, with its jobs, and note that it is being erased; go on with what was begun before.

        From here on no search finds it, and a worker that reads it can store nothing of it any more.

        Raises:
            NotFound: there is no such file, or it is somebody else's, and no erasure of it is unfinished.
        """
        async with self._database.write() as session:
            file = await session.get(schema.File, file_id, with_for_update=True)
            row = await _unfinished(session, file_id, owner=owner)
            if file is None or file.owner != owner:
                if row is None:
                    raise NotFound(f"There is no file {file_id}.", param="file_id")
                return _erasure(row)
            if row is None:
                row = _new_row(file)
                session.add(row)
            work, receipt = _work(row), _receipt(row)
            found = {version: space for version, space in (await _versions_of(session, file)).items() if version not in work.versions}
            before = replace(
                receipt.before,
                attachments=receipt.before.attachments + await _n_attachments(session, file_id),
                versions=receipt.before.versions + len(found),
                chunks=receipt.before.chunks + await _n_chunks(session, list(found)),
                # From here on somebody else may tidy up points and document of what is retired, before they could be counted.
                points=receipt.before.points + await _n_points(session, list(found)),
                documents=max(receipt.before.documents, await _n_documents(session, owner=file.owner, sha256=file.blob_sha256)),
            )
            await detach_file(session, file_id)
            at_work = await _at_work(session, list(found))
            _write(
                row,
                replace(receipt, before=before),
                replace(work, versions={**work.versions, **found}, at_work={**work.at_work, **at_work}),
            )
        return _erasure(row)

    async def note_points(self, erasure: Erasure, n_points: int) -> None:
        """Note how many points an exact count finds, before they are deleted; a smaller number than is known already does not count."""
        async with self._database.write() as session:
            row = await session.get_one(schema.Erasure, erasure.receipt.id, with_for_update=True)
            receipt = _receipt(row)
            if n_points > receipt.before.points:
                _write(row, replace(receipt, before=replace(receipt.before, points=n_points)), _work(row))

    async def has_version(self, version_ids: Sequence[str]) -> bool:
        """Whether one of the versions has not been forgotten yet."""
        async with self._database.read() as session:
            return bool(await _n_versions(session, version_ids))

    async def erase_text(self, erasure: Erasure, *, n_points_left: int, remove_bytes: RemoveBytes) -> bool:
        """Take the file, its parsed text and what repeats it out of the catalog, and its bytes where no other file has them.

        Bytes and records go together: while ``remove_bytes`` runs the blob's row is locked, so that nobody can begin to share it.

        Returns:
            False where the file was attached again meanwhile: then nothing was done, and the erasure has to be begun anew.
        """
        looked = await self._look(erasure)
        async with self._database.write() as session:
            # The order in which rows are locked is that of `begin` and of a turn that is being kept: the file first.
            file = await session.get(schema.File, erasure.receipt.file_id, with_for_update=True)
            row = await session.get_one(schema.Erasure, erasure.receipt.id, with_for_update=True)
            if file is None:
                return True
            if await _n_attachments(session, file.id):
                return False
            work, receipt = _work(row), _receipt(row)
            n_documents = await _n_documents(session, owner=file.owner, sha256=file.blob_sha256)
            await _forget_versions(session, list(work.versions))
            attachment_ids = tuple(await session.scalars(_former_ids(file.id)))
            quotations = await find_quotations(session, attachment_ids, before=looked)
            before = replace(
                receipt.before,
                documents=max(receipt.before.documents, n_documents),
                bytes=await _n_bytes(session, owner=file.owner, sha256=file.blob_sha256),
                turns=len(quotations.turn_ids),
                feedback=len(quotations.feedback_ids),
                cases=len(quotations.case_ids),
                training_rows=len(quotations.training_row_ids),
            )
            await erase_quotations(session, quotations)
            kept_for = tuple(await session.scalars(_others_with_the_bytes(file)))
            await _remove_file(session, file, keep_documents=bool(kept_for))
            if await _let_go_of_blob(session, file.blob_sha256):
                await remove_bytes(file.blob_sha256)
            after = replace(await _recounted(session, file, versions=list(work.versions), quotations=quotations), points=n_points_left)
            erased = replace(receipt, state="erased", before=before, after=after, adapters=quotations.adapter_ids, kept_for=kept_for)
            _write(row, erased, work)
        return True

    async def _look(self, erasure: Erasure) -> Look:
        """Compare turns with what they may repeat, which takes its time, while others write."""
        async with self._database.read() as session:
            attachment_ids = tuple(await session.scalars(_former_ids(erasure.receipt.file_id)))
            return await look(session, attachment_ids, before=Look())

    async def finish(self, erasure: Erasure, *, purged: bool) -> Receipt:
        """Note that all is done, and return the receipt."""
        async with self._database.write() as session:
            row = await session.get_one(schema.Erasure, erasure.receipt.id, with_for_update=True)
            if row.finished_at is None:
                row.finished_at = now()
                _write(row, replace(_receipt(row), state="done", purged=purged, finished_at=row.finished_at), None)
        return _receipt(row)

    async def unfinished(self) -> tuple[Receipt, ...]:
        """Return the erasures that were begun and not finished, oldest first."""
        query = select(schema.Erasure).where(schema.Erasure.finished_at.is_(None)).order_by(schema.Erasure.id)
        async with self._database.read() as session:
            return tuple([_receipt(row) for row in await session.scalars(query)])

    async def receipt(self, file_id: str, *, owner: str) -> Receipt:
        """Return the receipt of a file that its owner erased.

        Raises:
            NotFound: the file was not erased, or is somebody else's.
        """
        query = select(schema.Erasure).where(schema.Erasure.file_id == file_id, schema.Erasure.owner == owner)
        async with self._database.read() as session:
            row = (await session.scalars(query)).first()
        if row is None:
            raise NotFound(f"There is no receipt for the file {file_id}.", hint="It was not erased, or not by you.", param="file_id")
        return _receipt(row)


# ------------------------------------------------------------------------------------------------------------------------- the steps


@dataclass(frozen=True, slots=True)
class _Work:
    """What an unfinished erasure has to know when it is gone on with; it leaves the receipt in the end."""

    versions: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    at_work: Mapping[str, str] = field(default_factory=dict[str, str])


async def _unfinished(session: AsyncSession, file_id: str, *, owner: str) -> schema.Erasure | None:
    query = select(schema.Erasure).where(
        schema.Erasure.file_id == file_id, schema.Erasure.owner == owner, schema.Erasure.finished_at.is_(None)
    )
    return (await session.scalars(query.order_by(schema.Erasure.id).with_for_update())).first()


async def _versions_of(session: AsyncSession, file: schema.File) -> dict[str, str | None]:
    """Return the file's versions with their spaces: also those that an earlier detaching has retired, whose points may still be there.

    Of these it is known only which document they were made of, so those of the owner's other files with the same bytes go along.
    """
    version, attachment, document = schema.Version, schema.Attachment, schema.Document
    attached = select(attachment.id).where(attachment.file_id == file.id)
    documents = select(document.id).where(document.owner == file.owner, document.blob_sha256 == file.blob_sha256)
    left = version.attachment_id.is_(None) & version.document_id.in_(documents)
    query = select(version.id, version.space).where(or_(version.attachment_id.in_(attached), left))
    return {row.id: row.space for row in await session.execute(query)}


async def _at_work(session: AsyncSession, version_ids: Sequence[str]) -> dict[str, str]:
    """Return those of the versions, just given up, that a worker may have a batch of points under way of, and until when."""
    version = schema.Version
    until: dict[str, str] = {}
    for some in _parts(version_ids):
        query = select(version.id, version.written_until).where(version.id.in_(some), version.written_until > now())
        until.update({row.id: row.written_until.isoformat() for row in await session.execute(query)})
    return until


async def _forget_versions(session: AsyncSession, version_ids: Sequence[str]) -> None:
    for some in _parts(version_ids):
        these = schema.Version.id.in_(some) & (schema.Version.state == VersionState.RETIRED)
        documents = await session.scalars(select(schema.Version.document_id).where(these, schema.Version.document_id.is_not(None)))
        document_ids = sorted({document_id for document_id in documents if document_id is not None})
        await session.execute(delete(schema.Version).where(these))
        await forget_unused_documents(session, document_ids)


async def _remove_file(session: AsyncSession, file: schema.File, *, keep_documents: bool) -> None:
    await session.execute(delete(schema.File).where(schema.File.id == file.id))
    if keep_documents:
        return
    document = schema.Document
    of_the_file = select(document.id).where(document.owner == file.owner, document.blob_sha256 == file.blob_sha256)
    await session.execute(
        update(document).where(document.near_duplicate_of_id.in_(of_the_file.scalar_subquery())).values(near_duplicate_of_id=None)
    )
    await session.execute(delete(document).where(document.owner == file.owner, document.blob_sha256 == file.blob_sha256))


async def _let_go_of_blob(session: AsyncSession, sha256: str) -> bool:
    """Count a reference less; drop the record where it was the last one, and say whether it was."""
    blob = await session.get(schema.Blob, sha256, with_for_update=True, populate_existing=True)
    if blob is None:
        return True  # the bytes may still be there
    blob.n_references -= 1
    if blob.n_references > 0:
        return False
    await session.delete(blob)
    await session.flush()
    return True


# --------------------------------------------------------------------------------------------------------------------------- counting


async def _recounted(session: AsyncSession, file: schema.File, *, versions: Sequence[str], quotations: Quotations) -> ErasureCounts:
    turn, feedback, case, row = schema.Turn, schema.Feedback, schema.EvaluationCase, schema.TrainingRow
    has_text = or_(turn.question != "", turn.query != "", turn.draft != "", turn.shown != "", cast(turn.prompt, Text) != "[]")
    has_words = or_(feedback.comment.is_not(None), feedback.correction.is_not(None))
    return ErasureCounts(
        attachments=await _n_attachments(session, file.id),
        versions=await _n_versions(session, versions),
        chunks=await _n_chunks(session, versions),
        documents=await _n_documents(session, owner=file.owner, sha256=file.blob_sha256),
        bytes=await _n_bytes(session, owner=file.owner, sha256=file.blob_sha256),
        turns=await _n_of(session, turn.id, quotations.turn_ids, has_text),
        feedback=await _n_of(session, feedback.id, quotations.feedback_ids, has_words),
        cases=await _n_of(session, case.id, quotations.case_ids, case.tombstone.is_(False)),
        training_rows=await _n_of(session, row.id, quotations.training_row_ids),
    )


async def _n_attachments(session: AsyncSession, file_id: str) -> int:
    return await session.scalar(select(func.count()).where(schema.Attachment.file_id == file_id)) or 0


async def _n_versions(session: AsyncSession, version_ids: Sequence[str]) -> int:
    return await _n_of(session, schema.Version.id, version_ids)


async def _n_chunks(session: AsyncSession, version_ids: Sequence[str]) -> int:
    return await _n_of(session, schema.Chunk.version_id, version_ids)


async def _n_points(session: AsyncSession, version_ids: Sequence[str]) -> int:
    """Return how many points those of the versions have that are whole, as the catalog knows it."""
    version = schema.Version
    n = 0
    for some in _parts(version_ids):
        whole = select(func.sum(version.n_points)).where(version.id.in_(some), version.state.in_(WHOLE))
        n += await session.scalar(whole) or 0
    return n


async def _n_documents(session: AsyncSession, *, owner: str, sha256: str) -> int:
    query = select(func.count()).where(schema.Document.owner == owner, schema.Document.blob_sha256 == sha256)
    return await session.scalar(query) or 0


async def _n_bytes(session: AsyncSession, *, owner: str, sha256: str) -> int:
    """Return the size of the bytes that the owner's files share, once; 0 where none is left."""
    query = select(func.max(schema.File.size_bytes)).where(schema.File.owner == owner, schema.File.blob_sha256 == sha256)
    return await session.scalar(query) or 0


async def _n_of(session: AsyncSession, column: Any, ids: Sequence[str], *conditions: ColumnElement[bool]) -> int:
    n = 0
    for some in _parts(ids):
        n += await session.scalar(select(func.count()).where(column.in_(some), *conditions)) or 0
    return n


def _former_ids(file_id: str) -> Any:
    return select(schema.FormerAttachment.id).where(schema.FormerAttachment.file_id == file_id).order_by(schema.FormerAttachment.id)


def _others_with_the_bytes(file: schema.File) -> Any:
    others = select(schema.File.id).where(schema.File.owner == file.owner, schema.File.blob_sha256 == file.blob_sha256)
    return others.where(schema.File.id != file.id).order_by(schema.File.id)


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + IDS_PER_STATEMENT] for first in range(0, len(ids), IDS_PER_STATEMENT)]


# ------------------------------------------------------------------------------------------------------------------------------- rows


def _new_row(file: schema.File) -> schema.Erasure:
    return schema.Erasure(
        id=new_id("rcpt"),
        owner=file.owner,
        file_id=file.id,
        receipt={"state": "begun", "before": asdict(ErasureCounts()), "work": asdict(_Work())},
        created_at=now(),
        finished_at=None,
    )


def _write(row: schema.Erasure, receipt: Receipt, work: _Work | None) -> None:
    row.receipt = {
        "state": receipt.state,
        "before": asdict(receipt.before),
        "after": None if receipt.after is None else asdict(receipt.after),
        "adapters": list(receipt.adapters),
        "kept_for": list(receipt.kept_for),
        "purged": receipt.purged,
        **({} if work is None else {"work": asdict(work)}),
    }


def _receipt(row: schema.Erasure) -> Receipt:
    stored = row.receipt
    after = stored.get("after")
    return Receipt(
        id=row.id,
        file_id=row.file_id,
        owner=row.owner,
        state=stored["state"],
        before=ErasureCounts(**stored["before"]),
        after=None if after is None else ErasureCounts(**after),
        adapters=tuple(stored.get("adapters", ())),
        kept_for=tuple(stored.get("kept_for", ())),
        purged=stored.get("purged"),
        begun_at=row.created_at,
        finished_at=row.finished_at,
    )


def _work(row: schema.Erasure) -> _Work:
    return _Work(**row.receipt.get("work", {}))


def _erasure(row: schema.Erasure) -> Erasure:
    work = _work(row)
    return Erasure(
        receipt=_receipt(row),
        versions=work.versions,
        at_work={version: datetime.fromisoformat(moment) for version, moment in work.at_work.items()},
    )
