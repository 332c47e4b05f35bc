"""An ingestion with real parts for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import IndexSettings, IngestionSettings
from ingestion import worker as worker_module
from ingestion.parser_pool import ParserPool
from retrieval.embedder.port import Embedder
from retrieval.index.factory import create_index
from tests.ingestion.story import JOBS_AT_ONCE, Faulty, Ingestion


@pytest.fixture(scope="module")
def parsers() -> Iterator[ParserPool]:
    """One pool for all: its processes take seconds to start. Nobody waits for a turn, which would bind it to one test's loop."""
    pool = ParserPool(IngestionSettings(n_parsers=JOBS_AT_ONCE))
    yield pool
    asyncio.run(pool.close())


@pytest.fixture
async def ingestion(
    catalog: Catalog,
    embedder: Embedder,
    parsers: ParserPool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Ingestion]:
    monkeypatch.setattr(worker_module, "delay_s", lambda attempt: 0.01)
    blobs = FolderBlobStore(tmp_path / "blobs")
    await blobs.open()
    index = create_index(IndexSettings(), data_dir=tmp_path, recipe=embedder.recipe)
    await index.open()
    opened = Ingestion(catalog, blobs, Faulty(index), embedder, parsers, tmp_path)
    yield opened
    await opened.index.close()
