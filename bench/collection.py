"""Collections for benchmarks: public texts in a catalog and an index of their own, cut and embedded by our code, without parsing files."""

import hashlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.database import sqlite_url
from footnote.core.ids import point_id
from footnote.core.settings import EmbedderSettings, IndexSettings, RetrievalSettings
from footnote.core.types import EVERYONE, Access, Attributes, Caller, Chunk, ChunkingRecipe, Document, Element, ElementKind, StoredChunk
from ingestion.chunking import chunk, windows
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.index.factory import create_index
from retrieval.index.port import Index, Point
from retrieval.passages import PassageFinder
from retrieval.search import Searcher
from retrieval.spaces import Space, Spaces

CALLER = Caller(owner="bench", principals=frozenset({EVERYONE, "owner:bench"}))
ACCESS = Access(collection_ids=frozenset({DEFAULT_COLLECTION}), principals=frozenset({EVERYONE}))
PARSER = "bench"


@dataclass(frozen=True, slots=True)
class Section:
    """A text with its heading: an abstract, a paragraph of an article."""

    id: str
    title: str
    text: str


@dataclass
class BenchCollection:
    """The default collection of a catalog of its own, and which section each place of its documents belongs to."""

    catalog: Catalog
    index: Index
    embedder: Embedder
    chunking: ChunkingRecipe
    starts: dict[str, list[int]] = field(default_factory=dict)
    section_ids: dict[str, list[str]] = field(default_factory=dict)

    def searcher(self, settings: RetrievalSettings) -> Searcher:
        return Searcher(
            spaces=Spaces(catalog=self.catalog, default=Space(self.embedder, self.index)), catalog=self.catalog, settings=settings
        )

    def finder(self, settings: RetrievalSettings) -> PassageFinder:
        return PassageFinder(
            searcher=self.searcher(settings), catalog=self.catalog, token_spans=self.embedder.token_spans, settings=settings
        )

    def section_of(self, found: StoredChunk) -> str:
        """Return the id of the section in which a chunk begins."""
        return self.section_ids[found.filename][bisect_right(self.starts[found.filename], found.start) - 1]

    async def add(self, filename: str, sections: Sequence[Section], attributes: Attributes | None = None) -> None:
        """Make a document of sections; where it is there already, only note where its sections are."""
        document, self.starts[filename] = document_of(sections)
        self.section_ids[filename] = [section.id for section in sections]
        sha256 = hashlib.sha256(document.text.encode()).hexdigest()
        if await self.catalog.versions.find_document(owner=CALLER.owner, blob_sha256=sha256, parser=PARSER) is None:
            await self._ingest(filename, document, sha256, attributes)

    async def _ingest(self, filename: str, document: Document, sha256: str, attributes: Attributes | None) -> None:
        file = await self.catalog.files.create(
            owner=CALLER.owner, filename=filename, purpose="assistants", blob_sha256=sha256, size_bytes=1, media_type=document.media_type
        )
        attachment = await self.catalog.attachments.attach(
            collection_id=DEFAULT_COLLECTION, file_id=file.id, caller=CALLER, attributes=attributes
        )
        claimed = await self.catalog.jobs.claim(worker_id="bench", lease_s=3600, max_attempts=1)
        assert claimed is not None
        _, lease = claimed
        document_id = await self.catalog.versions.store_document(
            document, owner=CALLER.owner, blob_sha256=sha256, parser=PARSER, lease=lease
        )
        version = await self.catalog.versions.begin(
            attachment_id=attachment.id, document_id=document_id, content_sha256=sha256, recipe={}, recipe_sha256="bench", lease=lease
        )
        window_tokens = self.embedder.recipe.max_tokens
        chunks = chunk(
            document,
            recipe=self.chunking,
            token_spans=self.embedder.token_spans,
            window_tokens=window_tokens,
            version_id=version.id,
        )
        await self.catalog.versions.store_chunks(version.id, chunks, lease=lease)
        texts: list[tuple[Chunk, int, str]] = [
            (each, number, text)
            for each in chunks
            for number, text in enumerate(windows(each, token_spans=self.embedder.token_spans, window_tokens=window_tokens))
        ]
        vectors = await self.embedder.embed_documents([text for _, _, text in texts])
        points = [
            Point(
                id=point_id(version_id=version.id, chunk_id=each.id, window=number),
                collection_id=DEFAULT_COLLECTION,
                attachment_id=attachment.id,
                version_id=version.id,
                chunk_id=each.id,
                window=number,
                page=None,
                principals=attachment.principals,
                attributes=attachment.attributes,
                dense=vector,
                text=text,
            )
            for (each, number, text), vector in zip(texts, vectors, strict=True)
        ]
        await self.index.upsert(points)
        await self.catalog.versions.publish(version.id, n_points=len(points), lease=lease)


def document_of(sections: Sequence[Section]) -> tuple[Document, list[int]]:
    """Return a document in which each section is a heading and a text, and where each one starts."""
    text = ""
    elements: list[Element] = []
    starts: list[int] = []
    for section in sections:
        starts.append(len(text))
        for kind, part in ((ElementKind.TITLE, section.title.strip()), (ElementKind.TEXT, section.text.strip())):
            if part:
                level = 1 if kind is ElementKind.TITLE else None
                elements.append(Element(kind=kind, start=len(text), end=len(text) + len(part), level=level))
                text += part + "\n\n"
    return Document(text=text, elements=tuple(elements), media_type="text/markdown"), starts


@asynccontextmanager
async def open_collection(folder: Path, *, chunking: ChunkingRecipe | None = None) -> AsyncIterator[BenchCollection]:
    """Open or make the collection in a folder; what was added before is still there."""
    folder.mkdir(parents=True, exist_ok=True)
    embedder = await create_embedder(EmbedderSettings())
    catalog = Catalog(sqlite_url(folder / "catalog.sqlite"))
    await catalog.open(default_principals=(EVERYONE,))
    index = create_index(IndexSettings(), data_dir=folder, recipe=embedder.recipe)
    await index.open()
    auto = ChunkingRecipe(kind="auto", max_tokens=embedder.recipe.max_tokens, overlap_tokens=0)
    try:
        yield BenchCollection(catalog=catalog, index=index, embedder=embedder, chunking=chunking or auto)
    finally:
        await index.close()
        await catalog.close()
        await embedder.close()
