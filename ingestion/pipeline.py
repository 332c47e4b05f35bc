"""The way of one document: parse → clean → chunk → embed → write → commit. Each step is idempotent, so that a job can be begun again."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease
from footnote.core.catalog.records import AttachmentRecord, JobRecord
from footnote.core.errors import FootnoteError, UnreadableDocument
from footnote.core.ids import point_id
from footnote.core.offload import offload
from footnote.core.settings import ChunkingSettings, IngestionSettings
from footnote.core.telemetry import Telemetry
from footnote.core.types import Chunk, Document, JobState
from ingestion.chunking import chunk, windows
from ingestion.parser_pool import ParserPool
from ingestion.recipe import Recipe, chunking_recipe, parser_of
from retrieval.embedder.port import Embedder
from retrieval.index.port import Index, Point


@dataclass(frozen=True, slots=True)
class _Window:
    """A text to embed, and whose it is."""

    chunk: Chunk
    number: int
    text: str


class Pipeline:
    """Ingests one attachment at a time; several may run beside each other."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: BlobStore,
        index: Index,
        embedder: Embedder,
        parsers: ParserPool,
        settings: IngestionSettings,
        chunking: ChunkingSettings,
        telemetry: Telemetry,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._index = index
        self._embedder = embedder
        self._parsers = parsers
        self._settings = settings
        self._chunking = chunking
        self._telemetry = telemetry

    async def run(self, job: JobRecord, lease: JobLease) -> None:
        """Take a job from its file to a live version.

        Raises:
            LeaseLost: the job was cancelled or is another worker's.
            FootnoteError: a step failed; its class says whether trying again can help.
        """
        attachment = await self._catalog.attachments.by_id(job.attachment_id)
        document_id, document = await self._read(attachment, lease)
        recipe = self._recipe(attachment)
        version = await self._catalog.versions.begin(
            attachment_id=attachment.id,
            document_id=document_id,
            content_sha256=attachment.file.blob_sha256,
            recipe=recipe.as_json(),
            recipe_sha256=recipe.sha256,
            lease=lease,
        )
        try:
            chunks = await self._chunk(document, recipe, version_id=version.id, lease=lease)
            n_points = await self._embed_and_write(attachment, version.id, chunks, lease)
            await self._follow_changes(attachment)
            retired = await self._catalog.versions.publish(version.id, n_points=n_points, lease=lease)
        except FootnoteError:
            await self._drop_orphans(version.id)
            raise
        except asyncio.CancelledError:
            with contextlib.suppress(FootnoteError):  # nothing may take the place of the cancellation
                await self._drop_orphans(version.id)
            raise
        await self.forget(retired)

    async def forget(self, version_ids: Sequence[str]) -> None:
        """Take versions that are no longer shown out of the index, then out of the catalog; in this order none is ever lost."""
        if version_ids:
            await self._index.delete_versions(version_ids)
            await self._catalog.versions.forget(version_ids)

    async def _follow_changes(self, written: AttachmentRecord) -> None:
        """Give the points the attributes and readers that were changed while they were written: some carry the older ones.

        A change that comes later finds all points written, and changes them itself.
        """
        current = await self._catalog.attachments.by_id(written.id)
        while (current.principals, current.attributes) != (written.principals, written.attributes):
            await self._index.update_payload(current.id, principals=current.principals, attributes=current.attributes)
            written, current = current, await self._catalog.attachments.by_id(written.id)

    async def _drop_orphans(self, version_id: str) -> None:
        """Delete what was written of a version that was given up meanwhile: whoever did that cannot have seen the last points."""
        if await self._catalog.versions.is_given_up(version_id):
            await self._index.delete_versions([version_id])

    def _recipe(self, attachment: AttachmentRecord) -> Recipe:
        return Recipe(
            parser=parser_of(attachment.file.filename),
            chunking=chunking_recipe(attachment.chunking, settings=self._chunking, window_tokens=self._embedder.recipe.max_tokens),
            embedding=self._embedder.recipe,
        )

    async def _read(self, attachment: AttachmentRecord, lease: JobLease) -> tuple[str, Document]:
        """Parse and clean, unless this owner's same bytes were read before."""
        parser = parser_of(attachment.file.filename)
        known = await self._catalog.versions.find_document(owner=attachment.owner, blob_sha256=attachment.file.blob_sha256, parser=parser)
        if known is not None:
            return known
        with self._telemetry.stage("parse") as parsing:
            path = await self._blobs.path(attachment.file.blob_sha256)
            parsed = await self._parsers.parse(path, filename=attachment.file.filename)
        await self._catalog.jobs.advance(
            lease, JobState.CLEANING, counts={"pages": parsed.n_pages or 0}, seconds={"parse": parsing.ms / 1000}
        )
        with self._telemetry.stage("clean") as cleaning:
            document = await self._parsers.clean(parsed)
        await self._catalog.jobs.advance(lease, JobState.CHUNKING, seconds={"clean": cleaning.ms / 1000})
        document_id = await self._catalog.versions.store_document(
            document, owner=attachment.owner, blob_sha256=attachment.file.blob_sha256, parser=parser, lease=lease
        )
        return document_id, document

    async def _chunk(self, document: Document, recipe: Recipe, *, version_id: str, lease: JobLease) -> list[Chunk]:
        await self._catalog.jobs.advance(lease, JobState.CHUNKING)
        with self._telemetry.stage("chunk") as stage:
            chunks = await offload(
                chunk,
                document,
                recipe=recipe.chunking,
                token_spans=self._embedder.token_spans,
                window_tokens=recipe.embedding.max_tokens,
                version_id=version_id,
            )
        if not chunks:
            raise UnreadableDocument("The document holds no text.", hint="If it is scanned, recognise its text (OCR) before uploading it.")
        await self._catalog.versions.store_chunks(version_id, chunks, lease=lease)
        await self._catalog.jobs.advance(
            lease, JobState.EMBEDDING, counts={"chunks": len(chunks), "chunks_done": 0}, seconds={"chunk": stage.ms / 1000}
        )
        return chunks

    async def _embed_and_write(self, attachment: AttachmentRecord, version_id: str, chunks: Sequence[Chunk], lease: JobLease) -> int:
        """Embed and write batch by batch: memory does not grow with the document, and another attempt writes the same points."""
        n_points, n_chunks = 0, 0
        embed_s = write_s = 0.0
        for batch in _batches(chunks, self._settings.embed_batch_chunks):
            texts = await offload(self._windows, batch)
            with self._telemetry.stage("embed") as embedding:
                vectors = await self._embedder.embed_documents([window.text for window in texts])
            points = [
                _point(window, vector, attachment=attachment, version_id=version_id) for window, vector in zip(texts, vectors, strict=True)
            ]
            with self._telemetry.stage("write") as writing:
                await self._index.upsert(points)
            n_points, n_chunks = n_points + len(points), n_chunks + len(batch)
            embed_s, write_s = embed_s + embedding.ms / 1000, write_s + writing.ms / 1000
            state = JobState.WRITING if n_chunks == len(chunks) else JobState.EMBEDDING
            await self._catalog.jobs.advance(
                lease, state, counts={"chunks_done": n_chunks}, seconds={"embed": round(embed_s, 3), "write": round(write_s, 3)}
            )
        return n_points

    def _windows(self, chunks: Sequence[Chunk]) -> list[_Window]:
        window_tokens = self._embedder.recipe.max_tokens
        return [
            _Window(chunk=each, number=number, text=text)
            for each in chunks
            for number, text in enumerate(windows(each, token_spans=self._embedder.token_spans, window_tokens=window_tokens))
        ]


def _batches(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    for first in range(0, len(chunks), size):
        yield chunks[first : first + size]


def _point(window: _Window, vector: Any, *, attachment: AttachmentRecord, version_id: str) -> Point:
    return Point(
        id=point_id(version_id=version_id, chunk_id=window.chunk.id, window=window.number),
        collection_id=attachment.collection_id,
        attachment_id=attachment.id,
        version_id=version_id,
        chunk_id=window.chunk.id,
        window=window.number,
        page=window.chunk.page,
        principals=attachment.principals,
        attributes=attachment.attributes,
        dense=vector,
        text=window.text,
    )
