"""Embedded stores beside a shared catalog: a server with another folder is refused, a restarted one is not."""

import asyncio
from pathlib import Path

import pytest

from footnote.core import embedded_stores as module
from footnote.core.catalog.catalog import Catalog
from footnote.core.data_directory import DataDirectory, folder_id
from footnote.core.embedded_stores import EmbeddedStore, embedded_stores, the_folder_of
from footnote.core.errors import DataDirectoryInUse
from footnote.core.settings import load_settings


def store_in(folder: Path) -> EmbeddedStore:
    folder.mkdir(exist_ok=True)
    return EmbeddedStore("index", folder, "set index.kind to `qdrant`")


async def test_a_server_with_a_folder_of_its_own_is_refused_until_the_other_has_stopped(catalog: Catalog, tmp_path: Path):
    first, second = store_in(tmp_path / "first"), store_in(tmp_path / "second")
    async with the_folder_of(catalog, first):
        with pytest.raises(DataDirectoryInUse, match=r"Another server.*set index\.kind to `qdrant`"):
            async with the_folder_of(catalog, second):
                pass
    async with the_folder_of(catalog, second):
        pass


async def test_servers_that_mount_the_same_folder_use_it_together(catalog: Catalog, tmp_path: Path):
    shared = store_in(tmp_path / "shared")
    async with the_folder_of(catalog, shared), the_folder_of(catalog, shared):
        pass


async def test_a_server_that_was_killed_begins_again_at_once_wherever_its_folder_is_now(catalog: Catalog, tmp_path: Path):
    store = store_in(tmp_path / "data")
    assert await catalog.leases.take(store.lease, holder=folder_id(store.folder), ttl_s=60)  # and then the process was killed
    (tmp_path / "data").rename(tmp_path / "moved")
    async with the_folder_of(catalog, EmbeddedStore("index", tmp_path / "moved", "")):
        pass


async def test_the_lease_is_kept_while_the_server_runs(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "TTL_S", 0.3)
    take, enough, n_taken = catalog.leases.take, asyncio.Event(), 0

    async def noted(name: str, *, holder: str, ttl_s: float) -> bool:
        nonlocal n_taken
        n_taken += 1
        if n_taken == 4:
            enough.set()
        return await take(name, holder=holder, ttl_s=ttl_s)

    monkeypatch.setattr(catalog.leases, "take", noted)
    async with the_folder_of(catalog, store_in(tmp_path / "data")), asyncio.timeout(10):
        await enough.wait()


def test_only_what_lies_in_the_data_directory_is_embedded(tmp_path: Path):
    directory = DataDirectory(tmp_path)
    assert [store.name for store in embedded_stores(load_settings(), directory)] == ["index", "files"]
    shared = load_settings({"index": {"kind": "qdrant", "url": "http://qdrant:6333"}, "blobs": {"url": "s3://bucket"}})
    assert embedded_stores(shared, directory) == []
