"""Re-indexing: a new edition beside the old one, shown by one write, and the way back."""

import asyncio
from dataclasses import asdict
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.records import AttachmentRecord
from footnote.core.catalog.reindexes import ReindexRecord, ReindexState, Target
from footnote.core.errors import AccessDenied, Conflict, NotFound
from footnote.core.types import Caller, ChunkingRecipe, EmbeddingRecipe, JobState, VersionState
from tests.core.catalog.story import ANN, BEN, PARSER, attach, caller, chunks, claim, collection, document, upload

OLD = EmbeddingRecipe(model="old", revision="1", dimension=8, max_tokens=100)
NEW = EmbeddingRecipe(model="new", revision="1", dimension=16, max_tokens=200)
CUT = ChunkingRecipe(kind="static", max_tokens=50, overlap_tokens=0)
WEEK = timedelta(days=7)


async def work(catalog: Catalog) -> str:
    """Do the next job as the pipeline does, in the space that it belongs to; return the version."""
    job, lease = await claim(catalog)
    target = await catalog.reindexes.target_of(job)
    attachment = await catalog.attachments.by_id(job.attachment_id)
    text = f"Text of {attachment.file.filename}. And more"
    document_id = await catalog.versions.store_document(
        document(text), owner=attachment.owner, blob_sha256=attachment.file.blob_sha256, parser=PARSER, lease=lease
    )
    recipe = NEW if target.space == NEW.space else OLD
    version = await catalog.versions.begin(
        attachment_id=attachment.id,
        document_id=document_id,
        content_sha256=attachment.file.blob_sha256,
        recipe={"embedding": asdict(recipe)},
        recipe_sha256=recipe.space,
        lease=lease,
        space=target.space or OLD.space,
        edition=target.edition,
    )
    await catalog.versions.store_chunks(version.id, chunks(version.id, text), lease=lease)
    await catalog.versions.publish(version.id, n_points=2, lease=lease)
    return version.id


async def add(catalog: Catalog, sea: str, name: str) -> AttachmentRecord:
    return await attach(catalog, sea, await upload(catalog, text=name, filename=f"{name}.txt"))


async def filled(catalog: Catalog, n: int = 3) -> tuple[str, list[AttachmentRecord]]:
    sea = await collection(catalog)
    attachments = [await add(catalog, sea, f"file{number}") for number in range(n)]
    for _ in attachments:
        await work(catalog)
    return sea, attachments


async def built(catalog: Catalog, n: int = 3, **options: object) -> tuple[str, list[AttachmentRecord], ReindexRecord]:
    sea, attachments = await filled(catalog, n)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None, **options)
    for _ in attachments:
        await work(catalog)
    return sea, attachments, reindex


async def states(catalog: Catalog) -> dict[str, int]:
    async with catalog.database.read() as session:
        rows = await session.execute(select(schema.Version.state, func.count().label("n")).group_by(schema.Version.state))
        return {row.state: row.n for row in rows}


async def live(catalog: Catalog, attachments: list[AttachmentRecord]) -> list[str | None]:
    return [(await catalog.attachments.by_id(attachment.id)).live_version_id for attachment in attachments]


async def test_a_collection_takes_the_space_of_its_first_version_and_keeps_it(catalog: Catalog):
    sea = await collection(catalog)
    assert (await catalog.versions.view([sea])).spaces == {sea: None}
    await add(catalog, sea, "first")
    await work(catalog)
    assert (await catalog.versions.view([sea])).spaces == {sea: OLD.space}
    await add(catalog, sea, "second")
    job, _ = await claim(catalog)
    assert await catalog.reindexes.target_of(job) == Target(space=OLD.space, edition=None, chunking=None)


async def test_an_empty_collection_is_free_to_take_another_space(catalog: Catalog):
    sea, (only,) = await filled(catalog, 1)
    await catalog.versions.forget(await catalog.attachments.detach(sea, only.file.id, caller=ANN))
    await add(catalog, sea, "next")
    job, _ = await claim(catalog)
    assert (await catalog.reindexes.target_of(job)).space is None


