"""Every state of a job is reached and shown, with counts and times; and the same bytes are read once, also at the same moment."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from footnote.core.types import JobState
from ingestion import pipeline
from ingestion.embedding_batches import EmbeddingBatches
from ingestion.parser_pool import ParserPool
from tests.ingestion.story import CALLER, MANY_PARAGRAPHS, Ingestion

STEPS = (JobState.PARSING, JobState.CLEANING, JobState.CHUNKING, JobState.EMBEDDING, JobState.WRITING)


class Gates:
    """Holds a job before each step until it is let through."""

    def __init__(self, ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = {step: asyncio.Event() for step in STEPS}
        self.chunking = threading.Event()
        for step, owner, name in (
            (JobState.PARSING, ParserPool, "parse"),
            (JobState.CLEANING, ParserPool, "clean"),
            (JobState.EMBEDDING, EmbeddingBatches, "embed"),
        ):
            monkeypatch.setattr(owner, name, self._held(step, getattr(owner, name)))
        chunk = pipeline.chunk

        def chunk_when_open(*args: Any, **kwargs: Any) -> Any:
            self.chunking.wait(timeout=60)
            return chunk(*args, **kwargs)

        monkeypatch.setattr(pipeline, "chunk", chunk_when_open)

        async def before_upsert(n: int) -> None:
            await self.open[JobState.WRITING].wait()

        ingestion.index.before_upsert = before_upsert

    def _held(self, step: JobState, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def held(*args: Any, **kwargs: Any) -> Any:
            await self.open[step].wait()
            return await function(*args, **kwargs)

        return held

    def let_through(self, step: JobState) -> None:
        self.open[step].set()
        if step is JobState.CHUNKING:
            self.chunking.set()


async def test_every_state_is_shown_with_what_is_known_by_then(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    gates = Gates(ingestion, monkeypatch)
    attachment = await ingestion.upload("# Pumps\n\nThe left pump delivers four litres an hour.")
    shown = [attachment.job]
    worker = await ingestion.start()
    try:
        for step in STEPS:
            async with asyncio.timeout(30):
                while (job := await ingestion.catalog.jobs.get(attachment.job.id)).state is not step:
                    await asyncio.sleep(0.02)
            shown.append(job)
            gates.let_through(step)
        done = (await ingestion.final(attachment)).job
    finally:
        gates.chunking.set()
        await worker.close()
    queued, parsing, _, chunking, embedding, writing = shown
    assert queued.state is JobState.QUEUED
    assert parsing.started_at is not None
    assert {"parse", "clean"} <= set(chunking.step_seconds)
    assert (embedding.counts["chunks"], embedding.counts["chunks_done"]) == (1, 0)
    assert "chunk" in embedding.step_seconds
    assert writing.finished_at is None
    assert (done.state, done.counts["chunks_done"]) == (JobState.COMPLETED, 1)
    assert {"parse", "clean", "chunk", "embed", "write"} <= set(done.step_seconds)
    assert all(seconds >= 0 for seconds in done.step_seconds.values())
    assert done.finished_at is not None


async def test_a_job_that_fails_keeps_how_far_it_came(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(*args: object, **kwargs: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(EmbeddingBatches, "embed", break_down)
    done = (await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))).job
    assert (done.state, done.error_code) == (JobState.FAILED, "server_error")
    assert done.counts["chunks"] > 5
    assert {"parse", "clean", "chunk"} <= set(done.step_seconds)


async def test_the_same_bytes_in_two_collections_at_once_are_read_once(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    n_read = 0
    parse = ParserPool.parse

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal n_read
        n_read += 1
        return await parse(*args, **kwargs)

    monkeypatch.setattr(ParserPool, "parse", counted)
    first = await ingestion.upload(MANY_PARAGRAPHS)
    other = await ingestion.catalog.collections.create(caller=CALLER, principals=[], name="other")
    second = await ingestion.catalog.attachments.attach(collection_id=other.id, file_id=first.file.id, caller=CALLER)
    worker = await ingestion.start()
    try:
        states = [(await ingestion.final(attachment)).job.state for attachment in (first, second)]
    finally:
        await worker.close()
    assert states == [JobState.COMPLETED] * 2
    assert n_read == 1
