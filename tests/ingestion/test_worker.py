"""The queue with real parts: catalog, blobs, child processes, embedder and Edge index. Faults are put in at the index's door."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.errors import IndexUnavailable
from footnote.core.types import Access, Comparison, Document, JobState
from ingestion import pipeline
from ingestion import worker as worker_module
from ingestion.parser_pool import ParserPool, Progress
from retrieval.index.port import IndexQuery
from tests.ingestion.story import CALLER, MANY_PARAGRAPHS, Ingestion, kill


async def test_a_document_becomes_exact_chunks_and_as_many_points(ingestion: Ingestion) -> None:
    done = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    assert done.job.state is JobState.COMPLETED
    assert done.live_version_id is not None
    text = await ingestion.catalog.versions.text_of(done.live_version_id)
    chunks = await ingestion.catalog.versions.chunks_of(done.live_version_id)
    assert [text[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
    n_points, n_chunks = await ingestion.n_points_of(done)
    assert n_points == n_chunks == done.job.counts["chunks"] == done.job.counts["chunks_done"] > 5
    assert {"parse", "clean", "chunk", "embed", "write"} <= set(done.job.step_seconds)


async def test_a_failure_that_passes_is_tried_again_and_doubles_nothing(ingestion: Ingestion) -> None:
    async def fail_twice(n: int) -> None:
        if n in (2, 4):
            raise IndexUnavailable("The index does not answer.")

    ingestion.index.before_upsert = fail_twice
    done = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 3)
    n_points, n_chunks = await ingestion.n_points_of(done)
    assert n_points == n_chunks


async def test_a_failure_that_stays_ends_the_job_and_leaves_nothing(ingestion: Ingestion) -> None:
    async def fail(n: int) -> None:
        if n > 1:
            raise IndexUnavailable("The index does not answer.", hint="Start it.")

    ingestion.index.before_upsert = fail
    worker = await ingestion.start()
    try:
        done = await ingestion.final(await ingestion.upload(MANY_PARAGRAPHS))
        assert (done.job.state, done.job.error_code) == (JobState.FAILED, "server_error")
        assert done.job.error_message == "The index does not answer. Start it."
        async with asyncio.timeout(10):  # the points go after the job has failed
            while await ingestion.n_points_of(done) != (0, 0) or (await ingestion.catalog.versions.view([])).hidden:
                await asyncio.sleep(0.02)
    finally:
        await worker.close()


async def test_work_that_was_cut_off_is_done_again_exactly_once(ingestion: Ingestion) -> None:
    attachment = await ingestion.upload(MANY_PARAGRAPHS)
    written = asyncio.Event()

    async def stop_after_first(n: int) -> None:
        if n == 2:
            written.set()
            await asyncio.sleep(60)

    ingestion.index.before_upsert = stop_after_first
    first = await ingestion.start()
    await written.wait()
    await kill(first)
    assert await ingestion.index.count() == 5
    ingestion.index.before_upsert = None
    done = await ingestion.run_until_final(attachment)
    assert (done.job.state, done.job.attempt) == (JobState.COMPLETED, 2)
    n_points, n_chunks = await ingestion.n_points_of(done)
    assert n_points == n_chunks


async def test_a_cancelled_job_stops_and_its_points_go(ingestion: Ingestion) -> None:
    attachment = await ingestion.upload(MANY_PARAGRAPHS)

    async def cancel(n: int) -> None:
        if n == 2:
            await ingestion.catalog.jobs.cancel(attachment.job.id)

    ingestion.index.before_upsert = cancel
    worker = await ingestion.start()
    try:
        done = await ingestion.final(attachment)
        assert done.job.state is JobState.CANCELLED
        async with asyncio.timeout(10):
            while ingestion.index.n_upserts < 2 or await ingestion.index.count():
                await asyncio.sleep(0.02)
    finally:
        await worker.close()


async def test_a_file_that_is_detached_while_it_is_written_leaves_no_points(ingestion: Ingestion) -> None:
    attachment = await ingestion.upload(MANY_PARAGRAPHS)
    detached = asyncio.Event()

    async def detach(n: int) -> None:
        if n == 2:
            versions = await ingestion.catalog.attachments.detach(DEFAULT_COLLECTION, attachment.file.id, caller=CALLER)
            await ingestion.index.delete_versions(versions)
            await ingestion.catalog.versions.forget(versions)
            detached.set()

    ingestion.index.before_upsert = detach
    worker = await ingestion.start()
    try:
        await detached.wait()
        other = await ingestion.upload("A note that comes later.", filename="later.txt")
        assert (await ingestion.final(other)).job.state is JobState.COMPLETED
        async with asyncio.timeout(10):
            while await ingestion.n_points_of(other) != (1, 1):
                await asyncio.sleep(0.02)
    finally:
        await worker.close()


async def test_a_write_that_is_under_way_when_its_job_is_taken_away_leaves_no_points(ingestion: Ingestion) -> None:
    """The cancelled job shares a call with another one, and somebody forgets its version before that call has written anything."""
    attachment = await ingestion.upload(MANY_PARAGRAPHS)
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def hold(n: int) -> None:
        if n == 2:
            writing.set()
            await go_on.wait()

    ingestion.index.before_upsert = hold
    worker = await ingestion.start(lease_s=0.3)
    try:
        await writing.wait()
        (running,) = worker._running
        versions = await ingestion.catalog.attachments.detach(DEFAULT_COLLECTION, attachment.file.id, caller=CALLER)
        await ingestion.index.delete_versions(versions)
        async with asyncio.timeout(10):
            while not running.cancelling():
                await asyncio.sleep(0.01)
        assert (await asyncio.wait([running], timeout=0.2))[1], "the job waits for what is written for it"
        go_on.set()
        await asyncio.wait([running])
        assert await ingestion.index.count() == 0
    finally:
        await worker.close()


async def test_attributes_that_change_while_points_are_written_are_on_all_of_them(ingestion: Ingestion) -> None:
    attachment = await ingestion.upload(MANY_PARAGRAPHS)

    async def change(n: int) -> None:
        if n == 2:
            changed = await ingestion.catalog.attachments.set_attributes(
                DEFAULT_COLLECTION, attachment.file.id, {"year": 2025.0}, caller=CALLER
            )
            await ingestion.index.update_payload(changed.id, principals=changed.principals, attributes=changed.attributes)

    ingestion.index.before_upsert = change
    done = await ingestion.run_until_final(attachment)
    n_points, _ = await ingestion.n_points_of(done)
    query = IndexQuery(dense=None, text="pump", limit=100, filter=Comparison("eq", "year", 2025.0))
    found = await ingestion.index.search(query, Access(collection_ids=frozenset({DEFAULT_COLLECTION}), principals=CALLER.principals))
    assert len(found.hits) == n_points > 5


async def test_the_same_bytes_under_another_ending_are_another_document(ingestion: Ingestion) -> None:
    content = "name,litres\nleft pump,4\nright pump,5"
    as_text = await ingestion.run_until_final(await ingestion.upload(content, filename="pumps.txt"))
    as_table = await ingestion.run_until_final(await ingestion.upload(content, filename="pumps.csv"))
    texts = [await ingestion.catalog.versions.text_of(str(done.live_version_id)) for done in (as_text, as_table)]
    assert texts[0].startswith("name,litres")
    assert texts[1].startswith("name | litres")


async def test_a_bad_document_fails_with_what_to_do_and_the_next_one_is_done(ingestion: Ingestion) -> None:
    bad = await ingestion.upload(b"%PDF-1.7\nbroken", filename="broken.pdf")
    good = await ingestion.upload("A good note about pumps.", filename="good.txt")
    worker = await ingestion.start()
    try:
        failed, done = await ingestion.final(bad), await ingestion.final(good)
    finally:
        await worker.close()
    assert (failed.job.state, failed.job.error_code) == (JobState.FAILED, "damaged")
    assert failed.job.error_message
    assert failed.job.attempt == 1
    assert done.job.state is JobState.COMPLETED


async def test_documents_whose_points_the_index_lost_are_read_again(ingestion: Ingestion) -> None:
    before = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    other = await ingestion.run_until_final(await ingestion.upload("A note about valves.", filename="valves.txt"))
    n_points = await ingestion.index.count()
    await ingestion.lose_the_index()
    worker = await ingestion.start()
    try:
        after = [await ingestion.final(attachment) for attachment in (before, other)]
        assert [each.job.state for each in after] == [JobState.COMPLETED] * 2
        assert {each.live_version_id for each in after}.isdisjoint({before.live_version_id, other.live_version_id})
        assert await ingestion.index.count() == n_points
    finally:
        await worker.close()


async def test_nothing_is_read_again_while_the_index_has_it_all(ingestion: Ingestion) -> None:
    before = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    worker = await ingestion.start()
    await worker.close()
    assert await ingestion.catalog.attachments.by_id(before.id) == before


async def test_an_error_that_nobody_foresaw_does_not_end_the_queue(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "POLL_S", 0.05)
    claim, stumbling = ingestion.catalog.jobs.claim_many, True

    async def stumble(**arguments: Any) -> Any:
        if stumbling:
            raise IntegrityError("INSERT", {}, Exception("violated"))
        return await claim(**arguments)

    monkeypatch.setattr(ingestion.catalog.jobs, "claim_many", stumble)
    attachment = await ingestion.upload("A note about pumps.", filename="note.txt")
    worker = await ingestion.start()
    try:
        async with asyncio.timeout(10):
            while (await worker.health()).ready:
                await asyncio.sleep(0.01)
        assert "IntegrityError" in (await worker.health()).detail
        stumbling = False
        assert (await ingestion.final(attachment)).job.state is JobState.COMPLETED
        assert (await worker.health()).ready
    finally:
        await worker.close()
    assert not (await worker.health()).ready


async def test_a_cancelled_job_frees_its_parser(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, freed = asyncio.Event(), asyncio.Event()

    async def hang(*args: object, **kwargs: object) -> None:
        reading.set()
        try:
            await asyncio.sleep(60)
        finally:
            freed.set()

    monkeypatch.setattr(ParserPool, "parse", hang)
    attachment = await ingestion.upload(MANY_PARAGRAPHS)
    worker = await ingestion.start(lease_s=0.3)
    try:
        async with asyncio.timeout(10):
            await reading.wait()
            await ingestion.catalog.jobs.cancel(attachment.job.id)
            await freed.wait()
        assert (await worker.health()).ready
    finally:
        await worker.close()


async def test_chunks_are_cut_from_the_document_that_is_kept(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers read the same bytes at the same time, neither finds the other's document, and they do not read the same in them."""
    before = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS))
    clean = ParserPool.clean

    async def clean_otherwise(pool: ParserPool, parsed: Document) -> Document:
        cleaned = await clean(pool, parsed)
        return replace(cleaned, text=cleaned.text.replace("pump", "PUMP"))

    async def find_nothing(**_: object) -> None:
        return None

    monkeypatch.setattr(ParserPool, "clean", clean_otherwise)
    monkeypatch.setattr(ingestion.catalog.versions, "find_document", find_nothing)
    done = await ingestion.run_until_final(await ingestion.catalog.attachments.process(DEFAULT_COLLECTION, before.file.id, caller=CALLER))
    assert done.live_version_id != before.live_version_id
    text = await ingestion.catalog.versions.text_of(str(done.live_version_id))
    chunks = await ingestion.catalog.versions.chunks_of(str(done.live_version_id))
    assert len(chunks) > 5
    assert [chunk.text for chunk in chunks] == [text[chunk.start : chunk.end] for chunk in chunks]


