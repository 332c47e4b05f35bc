"""The way of one document: parse → clean → chunk → embed → write → commit. Each step is idempotent, so that a job can be begun again.

Several documents are on their way beside each other; what they write, to the catalog and to the index, goes in joined calls, and their
texts are embedded in common batches.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from footnote.core.blobs import BlobStore
from footnote.core.catalog.building import Beginning, Outcome, Publishing, Step, Storing
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.documents import BytesOfOwner, ReadDocument, read_document
from footnote.core.catalog.jobs import JobLease, Note
from footnote.core.catalog.records import JobRecord, VersionRecord
from footnote.core.catalog.reindexes import Assignment, Target
from footnote.core.errors import FootnoteError, NotFound, UnreadableDocument
from footnote.core.ids import point_id
from footnote.core.offload import offload
from footnote.core.settings import ChunkingSettings, IngestionSettings
from footnote.core.telemetry import Telemetry
from footnote.core.types import Attributes, Chunk, Document, JobState
from ingestion.chunking import chunk, windows
from ingestion.embedding_batches import EmbeddingBatches, GiveWay, at_once
from ingestion.joined import Joined
from ingestion.one_at_a_time import OneAtATime
from ingestion.parser_pool import ParserPool
from ingestion.progress import ProgressBoard
from ingestion.recipe import Recipe, chunking_recipe, parser_of
from retrieval.embedder.port import Embedder
from retrieval.index.port import Index, Point
from retrieval.spaces import Spaces, forget_versions

JOINED_WRITES = 32
"""Writes of one transaction at most: others, those of the API among them, wait for its end."""

JOINED_CHUNKS = 500
"""Chunks that one of these writes may store; more are stored apart from them."""

LINGER_S = 0.2
LINGER_PER_JOB_S = LINGER_S / 16
"""How long a write, to the catalog or to the index, waits for those of other documents: at most, and for each that is on its way.