async def test_two_workers_with_other_settings_do_not_mix_a_collection(catalog: Catalog):
    sea = await collection(catalog)
    for name in ("one", "two"):
        await add(catalog, sea, name)
    (_, first), (job, second) = [await claim(catalog) for _ in range(2)]

    async def begin(lease: object, attachment_id: str, recipe: EmbeddingRecipe) -> None:
        attachment = await catalog.attachments.by_id(attachment_id)
        document_id = await catalog.versions.store_document(
            document("x"), owner="ann", blob_sha256=attachment.file.blob_sha256, parser=PARSER, lease=lease
        )
        await catalog.versions.begin(
            attachment_id=attachment_id,
            document_id=document_id,
            content_sha256="x",
            recipe={},
            recipe_sha256=recipe.space,
            lease=lease,
            space=recipe.space,
        )

    await begin(first, (await catalog.jobs.get(first.job_id)).attachment_id, OLD)
    with pytest.raises(Exception, match="another embedder") as caught:
        await begin(second, job.attachment_id, NEW)
    assert caught.value.retryable


async def test_the_new_edition_is_built_beside_the_old_one(catalog: Catalog):
    sea, attachments = await filled(catalog)
    before = await live(catalog, attachments)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=CUT)
    progress = await catalog.reindexes.progress(reindex.id)
    assert (progress.n_total, progress.n_built, progress.n_chunks_left, progress.seconds_left) == (3, 0, 6, None)
    for n in (1, 2, 3):
        await work(catalog)
        progress = await catalog.reindexes.progress(reindex.id)
        assert (progress.n_built, progress.n_chunks, progress.n_chunks_left) == (n, 2 * n, 6 - 2 * n)
    assert progress.is_built
    assert await states(catalog) == {VersionState.LIVE: 3, VersionState.BUILT: 3}
    assert await live(catalog, attachments) == before
    view = await catalog.versions.view([sea])
    assert (view.spaces, view.editions, view.other_editions) == ({sea: OLD.space}, {sea: None}, {reindex.id})
    assert view.hidden == frozenset(), "however many are built: they are told apart by their edition"
    shown = [(await catalog.attachments.by_id(attachment.id)).job.state for attachment in attachments]
    assert shown == [JobState.COMPLETED] * 3


async def test_a_job_of_a_reindexing_knows_its_space_and_cut(catalog: Catalog):
    sea, _ = await filled(catalog, 1)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=CUT)
    job, _ = await claim(catalog)
    assert await catalog.reindexes.target_of(job) == Target(space=NEW.space, edition=reindex.id, chunking=CUT)
    await catalog.reindexes.cancel(sea, caller=ANN)
    with pytest.raises(NotFound):
        await catalog.reindexes.target_of(job)


async def test_one_write_shows_the_new_edition_and_keeps_the_old_one(catalog: Catalog):
    sea, attachments, reindex = await built(catalog)
    before = await live(catalog, attachments)
    text = await catalog.versions.text_of(before[0] or "")
    flipped = await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    assert (flipped.n_shown, flipped.n_missing) == (3, 0)
    assert await states(catalog) == {VersionState.LIVE: 3, VersionState.KEPT: 3}
    assert not set(await live(catalog, attachments)) & set(before)
    view = await catalog.versions.view([sea])
    assert (view.spaces, view.editions) == ({sea: NEW.space}, {sea: reindex.id})
    assert await catalog.versions.text_of(before[0] or "") == text, "what a turn stored can be read"
    assert len(await catalog.versions.chunks_of(before[0] or "")) == 2
    found = await catalog.reindexes.get(sea, caller=ANN)
    assert (found.state, found.keep_until) == (ReindexState.FLIPPED, (found.flipped_at or found.created_at) + WEEK)


async def test_flipping_back_and_forth_loses_nothing(catalog: Catalog):
    sea, attachments, _ = await built(catalog)
    before = await live(catalog, attachments)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    after = await live(catalog, attachments)
    back = await catalog.reindexes.flip_back(sea, caller=ANN)
    assert (back.n_shown, back.n_queued) == (3, 0)
    assert await live(catalog, attachments) == before
    assert (await catalog.versions.view([sea])).spaces == {sea: OLD.space}
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    assert await live(catalog, attachments) == after


async def test_flipping_before_all_is_built_is_refused(catalog: Catalog):
    sea, _ = await filled(catalog)
    await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    await work(catalog)
    with pytest.raises(Conflict, match="2 documents"):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    assert await states(catalog) == {VersionState.LIVE: 3, VersionState.BUILT: 1}, "nothing was changed"


