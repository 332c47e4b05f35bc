"""Attachments: queued in one write, shared with their twins, and gone with everything that was made of them."""

import pytest
from sqlalchemy import event

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.paging import Paging
from footnote.core.errors import AccessDenied, NotFound
from footnote.core.types import Caller, ChunkingRecipe, JobState
from tests.core.catalog.story import ANN, BEN, attach, build, caller, claim, collection, ingest, unhidden, upload, view


async def test_attaching_queues_a_job(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file, attributes={"year": 2024.0, "draft": False})
    assert (attachment.job.state, attachment.job.attempt, attachment.live_version_id) == (JobState.QUEUED, 0, None)
    assert attachment.attributes == {"year": 2024.0, "draft": False}
    assert await catalog.attachments.get(sea, file.id, caller=ANN) == attachment
    assert await catalog.attachments.by_id(attachment.id) == attachment
    assert await catalog.jobs.n_open() == 1


async def test_attaching_again_changes_nothing(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    first = await attach(catalog, sea, file)
    assert await attach(catalog, sea, file) == first
    assert await catalog.jobs.n_open() == 1


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_attaching_again_tries_what_did_not_succeed_again(catalog: Catalog, how: str):
    sea, file = await collection(catalog), await upload(catalog)
    first = await attach(catalog, sea, file)
    job, lease = await claim(catalog)
    await (catalog.jobs.cancel(job.id) if how == "cancelled" else catalog.jobs.fail(lease, code="x", message="x"))
    again = await attach(catalog, sea, file)
    assert (again.id, again.job.state) == (first.id, JobState.QUEUED)
    assert again.job.id != first.job.id


async def test_the_readers_are_the_collections_or_those_that_are_named_and_always_the_owner(catalog: Catalog):
    sea = await collection(catalog, ANN, "divers")
    inherited = await attach(catalog, sea, await upload(catalog, text="a"))
    named = await attach(catalog, sea, await upload(catalog, text="b"), principals=["pilots"])
    nobody = await attach(catalog, sea, await upload(catalog, text="c"), principals=[])
    assert [found.principals for found in (inherited, named, nobody)] == [
        {"divers", "owner:ann"},
        {"pilots", "owner:ann"},
        {"owner:ann"},
    ]


async def test_a_file_is_cut_as_its_collection_says_unless_it_says_itself(catalog: Catalog):
    of_all = ChunkingRecipe(kind="static", max_tokens=400, overlap_tokens=50)
    own = ChunkingRecipe(kind="static", max_tokens=100, overlap_tokens=0)
    store = (await catalog.collections.create(caller=ANN, principals=[], name="cut", chunking=of_all)).id
    inherited = await attach(catalog, store, await upload(catalog, text="a"))
    named = await attach(catalog, store, await upload(catalog, text="b"), chunking=own)
    assert (inherited.chunking, named.chunking) == (of_all, own)


async def test_an_attachment_with_other_readers_does_not_exist_for_the_collections(catalog: Catalog):
    sea, file = await collection(catalog, ANN, "divers"), await upload(catalog)
    await attach(catalog, sea, file, principals=["pilots"])
    diver, pilot = caller("ben", "divers"), caller("cat", "pilots")
    with pytest.raises(NotFound):
        await catalog.attachments.get(sea, file.id, caller=diver)
    assert (await catalog.attachments.list(sea, caller=diver, paging=Paging())).items == ()
    with pytest.raises(NotFound):
        await catalog.attachments.get(sea, file.id, caller=pilot)  # the file may be read, the collection may not


async def test_only_ones_own_file_can_be_attached(catalog: Catalog):
    with pytest.raises(NotFound, match="no file"):
        await attach(catalog, "default", await upload(catalog, ANN), BEN)


async def test_in_the_default_collection_everybody_changes_their_own_alone(catalog: Catalog):
    file = await upload(catalog, ANN)
    await attach(catalog, "default", file, ANN)
    (found,) = (await catalog.attachments.list("vs_default", caller=BEN, paging=Paging())).items
    assert found.file.id == file.id, "everyone may read it"
    with pytest.raises(AccessDenied):
        await catalog.attachments.set_attributes("vs_default", file.id, {"spoilt": True}, caller=BEN)
    with pytest.raises(AccessDenied):
        await catalog.attachments.detach("vs_default", file.id, caller=BEN)
    assert (await catalog.attachments.set_attributes("vs_default", file.id, {"year": 1.0}, caller=ANN)).attributes == {"year": 1.0}


# -------------------------------------------------------------------------------------------------------------------------------- twins


async def test_the_same_bytes_attached_twice_are_ingested_once(catalog: Catalog):
    sea = await collection(catalog)
    first = await attach(catalog, sea, await upload(catalog))
    twin = await attach(catalog, sea, await upload(catalog))
    assert await catalog.jobs.n_open() == 1
    version = await ingest(catalog)
    shown = await catalog.attachments.get(sea, twin.file.id, caller=ANN)
    assert (shown.job.state, shown.live_version_id) == (JobState.COMPLETED, version)
    assert shown.job.id == first.job.id


async def attach_differing(catalog: Catalog, sea: str, difference: str) -> None:
    options = {
        "attributes": {"attributes": {"year": 2024.0}},
        "readers": {"principals": ["pilots"]},
        "cut": {"chunking": ChunkingRecipe(kind="static", max_tokens=100, overlap_tokens=0)},
    }
    if difference == "collection":
        await attach(catalog, await collection(catalog), await upload(catalog))
    elif difference == "owner":
        await attach(catalog, "default", await upload(catalog, BEN), BEN)
    elif difference == "kind of name":
        await attach(catalog, sea, await upload(catalog, filename="tides.csv"))
    else:
        await attach(catalog, sea, await upload(catalog), **options[difference])


@pytest.mark.parametrize("difference", ["attributes", "readers", "cut", "collection", "owner", "kind of name"])
async def test_what_differs_is_no_twin(catalog: Catalog, difference: str):
    sea = "default" if difference == "owner" else await collection(catalog)
    await attach(catalog, sea, await upload(catalog))
    await attach_differing(catalog, sea, difference)
    assert await catalog.jobs.n_open() == 2


async def test_what_failed_is_nobodys_twin(catalog: Catalog):
    sea = await collection(catalog)
    await attach(catalog, sea, await upload(catalog))
    _, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="x", message="x")
    assert (await attach(catalog, sea, await upload(catalog))).job.state == JobState.QUEUED