async def test_the_same_bytes_are_read_once(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that differ make two attachments of the same bytes, each with chunks of its own: no twin stands for the other."""
    parse, read = ParserPool.parse, list[str]()

    async def note(self: ParserPool, path: Path, *, filename: str, progress: Progress | None = None) -> Document:
        read.append(filename)
        return await parse(self, path, filename=filename, progress=progress)

    monkeypatch.setattr(ParserPool, "parse", note)
    one = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS, filename="one.md"))
    other = await ingestion.run_until_final(await ingestion.upload(MANY_PARAGRAPHS, filename="other.md", attributes={"kind": "copy"}))
    assert other.job.state is JobState.COMPLETED
    assert (other.job.id, other.live_version_id) != (one.job.id, one.live_version_id)
    assert await ingestion.index.count(version_id=other.live_version_id) == other.job.counts["chunks"] > 5
    assert read == ["one.md"]


def test_a_write_waits_for_others_only_where_there_are_any_and_the_longer_the_more_there_are() -> None:
    assert pipeline.linger_s(1) == 0
    assert 0 < pipeline.linger_s(2) < pipeline.linger_s(8) < pipeline.linger_s(16) == pipeline.linger_s(1_000) == pipeline.LINGER_S


async def test_points_of_small_documents_are_written_together(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write goes to the disk, and takes longer than many small documents together."""
    monkeypatch.setattr(pipeline, "linger_s", lambda n_running: 1.0 if n_running > 1 else 0.0)
    uploaded = [await ingestion.upload(f"Pump {number} delivers {number} litres.", filename=f"{number}.md") for number in range(4)]
    worker = await ingestion.start()
    try:
        done = [await ingestion.final(each) for each in uploaded]
    finally:
        await worker.close()
    assert {each.job.state for each in done} == {JobState.COMPLETED}
    assert ingestion.index.n_upserts < len(uploaded)
