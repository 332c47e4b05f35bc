"""Databases for tests: each is fresh and at the newest revision, and none is migrated for itself, which would take longer than the test.

SQLite, or PostgreSQL where ``FOOTNOTE_TEST_POSTGRES_URL`` names a server, as ``make test-services`` does.
"""

import asyncio
import os
import shutil
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol

from footnote.core.catalog.database import Database, sqlite_url
from tests.services.postgres import beside, execute

Kind = Literal["sqlite", "postgresql"]

POSTGRES_URL = os.environ.get("FOOTNOTE_TEST_POSTGRES_URL")
KINDS: tuple[Kind, ...] = ("postgresql",) if POSTGRES_URL else ("sqlite",)
"""What tests of no particular database run on: those that have run on SQLite by ``make test`` need not do so again."""


class Databases(Protocol):
    """Makes databases of one kind."""

    def create(self, folder: Path) -> str:
        """Return the URL of a new one; a file is put into ``folder``."""
        ...

    def create_empty(self, folder: Path) -> str:
        """Return the URL of one that no migration has seen."""
        ...

    def drop(self, url: str) -> None: ...


class SqliteDatabases:
    """Copies of a file."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.sqlite"
        _run(migrate(sqlite_url(self.template)))

    def create(self, folder: Path) -> str:
        path = folder / "catalog.sqlite"
        shutil.copyfile(self.template, path)
        return sqlite_url(path)

    def create_empty(self, folder: Path) -> str:
        return sqlite_url(folder / "empty.sqlite")

    def drop(self, url: str) -> None:
        """Leave it to pytest, which removes the folder."""


class PostgresDatabases:
    """Copies of a template on one server."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._template = f"footnote_template_{uuid.uuid4().hex[:8]}"
        _run(self._make_template())

    def create(self, folder: Path) -> str:
        name = f"footnote_{uuid.uuid4().hex[:12]}"
        _run(execute(self._server_url, f"CREATE DATABASE {name} TEMPLATE {self._template}"))
        return beside(self._server_url, name)

    def create_empty(self, folder: Path) -> str:
        name = f"footnote_{uuid.uuid4().hex[:12]}"
        _run(execute(self._server_url, f"CREATE DATABASE {name}"))
        return beside(self._server_url, name)

    def drop(self, url: str) -> None:
        _run(execute(self._server_url, f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)"))

    def close(self) -> None:
        _run(execute(self._server_url, f"DROP DATABASE {self._template}"))

    async def _make_template(self) -> None:
        await execute(self._server_url, f"CREATE DATABASE {self._template}")
        await migrate(beside(self._server_url, self._template))


async def migrate(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.checkpoint()
    await database.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run in a thread: fixtures are made and unmade beside an event loop that is the test's."""
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run, work).result()