Each write goes to the disk before anything is told of it, which costs more than many small documents together; and the more there are on
their way, the sooner others come along.
"""

JOINED_UPSERTS = 64
JOINED_READS = 64


_Payload = tuple[frozenset[str], Attributes]


@dataclass(frozen=True, slots=True)
class _Space:
    """Where the vectors of a document lie: an embedder and an index, each with what its callers have in common."""

    embedder: Embedder
    index: Index
    embeddings: EmbeddingBatches
    upserts: Joined[Sequence[Point], None]


@dataclass(frozen=True, slots=True)
class _Work:
    """What the steps of one job share."""

    assignment: Assignment
    space: _Space
    recipe: Recipe
    edition: str | None
    lease: JobLease


@dataclass(frozen=True, slots=True)
class _Window:
    """A text to embed, and whose it is."""

    chunk: Chunk
    number: int
    text: str
    n_tokens: int


class Pipeline:
    """Ingests attachments; any number may run beside each other."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: BlobStore,
        spaces: Spaces,
        parsers: ParserPool,
        settings: IngestionSettings,
        chunking: ChunkingSettings,
        telemetry: Telemetry,
        give_way: GiveWay = at_once,
    ) -> None:
        self._give_way = give_way
        self._catalog = catalog
        self._blobs = blobs
        self._vectors = spaces
        self._parsers = parsers
        self._settings = settings
        self._chunking = chunking
        self._telemetry = telemetry
        self._n_running = 0
        self._progress = ProgressBoard(catalog.jobs)
        self._writes: Joined[Step, Outcome] = Joined(catalog.versions.build_all, at_most=JOINED_WRITES, linger_s=self._linger_s)
        self._assignments: Joined[JobRecord, Assignment] = Joined(catalog.reindexes.assignments_of, at_most=JOINED_READS)
        self._payloads: Joined[str, _Payload] = Joined(self._read_payloads, at_most=JOINED_READS)
        self._documents: Joined[BytesOfOwner, bool] = Joined(self._are_read, at_most=JOINED_READS)
        self._reading = OneAtATime()
        self._spaces: dict[str, _Space] = {}

    async def run(self, job: JobRecord, lease: JobLease) -> None:
        """Take a job from its file to a live version.

        Raises:
            LeaseLost: the job was cancelled or is another worker's.
            FootnoteError: a step failed; its class says whether trying again can help.
        """
        self._n_running += 1
        try:
            await self._run(job, lease)
        except Exception:
            await self._note_at_once(lease)
            raise
        finally:
            self._n_running -= 1
            self._progress.take(lease)

    def _linger_s(self) -> float:
        return linger_s(self._n_running)

    async def end_writes(self) -> None:
        """End the writes that are under way for jobs that were cancelled: these would wait for as long as a store is silent."""
        for joined in (self._writes, self._assignments, self._payloads, self._documents):
            await joined.close()
        for space in self._spaces.values():
            await space.upserts.close()

    async def close(self) -> None:
        """End what is under way for jobs; those have to have been cancelled before."""
        await self._progress.close()
        await self.end_writes()
        for space in self._spaces.values():
            await space.embeddings.close()

    async def _run(self, job: JobRecord, lease: JobLease) -> None:
        assignment = await self._assignments.add(job)
        async with self._space_of(assignment.target) as space:
            recipe = self._recipe(assignment, space.embedder)
            await self._build(_Work(assignment=assignment, space=space, recipe=recipe, edition=assignment.target.edition, lease=lease))

    async def _build(self, work: _Work) -> None:
        space, lease = work.space, work.lease
        version, document = await self._begin(work)
        try:
            chunks = await self._chunk(document, work, version_id=version.id)
            n_points = await self._embed_and_write(work, version.id, chunks)
            await self._follow_changes(work)
            retired = await self._publish(version.id, n_points=n_points, lease=lease)
        except FootnoteError:
            await self._drop_orphans(version.id, space.index)
            raise
        except asyncio.CancelledError:
            with contextlib.suppress(FootnoteError):  # nothing may take the place of the cancellation
                await self._drop_orphans(version.id, space.index)
            raise
        await self.forget(retired)

    async def forget(self, version_ids: Sequence[str]) -> None:
        """Take versions that are no longer shown out of the index, then out of the catalog; one failing space keeps its own alone."""
        await forget_versions(version_ids, catalog=self._catalog, index=self._vectors)

    @contextlib.asynccontextmanager
    async def _space_of(self, target: Target) -> AsyncGenerator[_Space]:
        """Keep open where a job's vectors lie: the one place that an embedder and an index of a job come from."""
        async with self._vectors.using(target.space) as space:
            yield await self._opened(space.embedder, space.index)

    async def _opened(self, embedder: Embedder, index: Index) -> _Space:
        name = embedder.recipe.space
        known = self._spaces.get(name)
        if known is not None and known.embedder is not embedder:  # it was closed meanwhile, and opened again
            del self._spaces[name]
            await known.embeddings.close()
            await known.upserts.close()
        if name not in self._spaces:

            async def upsert(batches: Sequence[Sequence[Point]]) -> Sequence[None]:
                await index.upsert([point for points in batches for point in points])
                return [None] * len(batches)

            upserts: Joined[Sequence[Point], None] = Joined(upsert, at_most=JOINED_UPSERTS, linger_s=self._linger_s)
            self._spaces[name] = _Space(embedder, index, EmbeddingBatches(embedder, give_way=self._give_way), upserts)
        return self._spaces[name]

    async def _follow_changes(self, work: _Work) -> None:
        """Give the points the attributes and readers that were changed while they were written: some carry the older ones.

        A change that comes later finds all points written, and changes them itself.
        """
        attachment_id = work.assignment.attachment_id
        written = (work.assignment.principals, work.assignment.attributes)
        current = await self._payloads.add(attachment_id)
        while current != written:
            principals, attributes = current
            await work.space.index.update_payload(attachment_id, principals=principals, attributes=attributes)
            written, current = current, await self._payloads.add(attachment_id)

    async def _read_payloads(self, attachment_ids: Sequence[str]) -> list[_Payload | NotFound]:
        found = await self._catalog.attachments.payloads(attachment_ids)
        return [found.get(each) or NotFound(f"There is no attachment {each}.") for each in attachment_ids]

    async def _drop_orphans(self, version_id: str, index: Index) -> None:
        """Delete what was written of a version that was given up meanwhile: whoever did that cannot have seen the last points."""
        if await self._catalog.versions.is_given_up(version_id):
            await index.delete_versions([version_id])

    def _recipe(self, assignment: Assignment, embedder: Embedder) -> Recipe:
        return Recipe(
            parser=parser_of(assignment.filename, redact=self._settings.redact),
            chunking=chunking_recipe(assignment.target.chunking, settings=self._chunking, window_tokens=embedder.recipe.max_tokens),
            embedding=embedder.recipe,
        )

    # ------------------------------------------------------------------------------------------------------------------------- steps

    async def _begin(self, work: _Work) -> tuple[VersionRecord, Document]:
        """Return the pending version and its document, which is read unless this owner's same bytes were, or are at this moment."""
        its = BytesOfOwner(owner=work.assignment.owner, blob_sha256=work.assignment.blob_sha256, parser=work.recipe.parser)
        async with self._reading.of(its):
            known = await self._catalog.versions.find_document(**its._asdict()) if await self._documents.add(its) else None
            if known is not None:
                return await self._begin_version(work, known[0]), known[1]
            read = await read_document(await self._read(work), **its._asdict())
            version = await self._begin_version(work, read)
        if version.document_id == read.id:
            return version, read.document
        # Another worker read the same bytes at the same time, perhaps on a host that recognises other text in their pictures. Offsets have
        # to point into the document that is kept.
        return version, await self._catalog.versions.document_of(version.id)

    async def _are_read(self, some: Sequence[BytesOfOwner]) -> list[bool]:
        known = await self._catalog.versions.known_documents(some)
        return [each in known for each in some]

    async def _begin_version(self, work: _Work, document: str | ReadDocument) -> VersionRecord:
        recipe = work.recipe
        beginning = Beginning(
            attachment_id=work.assignment.attachment_id,
            document=document,
            content_sha256=work.assignment.blob_sha256,
            recipe=recipe.as_json(),
            recipe_sha256=recipe.sha256,
            lease=work.lease,
            space=recipe.embedding.space,
            edition=work.edition,
        )
        version = await self._writes.add(beginning)
        assert isinstance(version, VersionRecord)
        return version

    async def _read(self, work: _Work) -> Document:
        """Parse and clean."""
        assignment = work.assignment
        with self._telemetry.stage("parse") as parsing:
            async with self._blobs.local(assignment.blob_sha256) as path:
                parsed = await self._parsers.parse(path, filename=assignment.filename, progress=partial(self._note_pages, work.lease))
        self._note(work.lease, JobState.CLEANING, counts={"pages": parsed.n_pages or 0}, seconds={"parse": parsing.seconds})
        with self._telemetry.stage("clean") as cleaning:
            document = await self._parsers.clean(parsed)
        self._note(work.lease, JobState.CHUNKING, seconds={"clean": cleaning.seconds})
        return document

    def _note_pages(self, lease: JobLease, n_done: int, n_pages: int | None) -> None:
        self._note(lease, JobState.PARSING, counts={"pages_done": n_done} | ({} if n_pages is None else {"pages": n_pages}))

    async def _chunk(self, document: Document, work: _Work, *, version_id: str) -> list[Chunk]:
        embedder = work.space.embedder
        n_redacted = {f"redacted_{kind.lower()}": n for kind, n in document.redactions.items()}
        self._note(work.lease, JobState.CHUNKING, counts={"pages": document.n_pages or 0, **n_redacted})
        with self._telemetry.stage("chunk") as stage:
            chunks = await offload(
                chunk,
                document,
                recipe=work.recipe.chunking,
                token_spans=embedder.token_spans,
                window_tokens=embedder.recipe.max_tokens,
                version_id=version_id,
            )
        if not chunks:
            raise UnreadableDocument("The document holds no text.", hint="If it is scanned, recognise its text (OCR) before uploading it.")
        await self._store_chunks(chunks, version_id=version_id, lease=work.lease)
        self._note(work.lease, JobState.EMBEDDING, counts={"chunks": len(chunks), "chunks_done": 0}, seconds={"chunk": stage.seconds})
        return chunks

    async def _store_chunks(self, chunks: Sequence[Chunk], *, version_id: str, lease: JobLease) -> None:
        """Store few chunks in a common write, and many by themselves, in writes that others can come between."""
        if len(chunks) > JOINED_CHUNKS:
            await self._catalog.versions.store_chunks(version_id, chunks, lease=lease)
        else:
            await self._writes.add(Storing(version_id, chunks, lease))

    async def _embed_and_write(self, work: _Work, version_id: str, chunks: Sequence[Chunk]) -> int:
        """Embed and write batch by batch: memory does not grow with the document, and another attempt writes the same points.

        While one batch is written the next one is embedded.
        """
        batches = list(_batches(chunks, self._settings.embed_batch_chunks))
        n_points, n_chunks = 0, 0
        embed_s = write_s = 0.0
        embedding = asyncio.create_task(self._embed(work, version_id, batches[0]))
        try:
            for number, batch in enumerate(batches, start=1):
                with self._telemetry.stage("embed") as waiting:
                    points = await embedding
                if number < len(batches):
                    embedding = asyncio.create_task(self._embed(work, version_id, batches[number]))
                else:
                    self._note(work.lease, JobState.WRITING)
                with self._telemetry.stage("write") as writing:
                    await work.space.upserts.add(points)
                n_points, n_chunks = n_points + len(points), n_chunks + len(batch)
                embed_s, write_s = embed_s + waiting.seconds, write_s + writing.seconds
                self._note(
                    work.lease,
                    JobState.WRITING if number == len(batches) else JobState.EMBEDDING,
                    counts={"chunks_done": n_chunks},
                    seconds={"embed": embed_s, "write": write_s},
                )
        finally:
            embedding.cancel()
            await asyncio.gather(embedding, return_exceptions=True)
        return n_points

    async def _embed(self, work: _Work, version_id: str, chunks: Sequence[Chunk]) -> list[Point]:
        texts = await self._windows(chunks, work.space.embedder)
        vectors = await work.space.embeddings.embed(
            [window.text for window in texts], lengths=[window.n_tokens for window in texts], owner=work.assignment.owner
        )
        return [
            _point(window, vector, assignment=work.assignment, version_id=version_id, edition=work.edition)
            for window, vector in zip(texts, vectors, strict=True)
        ]

    async def _windows(self, chunks: Sequence[Chunk], embedder: Embedder) -> list[_Window]:
        window_tokens = embedder.recipe.max_tokens
        if all(each.n_tokens <= window_tokens for each in chunks):
            return _windows_of(chunks, embedder)
        return await offload(_windows_of, chunks, embedder)  # long ones are cut with the tokenizer, which takes its time

    async def _publish(self, version_id: str, *, n_points: int, lease: JobLease) -> tuple[str, ...]:
        retired = await self._writes.add(Publishing(version_id, n_points=n_points, lease=lease, note=self._progress.take(lease)))
        assert isinstance(retired, tuple)
        return retired

    async def _note_at_once(self, lease: JobLease) -> None:
        """Write how far a job came that has failed, before that is said of it."""
        note = self._progress.take(lease)
        if note is not None:
            with contextlib.suppress(FootnoteError):  # nothing may take the place of the failure
                await self._catalog.jobs.advance(lease, note.state, counts=note.counts, seconds=note.seconds)

    def _note(
        self, lease: JobLease, state: JobState, *, counts: dict[str, int] | None = None, seconds: dict[str, float] | None = None
    ) -> None:
        rounded = {step: round(taken, 3) for step, taken in (seconds or {}).items()}
        self._progress.note(lease, Note(state, counts or {}, rounded))


