"""What must hold once all jobs have ended, looked up in the stores themselves: catalog, index and blobs."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import FINAL
from footnote.core.types import VersionState
from retrieval.index.edge import EdgeIndex
from retrieval.index.edge_folder import STAMP
from retrieval.index.port import Index
from retrieval.index.schema import IndexStamp


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one document ended, without ids: the same in every run."""

    filename: str
    state: str
    error_code: str | None
    n_points: int
    chunks_sha256: str


async def outcomes(catalog: Catalog) -> list[Outcome]:
    """Return how every attachment ended, in the order of the names; a twin stands as its original does."""
    async with catalog.database.read() as session:
        attachments = {row.id: row for row in await session.scalars(select(schema.Attachment))}
        filenames = dict((await session.execute(select(schema.File.id, schema.File.filename))).all())
        jobs = {row.id: row for row in await session.scalars(select(schema.Job))}
        versions = {
            row.attachment_id: row for row in await session.scalars(select(schema.Version).where(schema.Version.state == VersionState.LIVE))
        }
        texts: dict[str, list[str]] = {}
        for version_id, text in await session.execute(
            select(schema.Chunk.version_id, schema.Chunk.text).order_by(schema.Chunk.version_id, schema.Chunk.ordinal)
        ):
            texts.setdefault(version_id, []).append(text)
    found = []
    for row in attachments.values():
        standing = attachments[row.twin_of_id] if row.twin_of_id else row
        job, version = jobs[standing.job_id or ""], versions.get(standing.id)
        found.append(
            Outcome(
                filename=filenames[row.file_id],
                state=job.state,
                error_code=job.error_code,
                n_points=0 if version is None else version.n_points,
                chunks_sha256=hashlib.sha256("\x00".join(texts.get(version.id, []) if version else []).encode()).hexdigest(),
            )
        )
    return sorted(found, key=lambda outcome: (outcome.filename, outcome.state))


async def faults(catalog: Catalog, index: Index, *, names: Sequence[str], blobs: Path) -> list[str]:
    """Return all that is wrong with the stores: nothing is, where every document of ``names`` has ended once and nothing is left over."""
    async with catalog.database.read() as session:
        filenames = Counter(await session.scalars(select(schema.File.filename)))
        attached = Counter(
            await session.scalars(select(schema.File.filename).join(schema.Attachment, schema.Attachment.file_id == schema.File.id))
        )
        unfinished = (await session.scalars(select(schema.Job.id).where(schema.Job.state.not_in(FINAL)))).all()
        versions = (await session.scalars(select(schema.Version))).all()
        live = [row for row in versions if row.state == VersionState.LIVE]
        referred = set(await session.scalars(select(schema.Blob.sha256).where(schema.Blob.n_references > 0)))
        unreferred = (await session.scalars(select(schema.Blob.sha256).where(schema.Blob.n_references <= 0))).all()
        sizes = dict((await session.execute(select(schema.Blob.sha256, schema.Blob.n_references))).all())
        shared = Counter(await session.scalars(select(schema.File.blob_sha256)))
    wrong: list[str] = []

    def expect(what: str, found: object, wanted: object) -> None:
        if found != wanted:
            wrong.append(f"{what}: found {found!r}, expected {wanted!r}")

    expect("files", filenames, Counter(names))
    expect("attachments", attached, Counter(names))
    expect("jobs that have not ended", list(unfinished), [])
    expect("versions that are not live", [f"{row.id} {row.state}" for row in versions if row.state != VersionState.LIVE], [])
    expect("attachments with two live versions", [a for a, n in Counter(row.attachment_id for row in live).items() if n > 1], [])
    for row in live:
        expect(f"points of {row.id}", await index.count(version_id=row.id), row.n_points)
    expect("points in all", await index.count(), sum(row.n_points for row in live))
    expect("references of blobs", sizes, dict(shared))
    expect("blobs without references", list(unreferred), [])
    expect("bytes in the blob store", _stored(blobs), referred)
    return wrong


def _stored(blobs: Path) -> set[str]:
    return {path.parent.name + path.name for path in blobs.glob("[0-9a-f][0-9a-f]/*")}


@asynccontextmanager
async def edge_index(data_dir: Path) -> AsyncIterator[Index]:
    """Open the one Edge index of a data directory that nobody owns."""
    (stamp,) = (data_dir / "index").rglob(STAMP)
    index = EdgeIndex(stamp.parent, recipe=IndexStamp.from_json(stamp.read_text()).recipe)
    await index.open()
    try:
        yield index
    finally:
        await index.close()