async def test_a_twin_that_failed_with_the_other_is_tried_again(catalog: Catalog):
    sea = await collection(catalog)
    await attach(catalog, sea, await upload(catalog))
    twin = await upload(catalog)
    await attach(catalog, sea, twin)
    _, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="x", message="x")
    assert (await catalog.attachments.get(sea, twin.id, caller=ANN)).job.state == JobState.FAILED
    assert (await attach(catalog, sea, twin)).job.state == JobState.QUEUED


async def test_when_the_one_that_stands_for_others_goes_the_oldest_takes_its_versions_over(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog, filename=f"tides-{number}.txt") for number in range(3)]
    first = (await attach(catalog, sea, files[0])).id
    for file in files[1:]:
        await attach(catalog, sea, file)
    version = await ingest(catalog)
    assert await catalog.attachments.detach(sea, files[0].id, caller=ANN) == ()
    shown = [await catalog.attachments.get(sea, file.id, caller=ANN) for file in files[1:]]
    assert [(found.live_version_id, found.job.state) for found in shown] == [(version, JobState.COMPLETED)] * 2
    assert (shown[0].took_over, shown[1].took_over) == ((first,), ())
    chunk_ids = [chunk.id for chunk in await catalog.versions.chunks_of(version)]
    found = await catalog.versions.visible_chunks(chunk_ids, view=await view(catalog))
    assert {chunk.filename for chunk in found.values()} == {"tides-1.txt"}
    assert await catalog.attachments.detach(sea, files[1].id, caller=ANN) == ()
    assert (await catalog.attachments.get(sea, files[2].id, caller=ANN)).took_over == (first, shown[0].id)
    assert await catalog.attachments.detach(sea, files[2].id, caller=ANN) == (version,)
    assert await catalog.jobs.n_open() == 0


async def test_the_oldest_twin_of_what_is_read_again_stays_searchable_and_is_read_itself(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog) for _ in range(2)]
    for file in files:
        await attach(catalog, sea, file)
    version = await ingest(catalog)
    await catalog.attachments.process(sea, files[0].id, caller=ANN)
    job, lease = await claim(catalog)
    unfinished = await build(catalog, job, lease, text="Tides follow the moon.")
    assert await catalog.attachments.detach(sea, files[0].id, caller=ANN) == (unfinished,)
    heir = await catalog.attachments.get(sea, files[1].id, caller=ANN)
    assert (heir.live_version_id, heir.job.state) == (version, JobState.QUEUED)
    again = await ingest(catalog)
    assert (await catalog.attachments.get(sea, files[1].id, caller=ANN)).live_version_id == again


async def test_when_a_file_is_erased_its_twin_is_read_for_itself(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog) for _ in range(2)]
    for file in files:
        await attach(catalog, sea, file)
    version = await ingest(catalog)
    assert await catalog.attachments.detach_everywhere(files[0].id) == (version,)
    heir = await catalog.attachments.get(sea, files[1].id, caller=ANN)
    assert (heir.live_version_id, heir.job.state, heir.took_over) == (None, JobState.QUEUED, ())


async def test_a_twin_that_goes_takes_nothing_from_the_others(catalog: Catalog):
    sea = await collection(catalog)
    first, twin = await upload(catalog), await upload(catalog)
    await attach(catalog, sea, first)
    await attach(catalog, sea, twin)
    version = await ingest(catalog)
    assert await catalog.attachments.detach(sea, twin.id, caller=ANN) == ()
    assert (await catalog.attachments.get(sea, first.id, caller=ANN)).live_version_id == version


