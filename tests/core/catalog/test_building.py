"""Steps of many jobs in one write: as many statements as for one, and what is refused touches no other."""

from sqlalchemy import event

from footnote.core.catalog.building import Beginning, Publishing, SpaceTaken, Step, Storing
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.documents import read_document
from footnote.core.catalog.jobs import JobLease, LeaseLost, Note, new_ingest_job
from footnote.core.catalog.records import JobRecord, VersionRecord
from footnote.core.types import JobState, VersionState
from tests.core.catalog.story import LEASE_S, MAX_ATTEMPTS, PARSER, attach, chunks, collection, document, upload

N = 6


async def claimed(catalog: Catalog, *, n: int = N) -> list[tuple[JobRecord, JobLease]]:
    here = await collection(catalog)
    for number in range(n):
        await attach(catalog, here, await upload(catalog, text=f"Tide {number}. Moon {number}.", filename=f"{number}.txt"))
    return await catalog.jobs.claim_many(worker_id="worker-1", lease_s=LEASE_S, max_attempts=MAX_ATTEMPTS, n=n)


async def beginning(catalog: Catalog, job: JobRecord, lease: JobLease, *, space: str = "space-1", recipe: str = "recipe-1") -> Beginning:
    attachment = await catalog.attachments.by_id(job.attachment_id)
    sha256 = attachment.file.blob_sha256
    return Beginning(
        attachment_id=attachment.id,
        document=await read_document(document("Tide. Moon."), owner=attachment.owner, blob_sha256=sha256, parser=PARSER),
        content_sha256=sha256,
        recipe={"embedding": {"model": space}},
        recipe_sha256=recipe,
        lease=lease,
        space=space,
    )


class Counted:
    """The statements of writes, counted: those of this catalog's own engine, whatever else this process does."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._engine = catalog.database._engine.sync_engine
        self.n = 0

    def _count(self, *_: object) -> None:
        self.n += 1

    async def build(self, steps: list[Step]) -> list[object]:
        self.n = 0
        event.listen(self._engine, "before_cursor_execute", self._count)
        try:
            return list(await self._catalog.versions.build_all(steps))
        finally:
            event.remove(self._engine, "before_cursor_execute", self._count)


async def test_steps_of_many_jobs_take_as_many_statements_as_those_of_one(catalog: Catalog) -> None:
    counted = Counted(catalog)
    jobs = await claimed(catalog)
    taken: list[tuple[int, int, int]] = []
    for some in (jobs[:1], jobs[1:2], jobs[2:]):  # the first of all settles the space
        begun = await counted.build([await beginning(catalog, *each) for each in some])
        n_begin = counted.n
        versions = [version for version in begun if isinstance(version, VersionRecord)]
        assert len(versions) == len(some)
        steps = [Storing(each.id, chunks(each.id, "Tide. Moon."), lease) for each, (_, lease) in zip(versions, some, strict=True)]
        assert await counted.build([*steps]) == [None] * len(some)
        n_store = counted.n
        note = Note(JobState.WRITING, {"chunks_done": 2}, {"embed": 0.5})
        publishings = [Publishing(each.id, 2, lease, note) for each, (_, lease) in zip(versions, some, strict=True)]
        assert await counted.build([*publishings]) == [()] * len(some)
        taken.append((n_begin, counted.n, n_store))
        for version, (job, _) in zip(versions, some, strict=True):
            done = await catalog.jobs.get(job.id)
            assert (done.state, done.counts, done.step_seconds) == (JobState.COMPLETED, {"chunks_done": 2}, {"embed": 0.5})
            assert (await catalog.attachments.by_id(job.attachment_id)).live_version_id == version.id
            assert [chunk.text for chunk in await catalog.versions.chunks_of(version.id)] == ["Tide", "Moon."]
    alone, together = taken[1], taken[2]
    assert together[1:] == alone[1:]
    n_per_document = 3  # each document is compared with those before it
    assert together[0] <= alone[0] + n_per_document * (len(jobs[2:]) - 1)


async def test_what_is_refused_touches_no_other(catalog: Catalog) -> None:
    (first, first_lease), (lost, lost_lease), (other, other_lease) = await claimed(catalog, n=3)
    fine = await beginning(catalog, first, first_lease)
    late = await beginning(catalog, lost, lost_lease)
    elsewhere = await beginning(catalog, other, other_lease, space="space-2")
    await catalog.jobs.cancel(lost.id)
    begun, refused, taken = await catalog.versions.build_all([fine, late, elsewhere])
    assert isinstance(begun, VersionRecord)
    assert begun.state == VersionState.PENDING
    assert isinstance(refused, LeaseLost)
    assert isinstance(taken, SpaceTaken)
    for step in (late, elsewhere):
        assert await catalog.versions.find_document(owner="ann", blob_sha256=step.content_sha256, parser=PARSER) is None
    assert (await catalog.jobs.get(other.id)).version_id is None


async def test_of_two_versions_of_an_attachment_published_at_once_the_later_one_is_shown(catalog: Catalog) -> None:
    ((job, lease),) = await claimed(catalog, n=1)
    async with catalog.database.write() as session:
        session.add(new_ingest_job(attachment_id=job.attachment_id, owner=job.owner))
    ((again, again_lease),) = await catalog.jobs.claim_many(worker_id="w", lease_s=LEASE_S, max_attempts=MAX_ATTEMPTS, n=1)
    begun = await catalog.versions.build_all(
        [await beginning(catalog, job, lease), await beginning(catalog, again, again_lease, recipe="recipe-2")]
    )
    first, second = [version for version in begun if isinstance(version, VersionRecord)]
    # What an outcome names leaves the index: never what is shown at the end.
    published = await catalog.versions.build_all([Publishing(first.id, 1, lease), Publishing(second.id, 1, again_lease)])
    assert published == [(), (first.id,)]
    assert (await catalog.attachments.by_id(job.attachment_id)).live_version_id == second.id
    assert await catalog.versions.abandoned() == (first.id,)
    assert [(await catalog.jobs.get(each.id)).state for each in (job, again)] == [JobState.COMPLETED] * 2


async def test_a_version_that_is_published_takes_the_place_of_the_one_before(catalog: Catalog) -> None:
    ((job, lease),) = await claimed(catalog, n=1)
    (begun,) = await catalog.versions.build_all([await beginning(catalog, job, lease)])
    assert isinstance(begun, VersionRecord)
    await catalog.versions.publish(begun.id, n_points=1, lease=lease)
    await catalog.attachments.read_again([begun.id])
    ((again, again_lease),) = await catalog.jobs.claim_many(worker_id="w", lease_s=LEASE_S, max_attempts=MAX_ATTEMPTS, n=1)
    (new,) = await catalog.versions.build_all([await beginning(catalog, again, again_lease, recipe="recipe-2")])
    assert isinstance(new, VersionRecord)
    assert await catalog.versions.build_all([Publishing(new.id, 1, again_lease)]) == [(begun.id,)]
    assert (await catalog.attachments.by_id(job.attachment_id)).live_version_id == new.id