async def test_what_failed_is_listed_and_can_be_accepted_and_comes_back_with_a_flip_back(catalog: Catalog):
    sea, attachments = await filled(catalog)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    job, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="invalid_file", message="It cannot be read.")
    for _ in range(2):
        await work(catalog)
    progress = await catalog.reindexes.progress(reindex.id)
    assert (progress.n_built, progress.n_failed, progress.is_settled) == (2, 1, True)
    failed = await catalog.attachments.by_id(job.attachment_id)
    assert [(one.file_id, one.message) for one in progress.failures] == [(failed.file.id, "It cannot be read.")]
    with pytest.raises(Conflict):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    flipped = await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK, accept_missing=True)
    assert (flipped.n_shown, flipped.n_missing) == (2, 1)
    lost = await catalog.attachments.by_id(job.attachment_id)
    assert (lost.live_version_id, lost.job.state, lost.job.error_message) == (None, JobState.FAILED, "It cannot be read.")
    await catalog.reindexes.flip_back(sea, caller=ANN)
    again = await catalog.attachments.by_id(job.attachment_id)
    assert (again.live_version_id is not None, again.job.state) == (True, JobState.COMPLETED)
    assert len([version for version in await live(catalog, attachments) if version]) == 3


async def test_beginning_again_tries_what_failed_once_more(catalog: Catalog):
    sea, _ = await filled(catalog, 1)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    _, lease = await claim(catalog)
    await catalog.jobs.fail(lease, code="server_error", message="x")
    assert await catalog.reindexes.queue_missing(reindex.id) == 0, "not by itself"
    again = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    assert again.id == reindex.id
    await work(catalog)
    progress = await catalog.reindexes.progress(reindex.id)
    assert (progress.is_built, progress.failures) == (True, ())


async def test_what_comes_while_it_is_built_is_built_too(catalog: Catalog):
    sea, _, reindex = await built(catalog, 1)
    late = await add(catalog, sea, "late")
    assert await catalog.reindexes.queue_all_missing() == 0, "it is not even read"
    await work(catalog)
    assert not (await catalog.reindexes.progress(reindex.id)).is_built
    with pytest.raises(Conflict, match="1 document"):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    assert await catalog.reindexes.queue_all_missing() == 1
    assert await catalog.reindexes.queue_all_missing() == 0, "once"
    await work(catalog)
    assert (await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)).n_shown == 2
    assert (await catalog.attachments.by_id(late.id)).live_version_id is not None


async def test_what_is_detached_while_it_is_built_is_not_waited_for(catalog: Catalog):
    sea, attachments = await filled(catalog)
    reindex = await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    job, lease = await claim(catalog)
    gone = await catalog.attachments.by_id(job.attachment_id)
    await catalog.attachments.detach(sea, gone.file.id, caller=ANN)
    with pytest.raises(LeaseLost):
        await catalog.jobs.renew(lease, lease_s=60)
    for _ in range(2):
        await work(catalog)
    assert (await catalog.reindexes.progress(reindex.id)).n_total == 2
    assert (await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)).n_shown == 2
    assert len(attachments) == 3


async def test_a_document_on_its_way_during_the_flip_is_begun_again_in_the_new_edition(catalog: Catalog):
    sea, _, reindex = await built(catalog, 1)
    late = await add(catalog, sea, "late")
    _, lease = await claim(catalog)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    with pytest.raises(LeaseLost):
        await catalog.jobs.renew(lease, lease_s=60)
    version = await work(catalog)
    assert (await catalog.attachments.by_id(late.id)).live_version_id == version
    async with catalog.database.read() as session:
        row = await session.get_one(schema.Version, version)
    assert (row.edition, row.space) == (reindex.id, NEW.space)


async def test_what_was_attached_after_the_flip_is_read_again_after_flipping_back(catalog: Catalog):
    sea, _, _ = await built(catalog, 1)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    late = await add(catalog, sea, "late")
    await work(catalog)
    back = await catalog.reindexes.flip_back(sea, caller=ANN)
    assert (back.n_shown, back.n_queued) == (1, 1)
    waiting = await catalog.attachments.by_id(late.id)
    assert (waiting.job.state, waiting.live_version_id) == (JobState.QUEUED, None)
    version = await work(catalog)
    async with catalog.database.read() as session:
        row = await session.get_one(schema.Version, version)
    assert (row.state, row.edition, row.space) == (VersionState.LIVE, None, OLD.space)