@pytest.mark.parametrize("changed", [0, 1])
async def test_changing_attributes_parts_twins(catalog: Catalog, changed: int):
    sea = await collection(catalog)
    files = [await upload(catalog) for _ in range(2)]
    for file in files:
        await attach(catalog, sea, file)
    version = await ingest(catalog)
    await catalog.attachments.set_attributes(sea, files[changed].id, {"year": 2024.0}, caller=ANN)
    shown = [await catalog.attachments.get(sea, file.id, caller=ANN) for file in files]
    assert [found.attributes for found in shown] == [{"year": 2024.0} if place == changed else {} for place in range(2)]
    assert [found.live_version_id for found in shown] == [version, None]
    assert shown[1].job.state == JobState.QUEUED


# ------------------------------------------------------------------------------------------------------------------------------ detaching


async def test_detaching_drops_text_and_job_and_keeps_the_version_until_its_points_are_gone(catalog: Catalog):
    sea, file = await collection(catalog), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    version = await ingest(catalog, text="One. Two. Three")
    chunk_ids = [chunk.id for chunk in await catalog.versions.chunks_of(version)]
    assert await catalog.attachments.detach(sea, file.id, caller=ANN) == (version,)
    assert await catalog.versions.chunks_of(version) == ()
    assert await catalog.versions.visible_chunks(chunk_ids, view=await unhidden(catalog)) == {}
    for attempt in (catalog.attachments.get(sea, file.id, caller=ANN), catalog.jobs.get(attachment.job.id)):
        with pytest.raises(NotFound):
            await attempt
    assert await catalog.versions.abandoned() == (version,)
    await catalog.versions.forget([version])
    assert (await catalog.versions.abandoned(), (await view(catalog)).hidden) == ((), frozenset())


async def test_detaching_everywhere_while_a_worker_builds_hands_out_the_unfinished_version_too(catalog: Catalog):
    file = await upload(catalog)
    for _ in range(2):
        await attach(catalog, await collection(catalog), file)
    live = await ingest(catalog)
    job, lease = await claim(catalog)
    pending = await build(catalog, job, lease, text="Tides follow the moon.")
    assert set(await catalog.attachments.detach_everywhere(file.id)) == {live, pending}
    assert await catalog.jobs.n_open() == 0


async def test_pages_of_attachments_by_state(catalog: Catalog):
    sea = await collection(catalog)
    files = [await upload(catalog, text=str(number)) for number in range(5)]
    for file in files:
        await attach(catalog, sea, file)
    await ingest(catalog)
    await ingest(catalog)
    paging = Paging(limit=2, order="asc")
    first = await catalog.attachments.list(sea, caller=ANN, paging=paging)
    rest = await catalog.attachments.list(sea, caller=ANN, paging=Paging(limit=9, order="asc", after=first.items[-1].file.id))
    assert [item.file.id for item in (*first.items, *rest.items)] == [file.id for file in files]
    assert (first.has_more, rest.has_more) == (True, False)
    waiting = await catalog.attachments.list(sea, caller=ANN, paging=paging, state="in_progress")
    assert ([item.file.id for item in waiting.items], waiting.has_more) == ([files[2].id, files[3].id], True)
    done = await catalog.attachments.list(sea, caller=ANN, paging=Paging(), state="completed")
    assert [item.file.id for item in done.items] == [files[1].id, files[0].id]
    before = await catalog.attachments.list(sea, caller=ANN, paging=Paging(order="asc", before=files[1].id))
    assert [item.file.id for item in before.items] == [files[0].id]


async def test_a_long_page_takes_as_many_statements_as_a_short_one(catalog: Catalog):
    sea = await collection(catalog, ANN, "divers")
    for number in range(12):
        await attach(catalog, sea, await upload(catalog, text=str(number // 2)), principals=["pilots"] if number % 3 == 0 else None)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(catalog.database._engine.sync_engine, "before_cursor_execute", note)
    diver, n_statements = caller("ben", "divers"), set[int]()
    for limit in (1, 3, 20):
        statements.clear()
        page = await catalog.attachments.list(sea, caller=diver, paging=Paging(limit=limit))
        assert (len(page.items), page.has_more) == (min(limit, 8), limit < 8)
        n_statements.add(len(statements))
    assert len(n_statements) == 1
    assert n_statements.pop() < 8


async def test_an_attachment_without_readers_is_nobodys(catalog: Catalog):
    sea, file = await collection(catalog, ANN, "divers"), await upload(catalog)
    attachment = await attach(catalog, sea, file)
    async with catalog.database.write() as session:
        (await session.get_one(schema.Attachment, attachment.id)).principals = []
    for reader in (ANN, caller("ben", "divers"), Caller(owner="x", principals=frozenset())):
        with pytest.raises(NotFound):
            await catalog.attachments.get(sea, file.id, caller=reader)
        if reader.principals:
            assert (await catalog.attachments.list(sea, caller=reader, paging=Paging())).items == ()
        assert (await catalog.attachments.usage([sea], caller=reader))[sea].counts.total == 0
