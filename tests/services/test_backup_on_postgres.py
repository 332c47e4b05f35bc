"""Backups of a catalog in PostgreSQL and of files in S3-compatible storage, by the real pg_dump and pg_restore."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from footnote.cli.backup import backup, verify
from footnote.cli.restore import restore
from footnote.core.backup import postgresql_catalog
from footnote.core.blobs.factory import create_blob_store
from footnote.core.catalog.catalog import Catalog
from footnote.core.errors import CatalogUnavailable, Conflict, StorageUnavailable
from footnote.core.settings import Settings, load_settings
from footnote.core.types import EVERYONE
from tests.core.catalog.story import attach, collection, ingest, upload
from tests.databases import PostgresDatabases
from tests.services.buckets import S3_ENDPOINT, create_bucket

TEXT = "Tides follow the moon."


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


def in_thread(work):
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(work).result()


def settings_of(data_dir: Path, url: str, bucket: str) -> Settings:
    blobs = {"url": f"s3://{bucket}/blobs", "endpoint": S3_ENDPOINT, "key": "test", "secret": "test"}
    return load_settings({"data_dir": data_dir, "catalog": {"url": url}, "blobs": blobs})


async def fill(settings: Settings) -> str:
    """Upload and ingest a text; return its version."""
    blobs = create_blob_store(settings.blobs, folder=settings.data_dir / "blobs")
    await blobs.open()
    await blobs.put(pieces(TEXT.encode()), max_bytes=100)
    await blobs.close()
    catalog = Catalog(str(settings.catalog.url))
    await catalog.open(default_principals=(EVERYONE,))
    file = await upload(catalog, text=TEXT)
    await attach(catalog, await collection(catalog), file)
    version = await ingest(catalog, text=TEXT)
    await catalog.close()
    return version


async def test_catalog_and_files_come_back(postgres_databases: PostgresDatabases, bucket: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    settings = settings_of(tmp_path / "data", postgres_databases.create(tmp_path), bucket)
    version = await fill(settings)
    made = in_thread(lambda: backup(settings, tmp_path / "backups", keep=7, without_index=False))
    assert (made.files, made.damaged) == (1, [])
    assert in_thread(lambda: verify(tmp_path / "backups")).ok

    elsewhere = settings_of(tmp_path / "elsewhere", postgres_databases.create_empty(tmp_path), create_bucket())
    restored = in_thread(lambda: restore(elsewhere, tmp_path / "backups"))
    assert (restored.files, restored.rows, restored.versions_to_read_again) == (1, made.rows, 1)
    catalog = Catalog(str(elsewhere.catalog.url))
    assert await catalog.versions.text_of(version) == TEXT
    await catalog.close()
    blobs = create_blob_store(elsewhere.blobs, folder=elsewhere.data_dir / "blobs")
    await blobs.open()
    (sha256,) = [each async for each in blobs.iterate()]
    assert b"".join([piece async for piece in blobs.read(sha256)]) == TEXT.encode()
    await blobs.close()

    with pytest.raises(Conflict, match="not empty"):
        in_thread(lambda: restore(settings_of(tmp_path / "again", str(elsewhere.catalog.url), bucket), tmp_path / "backups"))


async def test_a_restore_that_broke_off_can_be_done_again(
    postgres_databases: PostgresDatabases, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "data").mkdir()
    settings = settings_of(tmp_path / "data", postgres_databases.create(tmp_path), bucket)
    await fill(settings)
    in_thread(lambda: backup(settings, tmp_path / "backups", keep=7, without_index=False))
    elsewhere = settings_of(tmp_path / "elsewhere", postgres_databases.create_empty(tmp_path), create_bucket())

    async def broken_off(self: object, vectors: object, collections: object) -> object:
        raise StorageUnavailable("the power went")

    with monkeypatch.context() as broken:
        broken.setattr("footnote.cli.restore._Restoring._bring_into_line", broken_off)
        with pytest.raises(StorageUnavailable, match="power"):
            in_thread(lambda: restore(elsewhere, tmp_path / "backups"))
    assert in_thread(lambda: restore(elsewhere, tmp_path / "backups")).files == 1


async def test_a_bucket_of_another_installation_is_refused(postgres_databases: PostgresDatabases, bucket: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    settings = settings_of(tmp_path / "data", postgres_databases.create(tmp_path), bucket)
    await fill(settings)
    in_thread(lambda: backup(settings, tmp_path / "backups", keep=7, without_index=False))
    empty = postgres_databases.create_empty(tmp_path)
    with pytest.raises(Conflict, match="store of files"):
        in_thread(lambda: restore(settings_of(tmp_path / "trial", empty, bucket), tmp_path / "backups"))
    await postgresql_catalog.require_empty(empty)


async def test_a_wrong_password_is_said_in_our_words(postgres_databases: PostgresDatabases, tmp_path: Path):
    url = make_url(postgres_databases.create(tmp_path)).set(username="nobody_of_this_name").render_as_string(hide_password=False)
    with pytest.raises(CatalogUnavailable, match="Check user and password") as refused:
        await postgresql_catalog.census_of(url)
    assert "sqlalche" not in str(refused.value)


async def test_the_counts_are_those_of_the_dump(postgres_databases: PostgresDatabases, tmp_path: Path):
    url = postgres_databases.create(tmp_path)
    catalog = Catalog(url)
    await catalog.open(default_principals=(EVERYONE,))

    dumped = asyncio.Event()

    async def write() -> int:
        n = 0
        while not dumped.is_set():
            await upload(catalog, text=f"Tide {n}.", filename=f"{n}.txt")
            n += 1
        return n

    writing = asyncio.create_task(write())
    while not (await postgresql_catalog.census_of(url)).rows["files"]:
        await asyncio.sleep(0.01)
    census = await postgresql_catalog.dump_catalog(url, tmp_path / "dump")
    dumped.set()
    assert await writing > census.rows["files"], "the dump was to be made while files came in"
    await catalog.close()
    again = postgres_databases.create_empty(tmp_path)
    await postgresql_catalog.restore_catalog(again, tmp_path / "dump")
    assert await postgresql_catalog.census_of(again) == census
