"""Short words for what the tests let happen: somebody uploads, attaches, and a worker ingests."""

import hashlib
from dataclasses import replace

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease
from footnote.core.catalog.records import AttachmentRecord, FileRecord, JobRecord, View
from footnote.core.ids import chunk_id
from footnote.core.types import EVERYONE, Caller, Chunk, Document, Element, ElementKind

PARSER = "parser-1"
LEASE_S = 60.0
MAX_ATTEMPTS = 4


def caller(owner: str, *principals: str, is_operator: bool = False) -> Caller:
    """Return somebody as the API makes them: with everyone's principal and one of their own."""
    return Caller(owner=owner, principals=frozenset({EVERYONE, f"owner:{owner}", *principals}), is_operator=is_operator)


ANN, BEN = caller("ann"), caller("ben")


async def upload(catalog: Catalog, by: Caller = ANN, *, text: str = "Tides follow the moon.", filename: str = "tides.txt") -> FileRecord:
    return await catalog.files.create(
        owner=by.owner,
        filename=filename,
        purpose="assistants",
        blob_sha256=hashlib.sha256(text.encode()).hexdigest(),
        size_bytes=len(text.encode()),
        media_type="text/plain",
    )


async def collection(catalog: Catalog, by: Caller = ANN, *principals: str, name: str = "sea") -> str:
    return (await catalog.collections.create(caller=by, principals=principals, name=name)).id


async def attach(catalog: Catalog, collection_id: str, file: FileRecord, by: Caller = ANN, **options: object) -> AttachmentRecord:
    return await catalog.attachments.attach(collection_id=collection_id, file_id=file.id, caller=by, **options)


async def erase(catalog: Catalog, file: FileRecord, *, n_points_left: int = 0) -> list[str]:
    """Erase a file from the catalog, to the end; return the blobs whose bytes were to be removed."""
    removed: list[str] = []

    async def remove_bytes(sha256: str) -> None:
        removed.append(sha256)

    erasure = await catalog.erasures.begin(file.id, owner=file.owner)
    assert await catalog.erasures.erase_text(erasure, n_points_left=n_points_left, remove_bytes=remove_bytes)
    await catalog.erasures.finish(erasure, purged=True)
    return removed


async def claim(catalog: Catalog, worker_id: str = "worker-1", lease_s: float = LEASE_S) -> tuple[JobRecord, JobLease]:
    claimed = await catalog.jobs.claim(worker_id=worker_id, lease_s=lease_s, max_attempts=MAX_ATTEMPTS)
    assert claimed is not None, "a job waits"
    return claimed


async def build(catalog: Catalog, job: JobRecord, lease: JobLease, *, text: str, recipe: str = "recipe-1") -> str:
    """Store document, version and chunks (a sentence each) as a worker does; return the pending version."""
    attachment = await catalog.attachments.by_id(job.attachment_id)
    document_id = await catalog.versions.store_document(
        document(text), owner=attachment.owner, blob_sha256=attachment.file.blob_sha256, parser=PARSER, lease=lease
    )
    version = await catalog.versions.begin(
        attachment_id=attachment.id,
        document_id=document_id,
        content_sha256=attachment.file.blob_sha256,
        recipe={"name": recipe},
        recipe_sha256=recipe,
        lease=lease,
    )
    await catalog.versions.store_chunks(version.id, chunks(version.id, text), lease=lease)
    return version.id


async def ingest(catalog: Catalog, *, text: str = "Tides follow the moon.") -> str:
    """Do the oldest job that waits; return the live version."""
    job, lease = await claim(catalog)
    version_id = await build(catalog, job, lease, text=text)
    await catalog.versions.publish(version_id, n_points=len(chunks(version_id, text)), lease=lease)
    return version_id


async def view(catalog: Catalog) -> View:
    """What a search in all collections may see."""
    async with catalog.database.read() as session:
        return await catalog.versions.view(await session.scalars(select(schema.Collection.id)))


async def unhidden(catalog: Catalog) -> View:
    """A view from before anything was begun: nothing in it is hidden."""
    return replace(await view(catalog), hidden=frozenset())


def document(text: str) -> Document:
    return Document(text=text, elements=(Element(kind=ElementKind.TEXT, start=0, end=len(text)),), media_type="text/plain")


def chunks(version_id: str, text: str) -> list[Chunk]:
    made: list[Chunk] = []
    start = 0
    for ordinal, sentence in enumerate(text.split(". ")):
        end = start + len(sentence)
        made.append(
            Chunk(
                id=chunk_id(version_id=version_id, ordinal=ordinal),
                ordinal=ordinal,
                start=start,
                end=end,
                text=sentence,
                context="",
                page=None,
                n_tokens=len(sentence.split()),
            )
        )
        start = end + 2
    return made
