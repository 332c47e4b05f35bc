"""Kills a server with SIGKILL at random moments of an ingestion, and looks at what is left when the last one has finished it."""

import asyncio
import contextlib
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.data_directory import DataDirectory
from tests.acceptance.server_process import ServerProcess
from tests.soak.audit import Outcome, edge_index, faults, outcomes
from tests.soak.documents import MixedDocument

COLLECTION = "vs_default"
KILLS_PER_ROUND = 5
SHARE_KILLED_WHILE_STARTING = 0.2
STARTING_S = 6.0
WORKING_S = 8.0
SETTLED_S = 900.0
PATIENCE = {"FOOTNOTE_INGESTION__MAX_ATTEMPTS": "1000", "FOOTNOTE_INGESTION__EMBED_BATCH_CHUNKS": "16"}
"""A document that is in hand at every kill is not given up, and its points are written in several steps."""


def feed(url: str, documents: Sequence[MixedDocument]) -> None:
    """Upload and attach what is not there yet, as a client would that never knows which of its requests have arrived."""
    with httpx.Client(base_url=f"{url}/v1", trust_env=False, timeout=120) as client:
        uploaded: dict[str, list[str]] = defaultdict(list)
        for file in _all(client, "/files", order="asc"):
            uploaded[file["filename"]].append(file["id"])
        attached = {each["id"] for each in _all(client, f"/vector_stores/{COLLECTION}/files", limit=100)}
        for document in documents:
            known = uploaded[document.name]
            file_id = known.pop(0) if known else _upload(client, document)
            if file_id not in attached:
                client.post(f"/vector_stores/{COLLECTION}/files", json={"file_id": file_id}).raise_for_status()


def kill_while_it_works(data_dir: Path, documents: Sequence[MixedDocument], chance: random.Random) -> None:
    """Start a server, feed it, and kill it at a random moment, be it before it is ready."""
    if chance.random() < SHARE_KILLED_WHILE_STARTING:
        server = ServerProcess(data_dir, **PATIENCE)
        server.start()
        time.sleep(chance.uniform(0, STARTING_S))
        server.end(signal.SIGKILL)
        return
    with ServerProcess(data_dir, **PATIENCE) as server, ThreadPoolExecutor(1) as beside:
        feeding = beside.submit(feed, server.url, documents)
        time.sleep(chance.uniform(0, WORKING_S))
        server.end(signal.SIGKILL)
        with contextlib.suppress(httpx.TransportError):
            feeding.result()


def settle(data_dir: Path, documents: Sequence[MixedDocument]) -> None:
    """Start a server, feed it, wait until every job has ended, and stop it."""
    with ServerProcess(data_dir, **PATIENCE) as server:
        feed(server.url, documents)
        wait_until_all_have_ended(server.url)
        assert server.end(signal.SIGTERM) == 0, server.log()
        assert "Traceback" not in server.log(), server.log()


def wait_until_all_have_ended(url: str) -> None:
    until = time.monotonic() + SETTLED_S
    while _n_in_progress(url):
        assert time.monotonic() < until, "documents are stuck"
        time.sleep(0.2)


def _n_in_progress(url: str) -> int:
    found = httpx.get(f"{url}/v1/vector_stores/{COLLECTION}", trust_env=False, timeout=60).raise_for_status().json()
    return found["file_counts"]["in_progress"]


def audited(data_dir: Path, documents: Sequence[MixedDocument]) -> list[Outcome]:
    """Return how each document ended.

    Raises:
        AssertionError: with all that is wrong with the stores.
    """
    return asyncio.run(_audited(data_dir, [document.name for document in documents]))


def undisturbed(data_dir: Path, documents: Sequence[MixedDocument]) -> list[Outcome]:
    """Ingest without killing anything, and return how each document ended: as it should."""
    settle(data_dir, documents)
    ended = audited(data_dir, documents)
    readable = {document.name: document.readable for document in documents}
    assert all((each.state == "completed") == readable[each.filename] for each in ended), ended
    return ended


def soak(folder: Path, documents: Sequence[MixedDocument], *, n_kills: int, chance: random.Random, say: Callable[[str], None]) -> None:
    """Kill ``n_kills`` times, in rounds with a fresh data directory each, and compare each round's end with that of an undisturbed run.

    Raises:
        AssertionError: a document was lost, doubled or stuck, or something is left over.
    """
    expected = undisturbed(folder / "undisturbed" / "data", documents)
    say(f"undisturbed: {len(expected)} documents, {sum(each.n_points for each in expected)} points")
    n_done, n_round = 0, 0
    while n_done < n_kills:
        n_round += 1
        data_dir = folder / f"round-{n_round}" / "data"
        for _ in range(min(KILLS_PER_ROUND, n_kills - n_done)):
            kill_while_it_works(data_dir, documents, chance)
            n_done += 1
        settle(data_dir, documents)
        assert audited(data_dir, documents) == expected
        say(f"round {n_round}: killed {n_done} times so far, nothing lost, doubled or stuck")


async def _audited(data_dir: Path, names: Sequence[str]) -> list[Outcome]:
    directory = DataDirectory(data_dir)
    catalog = Catalog(sqlite_url(directory.catalog))
    try:
        async with edge_index(data_dir) as index:
            wrong = await faults(catalog, index, names=names, blobs=directory.blobs)
        assert not wrong, "\n".join(wrong)
        return await outcomes(catalog)
    finally:
        await catalog.close()


def _upload(client: httpx.Client, document: MixedDocument) -> str:
    sent = client.post("/files", files={"file": (document.name, document.content)}, data={"purpose": "assistants"})
    return sent.raise_for_status().json()["id"]


def _all(client: httpx.Client, path: str, **query: str | int) -> list[dict]:
    found: list[dict] = []
    while True:
        page = client.get(path, params={**query, **({"after": found[-1]["id"]} if found else {})}).raise_for_status().json()
        found += page["data"]
        if not page["has_more"]:
            return found
