"""Bytes of uploads that were cut off: gone at the next start, and nothing else with them."""

import os
import time
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
    assert await remove_orphans(blobs, catalog) == 3
    assert await stored(blobs) == kept
    assert await remove_orphans(blobs, catalog) == 0


async def test_a_catalog_that_knows_none_of_the_blobs_costs_nobody_their_files(catalog: Catalog, blobs: FolderBlobStore):
    sha256 = await put(blobs, "of another catalog")
    assert await remove_orphans(blobs, catalog) == 0
    assert await stored(blobs) == {sha256}


async def test_bytes_that_another_may_be_recording_are_left_for_an_hour(catalog: Catalog, blobs: FolderBlobStore, tmp_path: Path):
    known = await put(blobs, "tides")
    await upload(catalog, text="tides")
    old, young = await put(blobs, "cut off"), await put(blobs, "being recorded")
    an_hour_ago = time.time() - orphans.IN_FLIGHT_S - 1
    for sha256 in (known, old):
        os.utime(tmp_path / "blobs" / sha256[:2] / sha256[2:], (an_hour_ago, an_hour_ago))
    assert await remove_orphans(blobs, catalog, older_than_s=orphans.IN_FLIGHT_S) == 1
    assert await stored(blobs) == {known, young}


async def test_orphans_before_the_first_blob_that_is_known_go_too(
    catalog: Catalog, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(orphans, "BLOBS_PER_QUERY", 1)
    await upload(catalog, text="tides")
    kept = await put(blobs, "tides")
    for number in range(12):  # somewhere before and after the one, by their hashes
        await put(blobs, f"cut off {number}")
    assert await remove_orphans(blobs, catalog) == 12
    assert await stored(blobs) == {kept}


async def test_a_copy_of_the_catalog_removes_nothing_from_the_store_of_the_first(
    catalog: Catalog, blobs: FolderBlobStore, databases, tmp_path_factory: pytest.TempPathFactory
):
    assert await remove_orphans(blobs, catalog) == 0  # marks the empty store
    shared = await put(blobs, "tides")
    await upload(catalog, text="tides")
    newer = await put(blobs, "came after the copy")
    url = databases.create(tmp_path_factory.mktemp("copy"))
    copy = Catalog(url)
    await copy.open(default_principals=())
    await upload(copy, text="tides")
    assert await remove_orphans(blobs, copy) == 0
    assert await remove_orphans(blobs, copy) == 0
    await copy.close()
    databases.drop(url)
    assert await stored(blobs) == {shared, newer}
    assert await blobs.installation() == (await catalog.installation.id())[0]
    assert await remove_orphans(blobs, catalog) == 1, "nobody of the store's own installation knows it"


async def test_a_store_without_a_mark_is_nobodys_to_a_catalog_that_has_an_id(catalog: Catalog, blobs: FolderBlobStore):
    await catalog.installation.id()
    await put(blobs, "tides")
    await upload(catalog, text="tides")
    await put(blobs, "not known")
    assert await remove_orphans(blobs, catalog) == 0
    assert await blobs.installation() is None