async def test_after_a_flip_documents_are_cut_as_it_says(catalog: Catalog):
    sea, attachments = await filled(catalog, 1)
    await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=CUT)
    await work(catalog)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    assert (await catalog.collections.get(sea, caller=ANN)).chunking == CUT
    live_version = (await live(catalog, attachments))[0] or ""
    assert await catalog.attachments.read_again([live_version]) == 1
    job, _ = await claim(catalog)
    assert (await catalog.reindexes.target_of(job)).chunking == CUT
    await catalog.reindexes.flip_back(sea, caller=ANN)
    assert (await catalog.collections.get(sea, caller=ANN)).chunking is None


async def test_dropping_retires_what_was_kept_and_there_is_no_way_back(catalog: Catalog):
    sea, attachments, _ = await built(catalog)
    before = await live(catalog, attachments)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    dropped = await catalog.reindexes.drop(sea, caller=ANN)
    assert (dropped.state, dropped.finished_at is not None) == (ReindexState.DONE, True)
    assert set(await catalog.versions.abandoned()) == set(before)
    with pytest.raises(Conflict):
        await catalog.reindexes.flip_back(sea, caller=ANN)
    again = await catalog.reindexes.start(sea, caller=ANN, recipe=OLD, chunking=None)
    assert again.id != dropped.id


async def test_what_was_kept_for_long_enough_is_dropped(catalog: Catalog):
    sea, _, _ = await built(catalog)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=timedelta(hours=1))
    assert await catalog.reindexes.drop_expired() == 0
    await catalog.reindexes.flip_back(sea, caller=ANN)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=timedelta(seconds=-1))
    assert await catalog.reindexes.drop_expired() == 1
    assert await catalog.reindexes.drop_expired() == 0
    assert len(await catalog.versions.abandoned()) == 3


async def test_cancelling_retires_what_was_built_and_stops_the_rest(catalog: Catalog):
    sea, _ = await filled(catalog)
    await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    done = await work(catalog)
    _, lease = await claim(catalog)
    cancelled = await catalog.reindexes.cancel(sea, caller=ANN)
    assert cancelled.state == ReindexState.CANCELLED
    with pytest.raises(LeaseLost):
        await catalog.jobs.renew(lease, lease_s=60)
    assert await catalog.jobs.claim(worker_id="w", lease_s=60, max_attempts=4) is None
    assert await catalog.versions.abandoned() == (done,)
    assert (await states(catalog))[VersionState.LIVE] == 3


async def test_another_one_is_refused_while_one_is_not_finished(catalog: Catalog):
    sea, _, _ = await built(catalog)
    with pytest.raises(Conflict, match="being re-indexed"):
        await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=CUT)
    await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    with pytest.raises(Conflict, match="still keeps"):
        await catalog.reindexes.start(sea, caller=ANN, recipe=OLD, chunking=None)
    with pytest.raises(Conflict, match="shown"):
        await catalog.reindexes.cancel(sea, caller=ANN)
    with pytest.raises(Conflict, match="nothing to flip"):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)


async def test_who_may_only_read_a_collection_may_look_and_not_change(catalog: Catalog):
    dan = caller("dan", "divers")
    sea = await collection(catalog, ANN, "divers")
    await add(catalog, sea, "file")
    await work(catalog)
    await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    assert (await catalog.reindexes.get(sea, caller=dan)).recipe == NEW
    for change in (catalog.reindexes.cancel(sea, caller=dan), catalog.reindexes.flip(sea, caller=dan, keep_for=WEEK)):
        with pytest.raises(AccessDenied):
            await change
    with pytest.raises(NotFound):
        await catalog.reindexes.get(sea, caller=BEN)


async def test_jobs_of_a_reindexing_take_turns_with_uploads(catalog: Catalog):
    sea, _ = await filled(catalog, 5)
    await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
    await add(catalog, sea, "urgent")
    owners = [(await claim(catalog))[0].owner for _ in range(2)]
    assert "ann" in owners


