"""Replacing: the new attachment is built beside the old one, and the very write that shows it takes the old one away."""

import pytest

from footnote.core.catalog import schema
from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.records import AttachmentRecord, FileRecord
from footnote.core.errors import AccessDenied, InvalidInput, NotFound
from footnote.core.types import ChunkingRecipe, JobState
from tests.core.catalog.story import ANN, BEN, attach, build, claim, collection, ingest, upload, view

OLD, NEW, NEWER = "High tide at six.", "High tide at seven.", "High tide at eight."


async def attached(catalog: Catalog, sea: str, text: str, **options: object) -> AttachmentRecord:
    return await attach(catalog, sea, await upload(catalog, text=text), **options)


async def here(catalog: Catalog, sea: str) -> list[str]:
    page = await catalog.attachments.list(sea, caller=ANN, paging=Paging(order="asc"))
    return [item.file.id for item in page.items]


async def shown_texts(catalog: Catalog, *versions: str) -> set[str]:
    ids = [chunk.id for version in versions for chunk in await catalog.versions.chunks_of(version)]
    return {chunk.text for chunk in (await catalog.versions.visible_chunks(ids, view=await view(catalog))).values()}


async def test_the_write_that_shows_the_new_one_takes_the_old_one_away(catalog: Catalog):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    old_version = await ingest(catalog, text=OLD)
    new = await attached(catalog, sea, NEW, replaces=old.file.id)
    assert (new.replaces, new.job.state) == ((old.file.id,), JobState.QUEUED)
    assert (await catalog.attachments.by_id(old.id)).replaced_by == new.file.id
    job, lease = await claim(catalog)
    new_version = await build(catalog, job, lease, text=NEW)
    assert await here(catalog, sea) == [old.file.id, new.file.id]
    assert await shown_texts(catalog, old_version, new_version) == {OLD}
    assert await catalog.versions.publish(new_version, n_points=1, lease=lease) == (old_version,)
    assert await here(catalog, sea) == [new.file.id]
    assert await shown_texts(catalog, old_version, new_version) == {NEW}
    assert await catalog.versions.abandoned() == (old_version,)
    assert (await catalog.attachments.by_id(new.id)).replaces == ()
    assert (await catalog.files.get(old.file.id, owner="ann")).id == old.file.id, "the file stays"
    with pytest.raises(NotFound):
        await catalog.jobs.get(old.job.id)


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_when_the_new_one_does_not_succeed_the_old_one_stays(catalog: Catalog, how: str):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    version = await ingest(catalog, text=OLD)
    new = await attached(catalog, sea, NEW, replaces=old.file.id)
    _, lease = await claim(catalog)
    if how == "failed":
        await catalog.jobs.fail(lease, code="x", message="x")
    else:
        await catalog.attachments.cancel(sea, new.file.id, caller=ANN)
    assert (await catalog.attachments.by_id(old.id)).live_version_id == version
    await catalog.attachments.retry(sea, new.file.id, caller=ANN)
    await ingest(catalog, text=NEW)
    assert await here(catalog, sea) == [new.file.id]


async def test_an_unfinished_one_that_is_replaced_goes_with_its_job(catalog: Catalog):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    job, lease = await claim(catalog)
    unfinished = await build(catalog, job, lease, text=OLD)
    await attached(catalog, sea, NEW, replaces=old.file.id)
    await ingest(catalog, text=NEW)
    await catalog.versions.end_writing(lease)
    assert await catalog.versions.abandoned() == (unfinished,)
    assert await catalog.jobs.n_open() == 0


@pytest.mark.parametrize("order", ["in turn", "last first"])
async def test_of_a_chain_the_last_one_stays(catalog: Catalog, order: str):
    sea = await collection(catalog)
    first = await attached(catalog, sea, OLD)
    await ingest(catalog, text=OLD)
    second = await attached(catalog, sea, NEW, replaces=first.file.id)
    third = await attached(catalog, sea, NEWER, replaces=second.file.id)
    jobs = [await claim(catalog, f"worker-{number}") for number in range(2)]
    built = [(await build(catalog, job, lease, text=text), lease) for (job, lease), text in zip(jobs, (NEW, NEWER), strict=True)]
    if order == "in turn":
        await catalog.versions.publish(built[0][0], n_points=1, lease=built[0][1])
        assert await here(catalog, sea) == [second.file.id, third.file.id]
    await catalog.versions.publish(built[1][0], n_points=1, lease=built[1][1])
    assert await here(catalog, sea) == [third.file.id]
    assert await shown_texts(catalog, built[0][0], built[1][0]) == {NEWER}


async def test_of_two_that_replace_the_same_one_the_later_stays(catalog: Catalog):
    sea = await collection(catalog)
    first = await attached(catalog, sea, OLD)
    await ingest(catalog, text=OLD)
    second = await attached(catalog, sea, NEW, replaces=first.file.id)
    third = await attached(catalog, sea, NEWER, replaces=first.file.id)
    assert (await catalog.attachments.by_id(third.id)).replaces == (second.file.id,)
    for text in (NEW, NEWER):
        await ingest(catalog, text=text)
    assert await here(catalog, sea) == [third.file.id]


