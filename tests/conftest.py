"""What all tests share: no network, no settings from outside, and a catalog that real migrations have made.

The network is off but for loopback (``--allow-hosts`` in pyproject.toml).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

# Before anything imports a library that reads it.
os.environ["HF_HUB_OFFLINE"] = "1"

from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import EmbedderSettings
from footnote.core.types import EVERYONE
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from tests.databases import KINDS, POSTGRES_URL, Databases, Kind, PostgresDatabases, SqliteDatabases
from tests.services.buckets import S3_ENDPOINT, create_bucket


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("FOOTNOTE_") and not name.startswith("FOOTNOTE_TEST_"):
            monkeypatch.delenv(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a database on every kind that is there; what is about SQLite alone (mark ``sqlite``) on that alone."""
    if "database_kind" in metafunc.fixturenames and POSTGRES_URL is not None:
        about_sqlite = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("database_kind", ["sqlite"] if about_sqlite else KINDS, scope="session")


@pytest.fixture(scope="session")
def database_kind() -> Kind:
    return "sqlite"


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    if POSTGRES_URL is None:
        pytest.skip("FOOTNOTE_TEST_POSTGRES_URL is not set: `make test-services` runs this")
    databases = PostgresDatabases(POSTGRES_URL)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def databases(database_kind: Kind, request: pytest.FixtureRequest) -> Databases:
    return request.getfixturevalue("sqlite_databases" if database_kind == "sqlite" else "postgres_databases")


@pytest.fixture
def migrated_catalog(sqlite_databases: SqliteDatabases) -> Path:
    """A SQLite file at the newest revision, to be copied or only read."""
    return sqlite_databases.template


@pytest.fixture
def catalog_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A database of its own for the test, at the newest revision; on SQLite ``catalog.sqlite`` in ``tmp_path``."""
    url = databases.create(tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture
async def catalog(catalog_url: str) -> AsyncIterator[Catalog]:
    """An open catalog of its own for the test, whose default collection everyone may read."""
    opened = Catalog(catalog_url)
    await opened.open(default_principals=(EVERYONE,))
    yield opened
    await opened.close()


@pytest.fixture
def bucket() -> str:
    """An empty bucket in S3-compatible storage."""
    if S3_ENDPOINT is None:
        pytest.skip("FOOTNOTE_TEST_S3_ENDPOINT is not set: `make test-services` runs this")
    return create_bucket()


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    """The bundled model, loaded once: it has a thread of its own and is bound to no event loop."""
    loaded = asyncio.run(create_embedder(EmbedderSettings()))
    yield loaded
    asyncio.run(loaded.close())
