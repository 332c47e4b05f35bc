"""Two workers on PostgreSQL, one of which is killed for good in the middle of an ingestion: the other finishes what it held."""

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qdrant_client import AsyncQdrantClient
from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import FINAL
from footnote.core.data_directory import DataDirectory
from footnote.core.types import EmbeddingRecipe
from retrieval.index.server import QdrantIndex
from tests.acceptance.server_process import FOOTNOTE, ServerProcess, environment
from tests.ports import free_port
from tests.services.qdrant_stand_in import stand_in_process
from tests.soak.audit import Outcome, faults, outcomes
from tests.soak.documents import MixedDocument
from tests.soak.killing import PATIENCE, feed, wait_until_all_have_ended

LEASE_S = 4
STARTED_S = 120
BUSY_JOBS = 2


class WorkerProcess:
    """``footnote worker``; ends with the block."""

    def __init__(self, log: Path, data_dir: Path, settings: Mapping[str, str]) -> None:
        self._log = log
        self._data_dir = data_dir
        self._settings = settings

    def __enter__(self) -> "WorkerProcess":
        with self._log.open("w") as log:
            command = [FOOTNOTE, "worker"]
            self.process = subprocess.Popen(
                command, env=environment(self._data_dir, **self._settings), stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def log(self) -> str:
        return self._log.read_text()


def lose_a_worker(
    folder: Path, documents: Sequence[MixedDocument], *, postgres_url: str, chance: random.Random, say: Callable[[str], None]
) -> list[Outcome]:
    """Ingest with two workers, kill one for good, and return how each document ended.

    Raises:
        AssertionError: a document was lost, doubled or stuck, or something is left over.
    """
    data_dir = folder / "data"
    with stand_in_process(free_port()) as qdrant_url:
        settings = {
            **PATIENCE,
            "FOOTNOTE_CATALOG__URL": postgres_url,
            "FOOTNOTE_INDEX__KIND": "qdrant",
            "FOOTNOTE_INDEX__URL": qdrant_url,
            "FOOTNOTE_INDEX__GRPC": "false",
            "FOOTNOTE_INGESTION__IN_SERVER": "no",
            "FOOTNOTE_INGESTION__LEASE_S": str(LEASE_S),
        }
        with (
            ServerProcess(data_dir, **settings) as server,
            WorkerProcess(folder / "lost.log", data_dir, settings) as lost,
            WorkerProcess(folder / "other.log", data_dir, settings) as other,
            ThreadPoolExecutor(1) as beside,
        ):
            feeding = beside.submit(feed, server.url, documents)
            held = asyncio.run(_kill_with_work_in_hand(lost, postgres_url, chance))
            say(f"a worker was lost with {held} documents in hand")
            feeding.result()
            wait_until_all_have_ended(server.url)
            assert other.end(signal.SIGTERM) == 0, other.log()
            assert server.end(signal.SIGTERM) == 0, server.log()
            for log in (other.log(), server.log()):
                assert "Traceback" not in log, log
        return asyncio.run(_audited(data_dir, documents, postgres_url=postgres_url, qdrant_url=qdrant_url))


async def _kill_with_work_in_hand(worker: WorkerProcess, postgres_url: str, chance: random.Random) -> int:
    """Kill a worker at a random moment at which it holds jobs; return how many it held when it was dead."""
    catalog = Catalog(postgres_url)
    try:
        await _until_busy(catalog, worker)
        await asyncio.sleep(chance.uniform(0, 2))
        await _until_busy(catalog, worker)
        worker.end(signal.SIGKILL)
        held = await _n_held(catalog, worker)
        assert held, "the worker had just finished all that it held"
        return held
    finally:
        await catalog.close()


async def _until_busy(catalog: Catalog, worker: WorkerProcess) -> None:
    until = time.monotonic() + STARTED_S
    while await _n_held(catalog, worker) < BUSY_JOBS:
        assert worker.process.poll() is None, worker.log()
        assert time.monotonic() < until, f"the worker takes no jobs:\n{worker.log()}"
        await asyncio.sleep(0.02)


async def _n_held(catalog: Catalog, worker: WorkerProcess) -> int:
    holder = select(schema.Worker.id).where(schema.Worker.process_id == worker.process.pid)
    query = select(schema.Job.id).where(schema.Job.lease_owner.in_(holder), schema.Job.state.not_in(FINAL))
    async with catalog.database.read() as session:
        return len((await session.scalars(query)).all())


async def _audited(data_dir: Path, documents: Sequence[MixedDocument], *, postgres_url: str, qdrant_url: str) -> list[Outcome]:
    catalog = Catalog(postgres_url)
    client = AsyncQdrantClient(url=qdrant_url, prefer_grpc=False, check_compatibility=False)
    try:
        async with catalog.database.read() as session:
            (recipe,) = await session.scalars(select(schema.Collection.embedding_recipe))
        index = QdrantIndex(client, recipe=EmbeddingRecipe(**recipe))
        await index.open()
        names = [document.name for document in documents]
        wrong = await faults(catalog, index, names=names, blobs=DataDirectory(data_dir).blobs)
        assert not wrong, "\n".join(wrong)
        return await outcomes(catalog)
    finally:
        await client.close()
        await catalog.close()
