"""A server for tests: the real application on uvicorn, over a real catalog, blobs, Edge index, MiniLM and ingestion.

Only answers are scripted, so that a test can say when the model writes, waits and fails.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import openai
import uvicorn
from fastapi import FastAPI

from evaluation.front_desk import FrontDesk
from evaluation.generating.generator import SetGenerator
from footnote.core.attention import Attention
from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.settings import Settings, load_settings
from footnote.core.telemetry import Telemetry
from footnote.core.types import PartHealth
from ingestion.parser_pool import ParserPool
from ingestion.pipeline import Pipeline
from ingestion.worker import IngestionWorker
from retrieval.embedder.factory import create_embedder
from retrieval.index.edge_backup import snapshot_open
from retrieval.index.factory import create_index
from retrieval.search import Searcher
from retrieval.spaces import Space, Spaces
from serving.answer import AnswerEvent, Question
from serving.api.app import create_app
from serving.erasing import Eraser
from serving.services import OpenServices, Services

Result = TypeVar("Result")
Script = Callable[[Question], AsyncGenerator[AnswerEvent]]

FIRST_START_S = 120.0


class ScriptedAnswers:
    """Answers each question by the script registered for its text, and notes which answers were closed."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.questions: list[Question] = []
        self.ended: dict[str, float] = {}

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        self.questions.append(question)
        script = self.scripts[question.text](question)
        try:
            async for event in script:
                yield event
        finally:
            await script.aclose()
            self.ended[question.text] = time.monotonic()


class Served:
    """An application that listens: its address, and clients for it."""

    def __init__(self, app: FastAPI, url: str) -> None:
        self.app = app
        self.url = url

    def client(self, *, key: str = "none", retries: int = 0) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=retries, http_client=httpx.Client(trust_env=False))

    def async_client(self, *, key: str = "none") -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=httpx.AsyncClient(trust_env=False))

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, **options)

    def wait_until_ready(self) -> None:
        with self.http() as client:
            deadline = time.monotonic() + FIRST_START_S
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.02)


class LoopThread:
    """An event loop in a thread of its own, on which servers run beside the tests."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="api-tests")
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=FIRST_START_S)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @contextmanager
    def serve(self, settings: Settings, open_services: OpenServices) -> Iterator[Served]:
        """Run the application with its lifespan on a free port of loopback."""
        app = create_app(settings, open_services)
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3))
        running = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), self.loop)
        try:
            while not server.started:
                assert not running.done()
                time.sleep(0.005)
            yield Served(app, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            running.result(timeout=30)
            listener.close()


class Library:
    """Open services that several applications may be served over."""

    def __init__(self, threaded: LoopThread, services: Services, answers: ScriptedAnswers, blobs: Path) -> None:
        self.threaded = threaded
        self.services = services
        self.answers = answers
        self.blob_folder = blobs

    @contextmanager
    def serve(self, settings: Settings | None = None) -> Iterator[Served]:
        """Serve the same parts under other settings."""
        chosen = self.services.settings if settings is None else settings
        with self.threaded.serve(chosen, self._share) as served:
            served.wait_until_ready()
            yield served

    def n_blobs(self) -> int:
        return sum(1 for path in self.blob_folder.rglob("*") if path.is_file())

    @asynccontextmanager
    async def _share(self, settings: Settings) -> AsyncIterator[Services]:
        from dataclasses import replace

        yield replace(self.services, settings=settings)


@asynccontextmanager
async def open_parts(settings: Settings, answers: ScriptedAnswers) -> AsyncGenerator[Services]:
    """Open everything but a model."""
    async with AsyncExitStack() as stack:
        telemetry = Telemetry()
        folder = settings.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        embedder = await create_embedder(settings.embedder)
        stack.push_async_callback(embedder.close)
        catalog = Catalog(settings.catalog.url or sqlite_url(folder / "catalog.sqlite"))
        stack.push_async_callback(catalog.close)
        await catalog.open(default_principals=settings.default_principals)
        blobs = FolderBlobStore(folder / "blobs")
        await blobs.open()
        index = create_index(settings.index, data_dir=folder, recipe=embedder.recipe)
        stack.push_async_callback(index.close)
        await index.open()
        spaces = Spaces(
            catalog=catalog,
            default=Space(embedder, index),
            settings=settings.embedder,
            create_index=lambda recipe: create_index(settings.index, data_dir=folder, recipe=recipe),
        )
        stack.push_async_callback(spaces.close)
        await spaces.open()
        parsers = ParserPool(settings.ingestion)
        stack.push_async_callback(parsers.close)
        pipeline = Pipeline(
            catalog=catalog,
            blobs=blobs,
            spaces=spaces,
            parsers=parsers,
            settings=settings.ingestion,
            chunking=settings.chunking,
            telemetry=telemetry,
        )
        worker = IngestionWorker(
            catalog=catalog,
            spaces=spaces,
            pipeline=pipeline,
            settings=settings.ingestion,
            telemetry=telemetry,
        )
        stack.push_async_callback(worker.close)
        await worker.start(alone=True)

        async def health() -> list[PartHealth]:
            return [await part.health() for part in (catalog, index, spaces, embedder)]

        async def snapshot_index() -> Path | None:
            return await snapshot_open(spaces.open_indexes(), data_dir=folder)

        release = await catalog.releases.ensure_champion({"generator": "scripted"})
        yield Services(
            settings=settings,
            telemetry=telemetry,
            catalog=catalog,
            blobs=blobs,
            eraser=Eraser(catalog=catalog, blobs=blobs, points=spaces),
            index=spaces,
            spaces=spaces,
            searcher=Searcher(spaces=spaces, catalog=catalog, settings=settings.retrieval),
            answers=answers,
            release=release,
            evaluation=FrontDesk(catalog=catalog, release_id=release.id, wake=lambda: None),
            set_generator=SetGenerator(catalog, open_writer=None, give_way=Attention().give_way),
            wake_ingestion=worker.wake,
            announce=lambda _url: None,
            health=health,
            snapshot_index=snapshot_index,
        )


def settings_in(folder: Path, **sections: object) -> Settings:
    return load_settings({"data_dir": folder, **sections})
