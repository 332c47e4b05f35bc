"""Collections: what the caller may not read is not there for them."""

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.records import FileCounts, Usage
from footnote.core.errors import AccessDenied, InvalidInput, NotFound
from footnote.core.types import EVERYONE, Caller, ChunkingRecipe
from tests.core.catalog.story import ANN, BEN, attach, caller, claim, collection, ingest, upload, view

NOBODY = Caller(owner="ann", principals=frozenset())


async def test_a_new_collection_is_read_as_it_was_made(catalog: Catalog):
    made = await catalog.collections.create(
        caller=ANN,
        principals=["divers"],
        name="sea",
        description="about the sea",
        details={"team": "north"},
        chunking=ChunkingRecipe(kind="static", max_tokens=200, overlap_tokens=20),
        expires_after_days=3,
    )
    assert made == await catalog.collections.get(made.id, caller=ANN)
    assert made.principals == {"divers", "owner:ann"}
    assert (made.description, made.details, made.expires_after_days) == ("about the sea", {"team": "north"}, 3)
    assert made.chunking == ChunkingRecipe(kind="static", max_tokens=200, overlap_tokens=20)
    assert made.created_at.tzinfo is not None


@pytest.mark.parametrize("stranger", [BEN, NOBODY, Caller(owner="ben", principals=frozenset({"sea", "ann", "Owner:ann"}))])
async def test_to_a_stranger_a_collection_does_not_exist(catalog: Catalog, stranger: Caller):
    sea = await collection(catalog)
    for attempt in (
        catalog.collections.get(sea, caller=stranger),
        catalog.collections.readable([sea], caller=stranger),
        catalog.collections.update(sea, caller=stranger, name="mine"),
        catalog.collections.delete(sea, caller=stranger),
        catalog.attachments.list(sea, caller=stranger, paging=Paging()),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert str(caught.value) == f"There is no collection {sea}.", "as it would be said of one that does not exist"
    assert sea not in {found.id for found in await catalog.collections.readable(None, caller=stranger)}
    assert sea not in {found.id for found in (await catalog.collections.list(caller=stranger, paging=Paging())).items}


async def test_who_has_one_of_its_principals_may_read_but_not_change_it(catalog: Catalog):
    sea = await collection(catalog, ANN, "divers")
    diver = caller("ben", "divers")
    assert (await catalog.collections.get(sea, caller=diver)).id == sea
    for attempt in (
        catalog.collections.update(sea, caller=diver, name="mine"),
        catalog.collections.delete(sea, caller=diver),
        attach(catalog, sea, await upload(catalog, diver), diver),
    ):
        with pytest.raises(AccessDenied):
            await attempt
    assert (await catalog.collections.get(sea, caller=ANN)).name == "sea"


async def test_naming_one_that_may_not_be_read_fails_the_whole_search(catalog: Catalog):
    mine, theirs = await collection(catalog, BEN), await collection(catalog, ANN)
    with pytest.raises(NotFound):
        await catalog.collections.readable([mine, theirs], caller=BEN)
    assert [found.id for found in await catalog.collections.readable([mine, mine], caller=BEN)] == [mine]
    assert await catalog.collections.readable([], caller=BEN) == ()


async def test_the_default_collection_is_there_under_both_its_names(catalog: Catalog):
    (by_name,) = await catalog.collections.readable(["default", DEFAULT_COLLECTION], caller=ANN)
    assert by_name.id == DEFAULT_COLLECTION
    assert await catalog.collections.get("default", caller=ANN) == by_name


async def test_the_readers_of_the_default_collection_follow_the_settings(catalog: Catalog):
    await catalog.collections.ensure_default(principals=["divers"])
    with pytest.raises(NotFound):
        await catalog.collections.get("default", caller=ANN)
    assert (await catalog.collections.get("default", caller=caller("ben", "divers"))).principals == {"divers"}
    await catalog.collections.ensure_default(principals=[])
    with pytest.raises(NotFound):
        await catalog.collections.get("default", caller=caller("ben", "divers"))


@pytest.mark.parametrize("name", ["default", DEFAULT_COLLECTION])
async def test_the_default_collection_is_everybodys_and_stays_as_it_is(catalog: Catalog, name: str):
    with pytest.raises(InvalidInput):
        await catalog.collections.delete(name, caller=ANN)
    with pytest.raises(InvalidInput):
        await catalog.collections.update(name, caller=ANN, name="ann's")
    assert (await catalog.collections.get("default", caller=BEN)).name == "default"


async def test_updating_changes_what_is_given_alone(catalog: Catalog):
    sea = await collection(catalog)
    await catalog.collections.update(sea, caller=ANN, details={"team": "north"})
    changed = await catalog.collections.update(sea, caller=ANN, name="ocean")
    assert (changed.name, changed.details) == ("ocean", {"team": "north"})
    assert await catalog.collections.get(sea, caller=ANN) == changed


async def test_counts_and_sizes_follow_the_attachments(catalog: Catalog):
    sea = await collection(catalog)
    assert await catalog.attachments.usage([sea], caller=ANN) == {sea: Usage(FileCounts(), 0)}
    done, twin = await upload(catalog, text="a"), await upload(catalog, text="a")
    await attach(catalog, sea, done)
    await ingest(catalog, text="a")
    await attach(catalog, sea, twin)
    await attach(catalog, sea, await upload(catalog, text="bb"))
    _, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="invalid_file", message="It is empty.")
    cancelled = await attach(catalog, sea, await upload(catalog, text="ccc"))
    await catalog.jobs.cancel(cancelled.job.id)
    await attach(catalog, sea, await upload(catalog, text="dddd"))
    usage = (await catalog.attachments.usage([sea], caller=ANN))[sea]
    assert usage == Usage(FileCounts(in_progress=1, completed=2, failed=1, cancelled=1), 1 + 1 + 2 + 3 + 4)
    assert usage.counts.total == 5


