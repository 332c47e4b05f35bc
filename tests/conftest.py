"""What all tests share: no network, no settings from outside, and a catalog that real migrations have made.

The network is off but for loopback (``--allow-hosts`` in pyproject.toml).
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

# Before anything imports a library that reads it.
os.environ["HF_HUB_OFFLINE"] = "1"

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import Database, sqlite_url
from footnote.core.settings import EmbedderSettings
from footnote.core.types import EVERYONE
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("FOOTNOTE_") and not name.startswith("FOOTNOTE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest revision, to be copied: migrating for each test would take longer than the tests."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.sqlite"

    async def migrate() -> None:
        database = Database(sqlite_url(path))
        await database.migrate()
        await database.checkpoint()
        await database.close()

    asyncio.run(migrate())
    return path


@pytest.fixture
async def catalog(migrated_catalog: Path, tmp_path: Path) -> AsyncIterator[Catalog]:
    """An open catalog of its own for the test, on SQLite, whose default collection everyone may read."""
    path = tmp_path / "catalog.sqlite"
    shutil.copyfile(migrated_catalog, path)
    opened = Catalog(sqlite_url(path))
    await opened.open(default_principals=(EVERYONE,))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    """The bundled model, loaded once: it has a thread of its own and is bound to no event loop."""
    loaded = asyncio.run(create_embedder(EmbedderSettings()))
    yield loaded
    asyncio.run(loaded.close())
