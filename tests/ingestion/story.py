"""Everything that a document passes through, with real parts; faults are put in at the index's door."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.records import AttachmentRecord
from footnote.core.settings import ChunkingSettings, IndexSettings, IngestionSettings
from footnote.core.telemetry import Telemetry
from footnote.core.types import EVERYONE, Attributes, Caller
from ingestion.parser_pool import ParserPool
from ingestion.pipeline import Pipeline
from ingestion.worker import IngestionWorker
from retrieval.embedder.port import Embedder
from retrieval.index.factory import FOLDER, create_index
from retrieval.index.port import Index, Point
from retrieval.spaces import Space, Spaces

CALLER = Caller(owner="local", principals=frozenset({EVERYONE, "owner:local"}))
MANY_PARAGRAPHS = "\n\n".join(f"# Section {n}\n\nParagraph {n} says that pump {n} delivers {n * 3} litres an hour." for n in range(1, 30))


JOBS_AT_ONCE = 4


class Faulty:
    """The real index; ``before_upsert`` may raise, or wait, before points reach it."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.before_upsert: Callable[[int], Awaitable[None]] | None = None
        self.n_upserts = 0

    def __getattr__(self, name: str):
        return getattr(self._index, name)

    async def upsert(self, points: list[Point]) -> None:
        self.n_upserts += 1
        if self.before_upsert is not None:
            await self.before_upsert(self.n_upserts)
        await self._index.upsert(points)


class Ingestion:
    """Everything that a document passes through."""

    def __init__(
        self, catalog: Catalog, blobs: FolderBlobStore, index: Faulty, embedder: Embedder, parsers: ParserPool, folder: Path
    ) -> None:
        self.catalog = catalog
        self.blobs = blobs
        self.index = index
        self._embedder = embedder
        self._parsers = parsers
        self._folder = folder

    async def lose_the_index(self) -> None:
        """Close it, remove its folder, and open an empty one."""
        await self.index.close()
        shutil.rmtree(self._folder / FOLDER)
        index = create_index(IndexSettings(), data_dir=self._folder, recipe=self._embedder.recipe)
        await index.open()
        self.index = Faulty(index)

    def spaces(self) -> Spaces:
        """Return the settings' space alone."""
        return Spaces(catalog=self.catalog, default=Space(self._embedder, self.index))

    async def upload(self, text: str | bytes, *, filename: str = "pumps.md", attributes: Attributes | None = None) -> AttachmentRecord:
        content = text.encode() if isinstance(text, str) else text

        async def stream() -> AsyncIterator[bytes]:
            yield content

        blob = await self.blobs.put(stream(), max_bytes=10**9)
        file = await self.catalog.files.create(
            owner=CALLER.owner,
            filename=filename,
            purpose="assistants",
            blob_sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            media_type=None,
        )
        return await self.catalog.attachments.attach(
            collection_id=DEFAULT_COLLECTION, file_id=file.id, caller=CALLER, attributes=attributes
        )

    async def start(self, *, lease_s: float = 60, alone: bool = True, application_version: str = "1.0") -> IngestionWorker:
        settings = IngestionSettings(embed_batch_chunks=5, max_attempts=3, lease_s=lease_s, jobs_at_once=JOBS_AT_ONCE)
        spaces = self.spaces()
        pipeline = Pipeline(
            catalog=self.catalog,
            blobs=self.blobs,
            spaces=spaces,
            parsers=self._parsers,
            settings=settings,
            chunking=ChunkingSettings(),
            telemetry=Telemetry(),
        )
        worker = IngestionWorker(
            catalog=self.catalog,
            spaces=spaces,
            pipeline=pipeline,
            settings=settings,
            telemetry=Telemetry(),
            application_version=application_version,
        )
        await worker.start(alone=alone)
        return worker

    async def run_until_final(self, attachment: AttachmentRecord) -> AttachmentRecord:
        worker = await self.start()
        try:
            return await self.final(attachment)
        finally:
            await worker.close()

    async def final(self, attachment: AttachmentRecord) -> AttachmentRecord:
        async with asyncio.timeout(60):
            while not (now := await self.catalog.attachments.by_id(attachment.id)).job.state.is_final:
                await asyncio.sleep(0.02)
        return now

    async def n_points_of(self, attachment: AttachmentRecord) -> tuple[int, int]:
        """Return the points in the index altogether, and the chunks of the live version."""
        now = await self.catalog.attachments.by_id(attachment.id)
        chunks = () if now.live_version_id is None else await self.catalog.versions.chunks_of(now.live_version_id)
        return await self.index.count(), len(chunks)


async def kill(worker: IngestionWorker) -> None:
    """End a worker as a kill would: nothing is put back, no lease is given up, its heartbeat stays."""
    tasks = [*worker._tasks, *worker._running]
    for task in tasks:
        task.cancel()
    await worker._pipeline.end_writes()
    await asyncio.gather(*tasks, return_exceptions=True)