async def test_one_may_take_the_place_of_several(catalog: Catalog):
    sea = await collection(catalog)
    parts = [await attached(catalog, sea, text, attributes={"part": text}) for text in (OLD, NEW)]
    whole = await attached(catalog, sea, NEWER, replaces=[part.file.id for part in parts])
    assert whole.attributes == {"part": OLD}
    for text in (OLD, NEW, NEWER):
        await ingest(catalog, text=text)
    assert await here(catalog, sea) == [whole.file.id]


async def test_what_is_replaced_may_go_meanwhile(catalog: Catalog):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    await ingest(catalog, text=OLD)
    new = await attached(catalog, sea, NEW, replaces=old.file.id)
    await catalog.attachments.detach(sea, old.file.id, caller=ANN)
    version = await ingest(catalog, text=NEW)
    assert (await catalog.attachments.by_id(new.id)).live_version_id == version


async def test_the_middle_of_a_chain_may_go_meanwhile(catalog: Catalog):
    sea = await collection(catalog)
    first = await attached(catalog, sea, OLD)
    await ingest(catalog, text=OLD)
    second = await attached(catalog, sea, NEW, replaces=first.file.id)
    third = await attached(catalog, sea, NEWER, replaces=second.file.id)
    await catalog.attachments.detach(sea, second.file.id, caller=ANN)
    assert (await catalog.attachments.by_id(third.id)).replaces == (first.file.id,)
    await ingest(catalog, text=NEWER)
    assert await here(catalog, sea) == [third.file.id]


async def test_the_same_bytes_replace_at_once_and_nothing_is_read(catalog: Catalog):
    sea = await collection(catalog)
    old = await attach(catalog, sea, await upload(catalog, text=OLD, filename="old.txt"))
    version = await ingest(catalog, text=OLD)
    new = await attach(catalog, sea, await upload(catalog, text=OLD, filename="new.txt"), replaces=old.file.id)
    assert (new.job.state, new.live_version_id, await here(catalog, sea)) == (JobState.COMPLETED, version, [new.file.id])
    assert await shown_texts(catalog, version) == {OLD}
    assert (await catalog.jobs.n_open(), await catalog.versions.abandoned()) == (0, ())


async def test_the_same_bytes_as_one_that_is_still_read_wait_for_it(catalog: Catalog):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    new = await attached(catalog, sea, OLD, replaces=old.file.id)
    assert (new.job.state, await here(catalog, sea)) == (JobState.QUEUED, [old.file.id, new.file.id])
    version = await ingest(catalog, text=OLD)
    found = await catalog.attachments.by_id(new.id)
    assert (found.job.state, found.live_version_id, await here(catalog, sea)) == (JobState.COMPLETED, version, [new.file.id])
    assert await shown_texts(catalog, version) == {OLD}


async def test_a_change_that_is_taken_back_before_it_was_read_leaves_what_was_there(catalog: Catalog):
    sea = await collection(catalog)
    first = await attached(catalog, sea, OLD)
    version = await ingest(catalog, text=OLD)
    second = await attached(catalog, sea, NEW, replaces=first.file.id)
    back = await attached(catalog, sea, OLD, replaces=second.file.id)
    assert (back.live_version_id, await here(catalog, sea), await catalog.jobs.n_open()) == (version, [back.file.id], 0)


async def test_a_twin_that_replaces_another_file_goes_in_at_once(catalog: Catalog):
    sea = await collection(catalog)
    kept = await attached(catalog, sea, NEW)
    shared = await ingest(catalog, text=NEW)
    old = await attached(catalog, sea, OLD)
    old_version = await ingest(catalog, text=OLD)
    wanted = NewAttachment((await upload(catalog, text=NEW)).id, replaces=(old.file.id,))
    done = await catalog.attachments.attach_all(sea, [wanted], caller=ANN)
    assert done.retired == (old_version,)
    assert await here(catalog, sea) == [kept.file.id, wanted.file_id]
    assert (await catalog.attachments.by_id(done.attachment_ids[0])).live_version_id == shared


async def test_what_a_replacement_does_not_name_it_takes_over(catalog: Catalog):
    sea = await collection(catalog, ANN, "divers")
    cut = ChunkingRecipe(kind="static", max_tokens=100, overlap_tokens=0)
    old = await attached(catalog, sea, OLD, attributes={"year": 2024.0}, principals=["pilots"], chunking=cut)
    new = await attached(catalog, sea, NEW, replaces=old.file.id)
    assert (new.attributes, new.principals, new.chunking) == ({"year": 2024.0}, {"pilots", "owner:ann"}, cut)
    other = await attached(catalog, sea, NEWER, replaces=new.file.id, attributes={}, principals=["divers"])
    assert (other.attributes, other.principals) == ({}, {"divers", "owner:ann"})


