"""Bytes of uploads that were cut off: gone at the next start, and nothing else with them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from footnote.core import orphans
from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.orphans import remove_orphans
from tests.core.catalog.story import upload


@pytest.fixture
async def blobs(tmp_path: Path) -> FolderBlobStore:
    store = FolderBlobStore(tmp_path / "blobs")
    await store.open()
    return store


async def put(blobs: FolderBlobStore, text: str) -> str:
    async def content() -> AsyncIterator[bytes]:
        yield text.encode()

    return (await blobs.put(content(), max_bytes=100)).sha256


async def stored(blobs: FolderBlobStore) -> set[str]:
    return {sha256 async for sha256 in blobs.iterate()}


async def test_blobs_that_no_file_refers_to_go(catalog: Catalog, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orphans, "BLOBS_PER_QUERY", 2)
    kept = {await put(blobs, text) for text in ("tides", "moon")}
    for text in ("tides", "moon"):
        await upload(catalog, text=text)
    for text in ("cut off", "cut off too", "and again"):
        await put(blobs, text)
    assert await remove_orphans(blobs, catalog.files) == 3
    assert await stored(blobs) == kept
    assert await remove_orphans(blobs, catalog.files) == 0


async def test_a_catalog_that_knows_none_of_the_blobs_costs_nobody_their_files(catalog: Catalog, blobs: FolderBlobStore):
    sha256 = await put(blobs, "of another catalog")
    assert await remove_orphans(blobs, catalog.files) == 0
    assert await stored(blobs) == {sha256}
