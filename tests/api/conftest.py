from collections.abc import Iterator
from contextlib import AsyncExitStack

import openai
import pytest

from tests.api.library import Library, LoopThread, ScriptedAnswers, Served, open_parts, settings_in
from tests.databases import Databases


@pytest.fixture(scope="session")
def threaded() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def library(threaded: LoopThread, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Open parts for all tests of this folder, once for each kind of database: loading MiniLM takes seconds."""
    folder = tmp_path_factory.mktemp("library")
    url = databases.create(folder)
    settings = settings_in(folder, catalog={"url": url})
    answers = ScriptedAnswers()
    stack = AsyncExitStack()
    services = threaded.call(stack.enter_async_context(open_parts(settings, answers)))
    yield Library(threaded, services, answers, settings.data_dir / "blobs")
    threaded.call(stack.aclose())
    databases.drop(url)


@pytest.fixture(scope="session")
def served(library: Library) -> Iterator[Served]:
    with library.serve() as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with served.client() as opened:
        yield opened
