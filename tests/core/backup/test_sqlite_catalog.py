"""Copies of a catalog in SQLite: one consistent state, whoever writes meanwhile."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from footnote.core.backup import sqlite_catalog
from footnote.core.backup.census import require_known_revision
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.errors import CatalogUnavailable, UnusableBackup
from footnote.core.types import EVERYONE
from tests.core.backup.forgetting import forget
from tests.core.catalog.story import upload


@pytest.fixture
async def catalog(migrated_catalog: Path, tmp_path: Path) -> AsyncIterator[Catalog]:
    shutil.copyfile(migrated_catalog, tmp_path / "catalog.sqlite")
    opened = Catalog(sqlite_url(tmp_path / "catalog.sqlite"))
    await opened.open(default_principals=(EVERYONE,))
    yield opened
    await opened.close()


async def test_a_copy_is_one_state_while_others_write(catalog: Catalog, tmp_path: Path):
    source, copies = tmp_path / "catalog.sqlite", tmp_path / "copies"
    copies.mkdir()

    async def write() -> None:
        for n in range(60):
            await upload(catalog, text=f"Tide {n}.", filename=f"{n}.txt")

    async def copy() -> None:
        for n in range(10):
            await asyncio.to_thread(sqlite_catalog.copy_catalog, source, copies / str(n))
            await asyncio.sleep(0)

    await asyncio.gather(write(), copy())
    n_files = []
    for n in range(10):
        census = sqlite_catalog.census_of(copies / str(n))
        # A file and its blob are written by one transaction: a copy has both or neither.
        assert census.rows["files"] == census.rows["blobs"] == len(census.blobs)
        assert sqlite_catalog.check(copies / str(n)) == []
        n_files.append(census.rows["files"])
    assert n_files == sorted(n_files)
    assert sqlite_catalog.census_beside(source).rows["files"] == 60


def copies_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("copy*")}


async def test_counting_a_copy_changes_nothing(catalog: Catalog, tmp_path: Path):
    await upload(catalog)
    sqlite_catalog.copy_catalog(tmp_path / "catalog.sqlite", tmp_path / "copy")
    before = copies_in(tmp_path)
    census = sqlite_catalog.census_of(tmp_path / "copy")
    sqlite_catalog.check(tmp_path / "copy")
    assert copies_in(tmp_path) == before
    require_known_revision(census.revision)


async def test_what_was_deleted_is_not_in_a_copy(catalog: Catalog, tmp_path: Path):
    record = await upload(catalog, filename="a-name-that-goes.txt")
    await forget(catalog, record)
    sqlite_catalog.copy_catalog(tmp_path / "catalog.sqlite", tmp_path / "copy")
    assert b"a-name-that-goes" not in (tmp_path / "copy").read_bytes()


def test_what_is_no_catalog_is_said(tmp_path: Path):
    (tmp_path / "text").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(CatalogUnavailable):
        sqlite_catalog.copy_catalog(tmp_path / "text", tmp_path / "copy")
    with pytest.raises(CatalogUnavailable):
        sqlite_catalog.copy_catalog(tmp_path / "nowhere", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(UnusableBackup):
        sqlite_catalog.census_of(tmp_path / "text")


async def test_broken_references_are_told(catalog: Catalog, tmp_path: Path):
    await upload(catalog)
    sqlite_catalog.copy_catalog(tmp_path / "catalog.sqlite", tmp_path / "copy")
    connection = sqlite3.connect(tmp_path / "copy")
    connection.execute("DELETE FROM blobs")
    connection.commit()
    connection.close()
    assert sqlite_catalog.check(tmp_path / "copy") == ["a row of files refers to a row of blobs that is gone"]


def test_a_revision_of_a_newer_version_is_refused():
    require_known_revision("0001")
    with pytest.raises(UnusableBackup, match="newer version"):
        require_known_revision("9999")
