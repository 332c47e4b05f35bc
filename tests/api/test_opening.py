"""The server listens at once, tells how it stands, and ends cleanly, whatever opening does."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from footnote.core.errors import IndexUnavailable, ModelUnavailable
from footnote.core.settings import Settings
from footnote.core.types import PartHealth
from serving.services import Services
from tests.api.library import Library, LoopThread


def test_while_it_starts_it_says_so_and_then_it_is_ready(library: Library, threaded: LoopThread) -> None:
    may_open, closed = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slowly(_settings: Settings) -> AsyncGenerator[Services]:
        await may_open.wait()
        yield library.services
        closed.set()

    with threaded.serve(library.services.settings, slowly) as served, served.http() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "starting")
        assert ready.json()["parts"][0]["ready"] is False
        for path in ("/v1/models", "/v1/files", "/metrics"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "starting")
            assert answer.json()["error"]["message"] == "footnote is starting."
            assert int(answer.headers["retry-after"]) >= 1
        threaded.loop.call_soon_threadsafe(may_open.set)
        assert threaded.call(served.app.state.opening.wait()) is library.services
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert {"catalog", "index"} <= {part["name"] for part in ready.json()["parts"]}
        assert client.get("/v1/models").status_code == 200
    assert closed.is_set()


def test_the_stock_client_waits_for_a_server_that_starts(library: Library, threaded: LoopThread) -> None:
    @asynccontextmanager
    async def slowly(_settings: Settings) -> AsyncGenerator[Services]:
        await asyncio.sleep(0.5)
        yield library.services

    with threaded.serve(library.services.settings, slowly) as served, served.client(retries=2) as client:
        began = time.monotonic()
        assert client.models.list().data
        assert time.monotonic() - began >= 0.5


def test_what_kept_it_from_opening_is_told(library: Library, threaded: LoopThread) -> None:
    @asynccontextmanager
    async def failing(_settings: Settings) -> AsyncGenerator[Services]:
        raise ModelUnavailable("The model is not there.", hint="Install it.")
        yield

    with threaded.serve(library.services.settings, failing) as served, served.http() as client:
        with pytest.raises(ModelUnavailable, match="not there"):
            threaded.call(served.app.state.opening.wait())
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "failed")
        assert "The model is not there. Install it." in ready.json()["parts"][0]["detail"]
        assert client.get("/v1/models").status_code == 503


def test_a_server_that_is_stopped_while_it_opens_gives_up(library: Library, threaded: LoopThread) -> None:
    given_up = asyncio.Event()

    @asynccontextmanager
    async def forever(_settings: Settings) -> AsyncGenerator[Services]:
        try:
            await asyncio.sleep(3600)
            yield library.services
        finally:
            given_up.set()

    with threaded.serve(library.services.settings, forever) as served, served.http() as client:
        assert client.get("/healthz").status_code == 200
    assert given_up.is_set()


def test_a_part_that_fails_later_makes_it_not_ready(library: Library, threaded: LoopThread) -> None:
    async def health() -> list[PartHealth]:
        return [PartHealth(name="index", ready=False, detail=str(IndexUnavailable("The index does not answer.")))]

    @asynccontextmanager
    async def opened(_settings: Settings) -> AsyncGenerator[Services]:
        yield replace(library.services, health=health)

    with threaded.serve(library.services.settings, opened) as served, served.http() as client:
        threaded.call(served.app.state.opening.wait())
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
        assert ready.json()["parts"] == [{"name": "index", "ready": False, "detail": "The index does not answer.", "facts": {}}]
