"""A catalog and an index filled by hand, for tests of search: real parts, the real small embedder, no parsing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.jobs import JobLease
from footnote.core.catalog.records import AttachmentRecord
from footnote.core.ids import new_id, point_id
from footnote.core.settings import EmbedderSettings, IndexSettings, RetrievalSettings
from footnote.core.types import EVERYONE, Access, Attributes, Caller, Chunk, Document
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.index.factory import create_index
from retrieval.index.port import Index, Point
from retrieval.passages import PassageFinder, Rerank
from retrieval.search import Searcher
from retrieval.spaces import Space, Spaces

OWNER = Caller(owner="library", principals=frozenset({EVERYONE, "owner:library"}))
ANYBODY = Access(collection_ids=frozenset({DEFAULT_COLLECTION}), principals=frozenset({EVERYONE}))


class Library:
    """Publishes documents as ingestion would, one point for each window."""

    def __init__(self, *, catalog: Catalog, index: Index, embedder: Embedder) -> None:
        self.catalog = catalog
        self.index = index
        self.embedder = embedder
        self.spaces = Spaces(catalog=catalog, default=Space(embedder, index))
        self._leases: dict[str, JobLease] = {}
        self._n_points: dict[str, int] = {}

    def searcher(self, **settings: object) -> Searcher:
        return Searcher(spaces=self.spaces, catalog=self.catalog, settings=RetrievalSettings(**settings))

    def finder(self, *, rerank: Rerank | None = None, **settings: object) -> PassageFinder:
        return PassageFinder(
            searcher=self.searcher(**settings),
            catalog=self.catalog,
            token_spans=self.embedder.token_spans,
            settings=RetrievalSettings(**settings),
            rerank=rerank,
        )

    async def publish(
        self,
        filename: str,
        *pieces: str,
        gap: str = "\n\n",
        context: str = "",
        attributes: Attributes | None = None,
        principals: tuple[str, ...] | None = None,
        windows: int = 1,
        collection_id: str = DEFAULT_COLLECTION,
        space: Space | None = None,
    ) -> tuple[str, str]:
        """Attach a document whose chunks are the pieces, with a gap between them; return its text and its live version."""
        attachment = await self.attach(filename, attributes=attributes, principals=principals, collection_id=collection_id)
        return await self.replace(attachment, *pieces, gap=gap, context=context, windows=windows, space=space)

    async def attach(
        self,
        filename: str,
        *,
        attributes: Attributes | None = None,
        principals: tuple[str, ...] | None = None,
        collection_id: str = DEFAULT_COLLECTION,
        replaces: str | tuple[str, ...] = (),
    ) -> AttachmentRecord:
        file = await self.catalog.files.create(
            owner=OWNER.owner,
            filename=filename,
            purpose="assistants",
            blob_sha256=hashlib.sha256(filename.encode()).hexdigest(),
            size_bytes=1,
            media_type="text/plain",
        )
        attachment = await self.catalog.attachments.attach(
            collection_id=collection_id, file_id=file.id, caller=OWNER, attributes=attributes, principals=principals, replaces=replaces
        )
        claimed = await self.catalog.jobs.claim(worker_id="library", lease_s=600, max_attempts=1)
        assert claimed is not None
        self._leases[attachment.id] = claimed[1]
        return attachment

    async def replace(
        self,
        attachment: AttachmentRecord,
        *pieces: str,
        gap: str = "\n\n",
        context: str = "",
        windows: int = 1,
        publish: bool = True,
        space: Space | None = None,
    ) -> tuple[str, str]:
        """Write a version; it becomes the live one unless ``publish`` is False."""
        lease = self._leases[attachment.id]
        within = space or self.spaces.default
        text, chunks = _cut(pieces, gap=gap, context=context, token_spans=within.embedder.token_spans)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        document_id = await self.catalog.versions.store_document(
            Document(text=text, elements=(), media_type="text/plain"),
            owner=OWNER.owner,
            blob_sha256=attachment.file.blob_sha256,
            parser=f"test-{sha256}",
            lease=lease,
        )
        version = await self.catalog.versions.begin(
            attachment_id=attachment.id,
            document_id=document_id,
            content_sha256=sha256,
            recipe={"embedding": asdict(within.embedder.recipe)},
            recipe_sha256=sha256,
            lease=lease,
            space=within.name,
        )
        await self.catalog.versions.store_chunks(version.id, chunks, lease=lease)
        texts = [(chunk, n, part) for chunk in chunks for n, part in enumerate(_windows(chunk.embedded_text, windows))]
        vectors = await within.embedder.embed_documents([part for _, _, part in texts])
        await within.index.upsert(
            [
                Point(
                    id=point_id(version_id=version.id, chunk_id=chunk.id, window=n),
                    collection_id=attachment.collection_id,
                    attachment_id=attachment.id,
                    version_id=version.id,
                    chunk_id=chunk.id,
                    window=n,
                    page=chunk.page,
                    principals=attachment.principals,
                    attributes=attachment.attributes,
                    dense=vector,
                    text=part,
                )
                for (chunk, n, part), vector in zip(texts, vectors, strict=True)
            ]
        )
        self._n_points[version.id] = len(texts)
        if publish:
            await self.show(attachment, version.id)
        return text, version.id

    async def show(self, attachment: AttachmentRecord, version_id: str) -> None:
        """Publish a version that was written before."""
        await self.catalog.versions.publish(version_id, n_points=self._n_points[version_id], lease=self._leases[attachment.id])

    async def read_again(self, attachment: AttachmentRecord) -> None:
        """Begin another version of an attachment that is shown."""
        await self.catalog.attachments.process(attachment.collection_id, attachment.file.id, caller=OWNER)
        claimed = await self.catalog.jobs.claim(worker_id="library", lease_s=600, max_attempts=1)
        assert claimed is not None
        self._leases[attachment.id] = claimed[1]


def _cut(pieces: tuple[str, ...], *, gap: str, context: str, token_spans) -> tuple[str, list[Chunk]]:
    text, chunks = "", []
    for ordinal, piece in enumerate(pieces):
        text += gap if ordinal else ""
        embedded = f"{context}\n{piece}" if context else piece
        chunks.append(
            Chunk(
                id=new_id("chunk"),
                ordinal=ordinal,
                start=len(text),
                end=len(text) + len(piece),
                text=piece,
                context=context,
                page=ordinal + 1,
                n_tokens=len(token_spans(embedded)),
            )
        )
        text += piece
    return text, chunks


def _windows(text: str, n: int) -> list[str]:
    size = -(-len(text) // n)
    return [text[first : first + size] for first in range(0, len(text), size)]


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    """The bundled model, loaded once: it has a thread of its own and is bound to no event loop."""
    loaded = asyncio.run(create_embedder(EmbedderSettings()))
    yield loaded
    asyncio.run(loaded.close())


@pytest.fixture
async def library(catalog: Catalog, embedder: Embedder, tmp_path: Path) -> AsyncIterator[Library]:
    index = create_index(IndexSettings(), data_dir=tmp_path, recipe=embedder.recipe)
    await index.open()
    yield Library(catalog=catalog, index=index, embedder=embedder)
    await index.close()
