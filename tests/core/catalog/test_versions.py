"""Versions: one write makes a version visible and its predecessor invisible, and no search sees both or neither by halves."""

from dataclasses import replace

import pytest

from footnote.core.catalog import schema, versions
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import JobLease, new_ingest_job
from footnote.core.catalog.records import AttachmentRecord, TextSpan
from footnote.core.errors import NotFound
from footnote.core.types import Box, Document, Element, ElementKind, JobState
from tests.core.catalog.story import PARSER, attach, build, chunks, claim, collection, ingest, unhidden, upload, view

OLD, NEW = "High tide at six. Low tide at noon", "High tide at seven. Low tide at one"


async def attached(catalog: Catalog) -> AttachmentRecord:
    return await attach(catalog, await collection(catalog), await upload(catalog))


async def start_replacement(catalog: Catalog, attachment: AttachmentRecord) -> tuple[str, JobLease]:
    """Let the attachment be ingested anew, up to the version that waits to be published."""
    async with catalog.database.write() as session:
        job_row = new_ingest_job(attachment_id=attachment.id, owner=attachment.owner)
        session.add(job_row)
        (await session.get_one(schema.Attachment, attachment.id)).job_id = job_row.id
    job, lease = await claim(catalog)
    return await build(catalog, job, lease, text=NEW, recipe="recipe-2"), lease


async def test_chunks_of_a_long_document_go_in_several_writes(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(versions, "CHUNKS_PER_WRITE", 2)
    await attached(catalog)
    job, lease = await claim(catalog)
    text = ". ".join(f"Sentence {number}" for number in range(5))
    version = await build(catalog, job, lease, text=text)
    await catalog.versions.store_chunks(version, chunks(version, text), lease=lease)  # a second attempt
    assert [chunk.text for chunk in await catalog.versions.chunks_of(version)] == text.split(". ")
    async with catalog.database.read() as session:
        assert (await session.get_one(schema.Version, version)).n_chunks == 5


def ids(version_id: str, text: str) -> list[str]:
    return [chunk.id for chunk in chunks(version_id, text)]


async def test_a_document_comes_back_as_it_was_stored(catalog: Catalog):
    await attached(catalog)
    job, lease = await claim(catalog)
    blob = (await catalog.attachments.by_id(job.attachment_id)).file.blob_sha256
    text = "Gezeiten 🌊\nHafen | 06:12\n"
    stored = Document(
        text=text,
        elements=(
            Element(kind=ElementKind.TITLE, start=0, end=10, page=1, box=Box(72.0, 10.5, 300.2, 20.0), level=1),
            Element(kind=ElementKind.TABLE, start=11, end=24, page=2, n_header_rows=1, caption="Pegel"),
        ),
        media_type="application/pdf",
        title="Gezeiten",
        n_pages=2,
        language="de",
        notes=("One image was left out.",),
    )
    document_id = await catalog.versions.store_document(stored, owner="ann", blob_sha256=blob, parser=PARSER, lease=lease)
    assert await catalog.versions.find_document(owner="ann", blob_sha256=blob, parser=PARSER) == (document_id, stored)
    again = await catalog.versions.store_document(stored, owner="ann", blob_sha256=blob, parser=PARSER, lease=lease)
    assert again == document_id


@pytest.mark.parametrize("other", [{"owner": "ben"}, {"parser": "parser-2"}, {"blob_sha256": "0" * 64}])
async def test_a_document_is_found_for_its_owner_bytes_and_parser_alone(catalog: Catalog, other: dict[str, str]):
    attachment = await attached(catalog)
    await ingest(catalog)
    asked = {"owner": "ann", "blob_sha256": attachment.file.blob_sha256, "parser": PARSER}
    assert await catalog.versions.find_document(**asked) is not None
    assert await catalog.versions.find_document(**{**asked, **other}) is None


async def test_a_version_that_is_built_is_hidden_until_one_write_shows_it(catalog: Catalog):
    attachment = await attached(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text=OLD)
    assert (await view(catalog)).hidden == {version}
    assert await catalog.versions.visible_chunks(ids(version, OLD), view=await unhidden(catalog)) == {}
    assert await catalog.versions.publish(version, n_points=2, lease=lease) == ()
    assert (await view(catalog)).hidden == frozenset()
    shown = await catalog.versions.visible_chunks(ids(version, OLD), view=await unhidden(catalog))
    assert [shown[chunk_id].text for chunk_id in ids(version, OLD)] == OLD.split(". ")
    found = await catalog.attachments.by_id(attachment.id)
    assert (found.live_version_id, found.job.state) == (version, JobState.COMPLETED)


async def test_a_chunk_that_is_shown_can_be_cited(catalog: Catalog):
    attachment = await attached(catalog)
    version = await ingest(catalog, text=OLD)
    _, second = ids(version, OLD)
    chunk = (await catalog.versions.visible_chunks([second], view=await unhidden(catalog)))[second]
    assert (chunk.attachment_id, chunk.file_id, chunk.filename) == (attachment.id, attachment.file.id, "tides.txt")
    assert (chunk.version_id, chunk.collection_id, chunk.ordinal) == (version, attachment.collection_id, 1)
    assert (await catalog.versions.text_of(version))[chunk.start : chunk.end] == chunk.text == "Low tide at noon"


async def test_publishing_retires_the_predecessor_and_hands_it_out(catalog: Catalog):
    attachment = await attached(catalog)
    old = await ingest(catalog, text=OLD)
    new, lease = await start_replacement(catalog, attachment)
    assert (await view(catalog)).hidden == {new}
    assert await catalog.versions.publish(new, n_points=2, lease=lease) == (old,)
    assert (await view(catalog)).hidden == {old}
    assert await catalog.versions.abandoned() == (old,)
    await catalog.versions.forget([old, new])
    assert (await view(catalog)).hidden == frozenset()
    assert len(await catalog.versions.chunks_of(new)) == 2, "a live version is never forgotten"


# A search takes its snapshot (what is hidden), asks the engine, and reads the chunks that the engine found. A replacement may be
# published in between; the engine may find points of either version, or of both.


async def test_a_search_that_began_before_a_replacement_still_gets_what_it_found(catalog: Catalog):
    attachment = await attached(catalog)
    old = await ingest(catalog, text=OLD)
    new, lease = await start_replacement(catalog, attachment)
    snapshot = await view(catalog)
    await catalog.versions.publish(new, n_points=2, lease=lease)
    shown = await catalog.versions.visible_chunks([*ids(old, OLD), *ids(new, NEW)], view=snapshot)
    assert set(shown) == set(ids(old, OLD)), "the new version was hidden when the search began"


async def test_a_search_that_found_both_versions_shows_the_live_one_alone(catalog: Catalog):
    attachment = await attached(catalog)
    old = await ingest(catalog, text=OLD)
    snapshot = await view(catalog)  # before the replacement was begun: neither is hidden
    new, lease = await start_replacement(catalog, attachment)
    both = [*ids(old, OLD), *ids(new, NEW)]
    assert set(await catalog.versions.visible_chunks(both, view=snapshot)) == set(ids(old, OLD)), "the new one is pending"
    await catalog.versions.publish(new, n_points=2, lease=lease)
    assert set(await catalog.versions.visible_chunks(both, view=snapshot)) == set(ids(new, NEW))


async def test_a_search_that_began_after_a_replacement_sees_the_new_version_alone(catalog: Catalog):
    attachment = await attached(catalog)
    old = await ingest(catalog, text=OLD)
    new, lease = await start_replacement(catalog, attachment)
    await catalog.versions.publish(new, n_points=2, lease=lease)
    both = [*ids(old, OLD), *ids(new, NEW)]
    shown = await catalog.versions.visible_chunks(both, view=await view(catalog))
    assert set(shown) == set(ids(new, NEW))


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
async def test_what_was_given_up_during_a_search_is_not_shown(catalog: Catalog, ending: str):
    await attached(catalog)
    snapshot = await view(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text=OLD)
    await (catalog.jobs.cancel(job.id) if ending == "cancelled" else catalog.jobs.fail(lease, code="x", message="x"))
    assert await catalog.versions.visible_chunks(ids(version, OLD), view=snapshot) == {}


async def test_more_hidden_versions_than_a_statement_takes_values(catalog: Catalog):
    await attached(catalog)
    version = await ingest(catalog, text=OLD)
    many = replace(await view(catalog), hidden=frozenset(f"ver_{n}" for n in range(40_000)))
    assert set(await catalog.versions.visible_chunks(ids(version, OLD), view=many)) == set(ids(version, OLD))
    none = replace(many, hidden=many.hidden | {version})
    assert await catalog.versions.visible_chunks(ids(version, OLD), view=none) == {}


async def test_nothing_is_shown_for_nothing_and_for_what_is_not_there(catalog: Catalog):
    assert await catalog.versions.visible_chunks([], view=await unhidden(catalog)) == {}
    assert await catalog.versions.visible_chunks(["chunk_none"], view=await unhidden(catalog)) == {}


async def test_storing_chunks_again_replaces_them(catalog: Catalog):
    await attached(catalog)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text=OLD)
    await catalog.versions.store_chunks(version, chunks(version, "One"), lease=lease)
    assert [chunk.text for chunk in await catalog.versions.chunks_of(version)] == ["One"]