async def test_counts_and_sizes_are_of_what_the_caller_may_read(catalog: Catalog):
    sea, lake = await collection(catalog, ANN, "divers"), await collection(catalog, ANN, "divers")
    await attach(catalog, sea, await upload(catalog, text="for divers"))
    await attach(catalog, sea, await upload(catalog, text="secret"), principals=["pilots"])
    diver = caller("ben", "divers")
    found = await catalog.attachments.usage([sea, lake], caller=diver)
    assert found == {sea: Usage(FileCounts(in_progress=1), len("for divers")), lake: Usage()}


async def test_using_a_collection_is_noted(catalog: Catalog):
    sea = await collection(catalog)
    before = await catalog.collections.get(sea, caller=ANN)
    await catalog.collections.touch([sea])
    assert (await catalog.collections.get(sea, caller=ANN)).last_active_at > before.last_active_at


async def test_deleting_takes_attachments_along_hands_out_their_versions_and_leaves_files(catalog: Catalog):
    sea, other = await collection(catalog), await collection(catalog)
    file = await upload(catalog)
    await attach(catalog, sea, file)
    version = await ingest(catalog)
    await attach(catalog, other, file)
    kept = await ingest(catalog)
    assert await catalog.collections.delete(sea, caller=ANN) == (version,)
    with pytest.raises(NotFound):
        await catalog.collections.get(sea, caller=ANN)
    assert (await catalog.attachments.get(other, file.id, caller=ANN)).live_version_id == kept
    assert (await catalog.files.get(file.id, owner="ann")) == file
    assert (await view(catalog)).hidden == {version}, "hidden until its points have left the index"


async def test_pages_go_on_where_the_last_one_ended(catalog: Catalog):
    made = [await collection(catalog, ANN, name=str(number)) for number in range(5)]
    await collection(catalog, BEN)
    hidden_from_ben = caller("ann")
    first = await catalog.collections.list(caller=hidden_from_ben, paging=Paging(limit=2, order="asc"))
    second = await catalog.collections.list(caller=hidden_from_ben, paging=Paging(limit=4, order="asc", after=first.items[-1].id))
    assert [item.id for item in (*first.items, *second.items)] == [*made, DEFAULT_COLLECTION]
    assert (first.has_more, second.has_more) == (True, False)
    back = await catalog.collections.list(caller=hidden_from_ben, paging=Paging(limit=9, before=made[2]))
    assert [item.id for item in back.items] == [DEFAULT_COLLECTION, made[4], made[3]]


async def test_everyone_is_a_principal_like_others(catalog: Catalog):
    public = await collection(catalog, ANN, EVERYONE)
    assert (await catalog.collections.get(public, caller=BEN)).id == public
    with pytest.raises(NotFound):
        await catalog.collections.get(public, caller=NOBODY)


async def test_who_reads_the_default_collection_is_left_to_the_server(catalog: Catalog):
    await catalog.open(default_principals=("team",))
    await catalog.open(default_principals=None)
    assert (await catalog.collections.get("default", caller=caller("ann", "team"))).principals == {"team"}
    with pytest.raises(NotFound):
        await catalog.collections.get("default", caller=caller("ben"))