async def test_built_versions_whose_points_were_lost_are_built_again(catalog: Catalog):
    sea, _, reindex = await built(catalog)
    lost = next(iter(await catalog.reindexes.built_points(reindex.id)))
    assert await catalog.reindexes.build_again(reindex.id, [lost]) == 1
    with pytest.raises(Conflict):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
    await work(catalog)
    assert (await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)).n_shown == 3


async def test_a_preview_sees_what_is_built_and_nothing_else(catalog: Catalog):
    sea, attachments, reindex = await built(catalog, 2)
    view = await catalog.versions.view([sea], preview=reindex.id)
    assert (view.spaces, view.editions) == ({sea: NEW.space}, {sea: reindex.id})
    old = [chunk.id for version in await live(catalog, attachments) for chunk in await catalog.versions.chunks_of(version or "")]
    new = [chunk.id for version in await catalog.reindexes.built_points(reindex.id) for chunk in await catalog.versions.chunks_of(version)]
    assert set(await catalog.versions.visible_chunks([*old, *new], view=view)) == set(new)
    shown = await catalog.versions.view([sea])
    assert set(await catalog.versions.visible_chunks([*old, *new], view=shown)) == set(old)
    elsewhere = await collection(catalog, name="lake")
    with pytest.raises(NotFound):
        await catalog.versions.view([elsewhere], preview=reindex.id)


async def test_a_reader_never_sees_two_editions_nor_none_while_it_is_flipped(catalog: Catalog):
    sea, attachments, _ = await built(catalog, 8)
    old = [chunk.id for version in await live(catalog, attachments) for chunk in await catalog.versions.chunks_of(version or "")]
    reindex = await catalog.reindexes.get(sea, caller=ANN)
    new = [chunk.id for version in await catalog.reindexes.built_points(reindex.id) for chunk in await catalog.versions.chunks_of(version)]
    seen: set[str] = set()
    flipping = True

    async def read() -> None:
        while flipping:
            view = await catalog.versions.view([sea])
            await asyncio.sleep(0)  # where the engine would be asked
            edition = view.editions[sea]
            shown = set(await catalog.versions.visible_chunks([*old, *new], view=view))
            assert shown == set(old if edition is None else new)
            seen.add("old" if edition is None else "new")

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for _ in range(10):
        await catalog.reindexes.flip(sea, caller=ANN, keep_for=WEEK)
        await asyncio.sleep(0.01)
        await catalog.reindexes.flip_back(sea, caller=ANN)
    flipping = False
    await asyncio.gather(*readers)
    assert seen == {"old", "new"}


async def test_the_default_collection_is_reindexed_by_who_runs_the_server_alone(catalog: Catalog):
    operator = caller("local", is_operator=True)
    everybodys = "default"
    attachments = [await attach(catalog, everybodys, await upload(catalog, by, text=by.owner), by) for by in (ANN, BEN)]
    for _ in attachments:
        await work(catalog)
    before = await live(catalog, attachments)

    async def refused(stranger: Caller) -> None:
        change = catalog.reindexes
        for attempt in (
            lambda: change.start(everybodys, caller=stranger, recipe=NEW, chunking=None),
            lambda: change.flip(everybodys, caller=stranger, keep_for=WEEK, accept_missing=True),
            lambda: change.flip_back(everybodys, caller=stranger),
            lambda: change.cancel(everybodys, caller=stranger),
            lambda: change.drop(everybodys, caller=stranger),
            lambda: change.keep_comparison(everybodys, {}, caller=stranger),
        ):
            with pytest.raises(AccessDenied, match="everybody's"):
                await attempt()

    for stranger in (ANN, BEN, caller("local")):
        await refused(stranger)
    await catalog.reindexes.start(everybodys, caller=operator, recipe=NEW, chunking=None)
    await refused(ANN)
    for _ in attachments:
        await work(catalog)
    assert (await catalog.reindexes.flip(everybodys, caller=operator, keep_for=WEEK)).n_shown == 2
    await refused(BEN)
    await catalog.reindexes.flip_back(everybodys, caller=operator)
    assert await live(catalog, attachments) == before
    assert (await catalog.reindexes.cancel(everybodys, caller=operator)).state == ReindexState.CANCELLED
