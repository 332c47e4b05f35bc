"""PostgreSQL goes away and comes back while a server serves and reads documents: it says so, loses nothing and doubles nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url

from footnote.core.catalog import engines, schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.errors import CatalogUnavailable, FootnoteError
from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import N_DOCUMENTS, attach_all, attachments, n_points, under_way, wait_until, write_documents
from tests.databases import POSTGRES_URL, PostgresDatabases
from tests.services.postgres import PostgresServer, execute

pytestmark = [
    pytest.mark.skipif(POSTGRES_URL is None, reason="FOOTNOTE_TEST_POSTGRES_URL is not set: `make test-services` runs this"),
    pytest.mark.slow,
]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server for this test alone, which may stop it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def url(postgres_databases: PostgresDatabases, tmp_path: Path) -> Iterator[str]:
    """An empty database on the server of all tests."""
    created = postgres_databases.create_empty(tmp_path)
    yield created
    postgres_databases.drop(created)


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=60)


def part(url: str, name: str) -> dict:
    return next(each for each in get(f"{url}/readyz").json()["parts"] if each["name"] == name)


@pytest.mark.timeout(500)
def test_documents_that_are_being_read_are_finished_once_when_it_is_back(postgres: PostgresServer, tmp_path: Path):
    paths = write_documents(tmp_path / "reports")
    settings = {"FOOTNOTE_CATALOG__URL": postgres.url(), "FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS": "8", "FOOTNOTE_INGESTION__LEASE_S": "5"}
    with ServerProcess(tmp_path / "data", **settings) as server:
        attach_all(server.url, paths)
        wait_until(lambda: under_way(server.url))
        postgres.stop(at_once=True)

        refused = get(f"{server.url}/v1/vector_stores/vs_default/files")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "catalog_unavailable"
        assert "Check that its database runs" in refused.json()["error"]["message"]
        assert "x-should-retry" not in refused.headers
        sent = httpx.post(
            f"{server.url}/v1/files", files={"file": ("a.txt", b"abc")}, data={"purpose": "assistants"}, trust_env=False, timeout=60
        )
        assert (sent.status_code, sent.json()["error"]["code"]) == (503, "catalog_unavailable")
        assert get(f"{server.url}/readyz").status_code == 503
        assert not part(server.url, "catalog")["ready"]
        assert get(f"{server.url}/healthz").status_code == 200, "it lives, and is not to be restarted for this"

        postgres.start()
        wait_until(lambda: get(f"{server.url}/readyz").status_code == 200)
        wait_until(lambda: all(each["status"] == "completed" for each in attachments(server.url)), timeout_s=300)
        ended = attachments(server.url)
        assert len(ended) == N_DOCUMENTS
        assert n_points(server.url) == sum(each["footnote"]["counts"]["chunks"] for each in ended)
        assert "Traceback" not in server.log()


async def complaint_about(url: str) -> str:
    database = Database(url)
    try:
        with pytest.raises(FootnoteError) as caught:
            await database.migrate()
        with pytest.raises(FootnoteError):
            await database.revision()
    finally:
        await database.close()
    assert "footnote:" not in str(caught.value), "no password"
    return f"{type(caught.value).__name__}: {caught.value}"


async def test_what_is_wrong_with_the_address_is_said(url: str):
    address = make_url(url)
    for wrong, complaint in (
        (address.set(password="wrong"), "Check user and password in catalog.url"),
        (address.set(username="nobody-of-that-name"), "Check user and password in catalog.url"),
        (address.set(database="not_there"), "Create the database, or name another in catalog.url"),
        (address.set(port=9), "Check that its database runs"),
    ):
        said = await complaint_about(wrong.render_as_string(hide_password=False))
        assert said.startswith("CatalogUnavailable: ")
        assert complaint in said


async def test_a_user_who_may_do_nothing_or_not_come_in_is_told(url: str):
    await execute(url, "CREATE ROLE reader LOGIN PASSWORD 'secret'", "CREATE ROLE waiting LOGIN PASSWORD 'secret' CONNECTION LIMIT 0")
    try:
        assert "the right to create and change tables" in await complaint_about(as_user(url, "reader"))
        assert "max_connections" in await complaint_about(as_user(url, "waiting"))
    finally:
        await execute(url, "DROP ROLE reader", "DROP ROLE waiting")


def as_user(url: str, name: str) -> str:
    return make_url(url).set(username=name, password="secret").render_as_string(hide_password=False)


async def test_a_process_that_stands_still_in_a_write_does_not_stop_the_others(url: str, monkeypatch: pytest.MonkeyPatch):
    """A process that is stopped in the middle of a write: the server ends its transaction, and what it had written is gone."""
    monkeypatch.setattr(engines, "IDLE_IN_TRANSACTION_MS", 500)
    stopped, other = Database(url), Database(url)
    await stopped.migrate()

    async def stand_still() -> None:
        async with stopped.write() as session:
            session.add(schema.Blob(sha256="0" * 64, size_bytes=1, created_at=now()))
            await session.flush()
            async with other.write():  # waits until the first one's transaction has been ended
                pass

    with pytest.raises(CatalogUnavailable):
        await stand_still()
    async with other.read() as session:
        assert await session.get(schema.Blob, "0" * 64) is None
    await stopped.close()
    await other.close()


async def test_writes_beside_each_other_do_not_wait_and_others_do(url: str):
    database = Database(url)
    await database.migrate()
    ended: list[str] = []

    async def write(name: str, *, beside: bool) -> None:
        async with database.write(beside=beside):
            ended.append(name)

    async with database.write(beside=True):
        async with asyncio.timeout(10):
            await write("beside", beside=True)
        waiting = asyncio.create_task(write("alone", beside=False))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await asyncio.shield(waiting)
        assert ended == ["beside"]
    await waiting
    assert ended == ["beside", "alone"]
    await database.close()


def test_an_address_that_is_none_is_one_message_at_the_start(tmp_path: Path):
    wrong = "postgresql://footnote@127.0.0.1/footnote"
    failed = footnote(tmp_path / "data", "serve", "--port", "0", FOOTNOTE_CATALOG__URL=wrong)
    assert failed.returncode == 2, "as for other settings"
    assert "PostgreSQL's URLs begin with `postgresql+asyncpg://`" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_second_server_on_a_data_directory_of_its_own_is_refused(postgres: PostgresServer, tmp_path: Path):
    settings = {"FOOTNOTE_CATALOG__URL": postgres.url()}
    with ServerProcess(tmp_path / "first" / "data", **settings):
        failed = footnote(tmp_path / "second" / "data", "serve", "--port", "0", **settings)
    assert failed.returncode == 1
    assert "set index.kind to `qdrant`" in failed.stderr
    assert "Traceback" not in failed.stderr
