"""``footnote worker``: what it refuses, and its health check. That it reads documents is tested with real processes."""

from datetime import timedelta
from pathlib import Path

import pytest

from footnote.cli.failure import CommandFailed
from footnote.cli.worker import check, require_shared_stores
from footnote.core.errors import InvalidSettings
from footnote.core.settings import Settings, load_settings, runs_queue_in_server

SHARED = {"catalog": {"url": "postgresql+asyncpg://db/footnote"}, "index": {"kind": "qdrant", "url": "http://qdrant:6333"}}


def settings(tmp_path: Path, **overrides: object) -> Settings:
    return load_settings({"data_dir": tmp_path, **overrides}, environment={})


def test_the_embedded_default_is_refused_with_everything_that_has_to_be_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        require_shared_stores(settings(tmp_path))
    message = str(refused.value)
    for part in ("catalog.url", "index.kind", "blobs.url", "footnote serve"):
        assert part in message


def test_stores_that_all_processes_share_are_taken(tmp_path: Path) -> None:
    require_shared_stores(settings(tmp_path, **SHARED, blobs={"url": "s3://documents/blobs"}))
    with pytest.raises(InvalidSettings, match=r"blobs\.url"):
        require_shared_stores(settings(tmp_path, **SHARED))
    (tmp_path / "blobs").mkdir()
    require_shared_stores(settings(tmp_path, **SHARED))


def test_the_server_reads_documents_itself_where_nobody_else_can(tmp_path: Path) -> None:
    assert runs_queue_in_server(settings(tmp_path))
    assert runs_queue_in_server(settings(tmp_path, catalog=SHARED["catalog"])), "the index is its own"
    assert not runs_queue_in_server(settings(tmp_path, **SHARED))
    assert runs_queue_in_server(settings(tmp_path, **SHARED, ingestion={"in_server": "yes"}))
    assert not runs_queue_in_server(settings(tmp_path, **SHARED, ingestion={"in_server": "no"}))
    with pytest.raises(InvalidSettings, match="nobody else could read documents"):
        settings(tmp_path, ingestion={"in_server": "no"})


def test_the_check_finds_a_heartbeat_of_this_machine_alone(
    catalog_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    from footnote.core.catalog import workers
    from footnote.core.catalog.catalog import Catalog

    monkeypatch.setattr("footnote.cli.worker.require_shared_stores", lambda settings: None)
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    asked = settings(tmp_path, catalog={"url": catalog_url})

    def beat(host: str, *, ago_s: float = 0) -> None:
        async def write() -> None:
            catalog = Catalog(catalog_url)
            with monkeypatch.context() as then:
                moment = workers.now() - timedelta(seconds=ago_s)
                then.setattr(workers, "now", lambda: moment)
                await catalog.workers.beat(worker_id=f"{host}-1", host=host, process_id=1, application_version="1.2")
            await catalog.close()

        asyncio.run(write())

    beat("elsewhere")
    with pytest.raises(CommandFailed, match="No worker on here"):
        check(asked)
    beat("here", ago_s=3600)
    with pytest.raises(CommandFailed):
        check(asked)
    beat("here")
    check(asked)
    assert "here-1 (footnote 1.2)" in capsys.readouterr().out