async def test_more_chunks_than_one_statement_takes_keep_their_order(catalog: Catalog):
    await attached(catalog)
    text = ". ".join(f"Sentence {number}" for number in range(1_203))
    version = await ingest(catalog, text=text)
    assert [chunk.ordinal for chunk in await catalog.versions.chunks_of(version)] == list(range(1_203))
    neighbours = await catalog.versions.neighbours(version, [1_202, 1_203, 7, -1])
    assert [chunk.ordinal for chunk in neighbours] == [7, 1_202]


async def test_spans_count_code_points(catalog: Catalog):
    await attached(catalog)
    version = await ingest(catalog, text="Ebbe 🌊 und Flut")
    wave, end, over = (TextSpan(version, *span) for span in ((5, 6), (11, 15), (11, 99)))
    absent = TextSpan("ver_none", 0, 1)
    assert await catalog.versions.spans([wave, end, over, absent]) == {wave: "🌊", end: "Flut", over: "Flut"}
    assert await catalog.versions.spans([]) == {}


async def test_the_text_of_what_is_not_there_is_not_found(catalog: Catalog):
    for attempt in (catalog.versions.text_of("ver_none"), catalog.versions.document_of("ver_none")):
        with pytest.raises(NotFound):
            await attempt


async def test_more_versions_than_one_statement_takes_are_forgotten(catalog: Catalog):
    await attach(catalog, await collection(catalog), await upload(catalog))
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text="Tides")
    await catalog.jobs.fail(lease, code="x", message="x")
    await catalog.versions.forget([*(f"ver_{number}" for number in range(70_000)), version])
    assert await catalog.versions.abandoned() == ()