async def test_replacing_needs_the_right_to_detach(catalog: Catalog):
    theirs = await attach(catalog, "default", await upload(catalog, ANN, text=OLD), ANN)
    with pytest.raises(AccessDenied, match="somebody else"):
        await attach(catalog, "default", await upload(catalog, BEN, text=NEW), BEN, replaces=theirs.file.id)
    hidden = await attach(catalog, "default", await upload(catalog, ANN, text=NEWER), ANN, principals=["pilots"])
    with pytest.raises(NotFound, match="to replace"):
        await attach(catalog, "default", await upload(catalog, BEN, text=NEW), BEN, replaces=hidden.file.id)


async def test_what_is_not_there_cannot_be_replaced_and_nothing_not_by_itself(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    with pytest.raises(NotFound) as missing:
        await attach(catalog, sea, file, replaces="file-gone")
    with pytest.raises(InvalidInput) as itself:
        await attach(catalog, sea, file, replaces=file.id)
    assert (missing.value.param, itself.value.param, await here(catalog, sea)) == ("replaces", "replaces", [])


async def test_a_request_that_is_sent_twice_changes_nothing_more(catalog: Catalog):
    sea = await collection(catalog)
    old = await attached(catalog, sea, OLD)
    await ingest(catalog, text=OLD)
    new = await attached(catalog, sea, NEW, replaces=old.file.id)
    assert await attach(catalog, sea, new.file, replaces=old.file.id) == new
    await ingest(catalog, text=NEW)
    assert (await attach(catalog, sea, new.file, replaces=old.file.id)).job.state == JobState.COMPLETED


async def test_two_that_are_there_may_replace_each_other_and_the_last_word_counts(catalog: Catalog):
    sea = await collection(catalog)
    first, second = await attached(catalog, sea, OLD), await attached(catalog, sea, NEW)
    await attach(catalog, sea, second.file, replaces=first.file.id)
    await attach(catalog, sea, first.file, replaces=second.file.id)
    await ingest(catalog, text=OLD)
    assert await here(catalog, sea) == [first.file.id]
    assert await catalog.jobs.n_open() == 0


# ------------------------------------------------------------------------------------------------------------- by name and by source


async def named(catalog: Catalog, text: str, filename: str = "tides.txt") -> FileRecord:
    return await upload(catalog, text=text, filename=filename)


async def test_a_collection_that_says_so_keeps_one_file_of_a_name(catalog: Catalog):
    sea = (await catalog.collections.create(caller=ANN, principals=[], name="sea", replaces_by_name=True)).id
    old = await attach(catalog, sea, await named(catalog, OLD))
    other = await attach(catalog, sea, await named(catalog, OLD, "other.txt"))
    assert (other.replaces, (await attach(catalog, sea, await named(catalog, NEW))).replaces) == ((), (old.file.id,))
    last = await attach(catalog, sea, await named(catalog, NEWER))
    for _ in range(3):
        await ingest(catalog)
    assert await here(catalog, sea) == [other.file.id, last.file.id]


async def test_what_had_the_name_before_the_collection_said_so_goes_too(catalog: Catalog):
    sea = await collection(catalog)
    for text in (OLD, NEW):
        await attach(catalog, sea, await named(catalog, text))
        await ingest(catalog, text=text)
    await catalog.collections.update(sea, caller=ANN, replaces_by_name=True)
    last = await attach(catalog, sea, await named(catalog, NEWER))
    assert len(last.replaces) == 2
    await ingest(catalog, text=NEWER)
    assert await here(catalog, sea) == [last.file.id]


async def test_by_name_only_ones_own_files_are_replaced(catalog: Catalog):
    async with catalog.database.write() as session:
        (await session.get_one(schema.Collection, "vs_default")).replaces_by_name = True
    theirs = await attach(catalog, "default", await upload(catalog, ANN, text=OLD), ANN)
    mine = await attach(catalog, "default", await upload(catalog, BEN, text=NEW), BEN)
    assert mine.replaces == ()
    assert (await catalog.attachments.by_id(theirs.id)).replaced_by is None


async def test_what_comes_from_the_same_source_replaces_what_came_from_there(catalog: Catalog):
    sea = await collection(catalog)
    first = await attach(catalog, sea, await named(catalog, OLD), source="here")
    elsewhere = await attach(catalog, sea, await named(catalog, OLD + " There."), source="there")
    await ingest(catalog, text=OLD)
    await ingest(catalog)
    last = await attach(catalog, sea, await named(catalog, NEW), source="here")
    assert (last.replaces, last.source) == ((first.file.id,), "here")
    await ingest(catalog, text=NEW)
    assert await here(catalog, sea) == [elsewhere.file.id, last.file.id]


async def test_within_one_request_the_last_of_a_name_stays(catalog: Catalog):
    sea = (await catalog.collections.create(caller=ANN, principals=[], name="sea", replaces_by_name=True)).id
    files = [await named(catalog, text) for text in (OLD, NEW, OLD)]
    await catalog.attachments.attach_all(sea, [NewAttachment(file.id) for file in files], caller=ANN)
    await ingest(catalog, text=OLD)  # it is the last one's text too
    assert (await here(catalog, sea), await catalog.jobs.n_open()) == ([files[2].id], 0)