def linger_s(n_running: int) -> float:
    """Return how long a write waits for others while so many jobs run."""
    return min(LINGER_S, LINGER_PER_JOB_S * n_running) if n_running > 1 else 0.0


def _batches(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    for first in range(0, len(chunks), size):
        yield chunks[first : first + size]


def _windows_of(chunks: Sequence[Chunk], embedder: Embedder) -> list[_Window]:
    window_tokens = embedder.recipe.max_tokens
    return [
        _Window(chunk=each, number=number, text=text, n_tokens=min(each.n_tokens, window_tokens))
        for each in chunks
        for number, text in enumerate(windows(each, token_spans=embedder.token_spans, window_tokens=window_tokens))
    ]


def _point(
    window: _Window,
    vector: np.ndarray[Any, np.dtype[np.float32]],
    *,
    assignment: Assignment,
    version_id: str,
    edition: str | None,
) -> Point:
    return Point(
        id=point_id(version_id=version_id, chunk_id=window.chunk.id, window=window.number),
        collection_id=assignment.collection_id,
        attachment_id=assignment.attachment_id,
        version_id=version_id,
        chunk_id=window.chunk.id,
        window=window.number,
        page=window.chunk.page,
        principals=assignment.principals,
        attributes=assignment.attributes,
        dense=vector,
        text=window.text,
        edition=edition,
    )
