"""PostgreSQL goes away and comes back while a server serves and reads documents: it says so, loses nothing and doubles nothing."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server_process import ServerProcess, footnote
from tests.acceptance.test_processes import N_DOCUMENTS, attach_all, attachments, n_points, under_way, wait_until, write_documents
from tests.databases import POSTGRES_URL
from tests.services.postgres import PostgresServer

pytestmark = [
    pytest.mark.skipif(POSTGRES_URL is None, reason="FOOTNOTE_TEST_POSTGRES_URL is not set: `make test-services` runs this"),
    pytest.mark.slow,
]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server for this test alone, which may stop it."""
    with PostgresServer() as server:
        yield server


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


def test_a_database_that_is_not_there_is_one_message_at_the_start(postgres: PostgresServer, tmp_path: Path):
    url = postgres.url()
    for wrong, complaint in (
        (url.replace("://footnote:", "://footnote:wrong"), "Check user and password in catalog.url"),
        (f"{url}_not_there", "Create the database, or name another in catalog.url"),
        (url.replace(f":{postgres.port}/", ":9/"), "Check that its database runs"),
        ("postgresql://footnote@127.0.0.1/footnote", "PostgreSQL's URLs begin with `postgresql+asyncpg://`"),
    ):
        failed = footnote(tmp_path / "data", "serve", "--port", "0", FOOTNOTE_CATALOG__URL=wrong)
        assert failed.returncode == 1
        assert complaint in failed.stderr
        assert "Traceback" not in failed.stderr


def test_a_second_server_on_a_data_directory_of_its_own_is_refused(postgres: PostgresServer, tmp_path: Path):
    settings = {"FOOTNOTE_CATALOG__URL": postgres.url()}
    with ServerProcess(tmp_path / "first" / "data", **settings):
        failed = footnote(tmp_path / "second" / "data", "serve", "--port", "0", **settings)
    assert failed.returncode == 1
    assert "set index.kind to `qdrant`" in failed.stderr
    assert "Traceback" not in failed.stderr
