"""Jobs: who works on what, until when; a late write with an old fencing token is refused."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.claims import IN_HAND, SUSPECT_CUT_OFFS, lock_oldest, standings, turns
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import JobRecord
from footnote.core.catalog.writers import note_writers
from footnote.core.errors import Conflict, NotFound
from footnote.core.ids import new_id
from footnote.core.types import JobState, VersionState

INGEST = "ingest"
FINAL = tuple(state for state in JobState if state.is_final)


class LeaseLost(Conflict):
    """The job belongs to another worker by now, or was cancelled: whoever gets this stops working on it."""


@dataclass(frozen=True, slots=True)
class JobLease:
    """A worker's right to write for a job."""

    job_id: str
    worker_id: str
    fencing_token: int


@dataclass(frozen=True, slots=True)
class Note:
    """How far a job has come: its state, and counts and seconds of steps, added to those noted before."""

    state: JobState
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    def then(self, later: "Note") -> "Note":
        """Return both as one."""
        return Note(later.state, {**self.counts, **later.counts}, {**self.seconds, **later.seconds})


Claimed = tuple[JobRecord, JobLease]


class Jobs:
    """Reads and writes jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Job, job_id)
        if row is None:
            raise NotFound(f"There is no job {job_id}.")
        return job_record(row)

    async def claim(self, *, worker_id: str, lease_s: float, max_attempts: int) -> Claimed | None:
        """Take one job, as ``claim_many`` does; None where none waits."""
        taken = await self.claim_many(worker_id=worker_id, lease_s=lease_s, max_attempts=max_attempts, n=1)
        return taken[0] if taken else None

    async def claim_many(
        self, *, worker_id: str, lease_s: float, max_attempts: int, n: int, in_hand: Collection[str] = ()
    ) -> list[Claimed]:
        """Take up to ``n`` jobs in one write: owners in turn, of each the oldest that waits or whose worker let its lease run out.

        One whose attempts are used up was cut off in the last of them, or it would have ended: it is failed instead, because a document
        that brings its worker down would do so for ever. And one that was cut off ``SUSPECT_CUT_OFFS`` times is not taken while this worker
        holds another such job: what brings a worker down takes few others with it. Its owner's other jobs do not wait for it.

        Args:
            worker_id: who takes them.
            lease_s: how long they are its own.
            max_attempts: tries for a document.
            n: how many at most.
            in_hand: jobs that this worker works on, whose leases it prolongs, be it late.
        """
        moment = now()
        taken: list[schema.Job] = []
        async with self._database.write() as session:
            await _put_back(session, (schema.Job.lease_until < moment) & schema.Job.id.not_in(in_hand))
            suspect_in_hand = await _holds_suspect(session, worker_id)
            owners = {standing.owner: standing for standing in await standings(session)}
            while owners and len(taken) < n:
                wanted = Counter(turns(list(owners.values()), n - len(taken)))
                for owner, n_wanted in wanted.items():
                    rows = await lock_oldest(session, owner, n_wanted, moment=moment, with_suspects=not suspect_in_hand)
                    for row in rows:
                        if row.attempt >= max_attempts:
                            await _end_as_failed(session, row, code="server_error", message=_cut_off(row.attempt))
                        elif not (suspect_in_hand and _is_suspect(row)):
                            suspect_in_hand = suspect_in_hand or _is_suspect(row)
                            _hand_over(row, worker_id=worker_id, lease_s=lease_s, moment=moment)
                            taken.append(row)
                    if len(rows) < n_wanted:
                        owners.pop(owner, None)
                await session.flush()
        return [(job_record(row), JobLease(job_id=row.id, worker_id=worker_id, fencing_token=row.fencing_token)) for row in taken]

    async def renew(self, lease: JobLease, *, lease_s: float) -> None:
        """Prolong a lease.

        Raises:
            LeaseLost: somebody else has the job, or it was cancelled.
        """
        async with self._database.write(beside=True) as session:
            row = await require_lease(session, lease)
            row.lease_until = now() + timedelta(seconds=lease_s)

    async def advance(
        self, lease: JobLease, state: JobState, *, counts: Mapping[str, int] | None = None, seconds: Mapping[str, float] | None = None
    ) -> None:
        """Note where the job has come to, with counts and times added to those noted before.

        Raises:
            LeaseLost: as in ``renew``.
        """
        async with self._database.write(beside=True) as session:
            note_progress(await require_lease(session, lease), Note(state, counts or {}, seconds or {}))

    async def note_all(self, notes: Mapping[JobLease, Note]) -> list[JobLease]:
        """Do for many jobs in one write what ``advance`` does for one; return the leases that were lost, whose notes are dropped."""
        async with self._database.write(beside=True) as session:
            rows = await held_jobs(session, notes)
            for lease, row in rows.items():
                note_progress(row, notes[lease])
        return [lease for lease in notes if lease not in rows]

    async def renew_all(self, leases: Collection[JobLease], *, lease_s: float) -> list[JobLease]:
        """Prolong leases in one write; return those that were lost."""
        async with self._database.write(beside=True) as session:
            rows = await held_jobs(session, leases)
            until = now() + timedelta(seconds=lease_s)
            for row in rows.values():
                row.lease_until = until
        return [lease for lease in leases if lease not in rows]

    async def lost(self, leases: Collection[JobLease]) -> list[JobLease]:
        """Return those leases whose job is somebody else's by now, or ended."""
        if not leases:
            return []
        query = select(schema.Job.id, schema.Job.fencing_token).where(
            schema.Job.id.in_([lease.job_id for lease in leases]), schema.Job.state.in_(IN_HAND)
        )
        async with self._database.read() as session:
            held = {(row.id, row.fencing_token) for row in await session.execute(query)}
        return [lease for lease in leases if (lease.job_id, lease.fencing_token) not in held]

    async def fail(self, lease: JobLease, *, code: str, message: str) -> None:
        """End a job that cannot be done; its unfinished version is given up.

        Raises:
            LeaseLost: as in ``renew``.
        """
        async with self._database.write() as session:
            row = await require_lease(session, lease)
            await _end_as_failed(session, row, code=code, message=message)

    async def retry_later(self, lease: JobLease, *, delay_s: float, code: str, message: str) -> None:
        """Put a job back for another attempt.

        Raises:
            LeaseLost: as in ``renew``.
        """
        async with self._database.write(beside=True) as session:
            row = await require_lease(session, lease)
            row.state, row.error_code, row.error_message = JobState.QUEUED, code, message
            row.not_before = now() + timedelta(seconds=delay_s)
            row.lease_owner, row.lease_until = None, None
            row.fencing_token += 1

    async def give_back(self, lease: JobLease, *, delay_s: float = 0) -> None:
        """Put a job back as if this attempt had not been: what cut it off says nothing about the document.

        Raises:
            LeaseLost: as in ``renew``.
        """
        async with self._database.write(beside=True) as session:
            row = await require_lease(session, lease)
            row.state, row.attempt = JobState.QUEUED, row.attempt - 1
            row.not_before = now() + timedelta(seconds=delay_s)
            row.lease_owner, row.lease_until = None, None
            row.fencing_token += 1

    async def put_back_lapsed(self, *, dead_workers: Collection[str] = (), in_hand: Collection[str] = ()) -> int:
        """Queue the jobs again whose lease has run out or whose worker is dead; return how many they were.

        Their attempt is used up. Who holds such a job by mistake writes nothing more for it. Jobs ``in_hand`` of the one who asks stay.
        """
        lapsed = or_(schema.Job.lease_until < now(), schema.Job.lease_owner.in_(dead_workers))
        async with self._database.write() as session:
            return await _put_back(session, lapsed & schema.Job.id.not_in(in_hand))

    async def fail_worn_out(self, *, max_attempts: int) -> int:
        """End the queued jobs whose attempts are used up: they were cut off in the last of them. Return how many they were."""
        query = select(schema.Job).where(schema.Job.state == JobState.QUEUED, schema.Job.attempt >= max_attempts)
        async with self._database.write() as session:
            rows = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            for row in rows:
                await _end_as_failed(session, row, code="server_error", message=_cut_off(row.attempt))
        return len(rows)

    async def cancel(self, job_id: str) -> JobRecord:
        """End a job that is not final; its worker notices at its next write. A final job stays what it is."""
        async with self._database.write() as session:
            row = await session.get(schema.Job, job_id, with_for_update=True)
            if row is None:
                raise NotFound(f"There is no job {job_id}.")
            if not JobState(row.state).is_final:
                await end_as_cancelled(session, row)
        return job_record(row)

    async def release_all(self, *, worker_id: str | None = None) -> None:
        """Put back what a worker holds, because it is about to stop; without its id what any worker holds: none of them lives.

        A worker that stops as it should gives the attempt back; one that was killed has used it up.
        """
        held = update(schema.Job).where(schema.Job.lease_owner.is_not(None), schema.Job.state.not_in(FINAL))
        if worker_id is not None:
            held = held.where(schema.Job.lease_owner == worker_id).values(attempt=schema.Job.attempt - 1)
        else:
            held = held.values(cut_offs=schema.Job.cut_offs + 1)
        async with self._database.write() as session:
            if worker_id is None:
                await session.execute(
                    update(schema.Version).where(schema.Version.writer.is_not(None)).values(writer=None, written_until=None)
                )
            await session.execute(
                held.values(state=JobState.QUEUED, lease_owner=None, lease_until=None, fencing_token=schema.Job.fencing_token + 1)
            )

    async def n_open(self) -> int:
        """Count the jobs that are not final."""
        async with self._database.read() as session:
            return await session.scalar(select(func.count()).where(schema.Job.state.not_in(FINAL))) or 0


def lease_lost(lease: JobLease) -> LeaseLost:
    """Return what a late write is refused with."""
    return LeaseLost(f"The job {lease.job_id} is no longer this worker's.")


async def require_lease(session: AsyncSession, lease: JobLease) -> schema.Job:
    """Return the job for writing.

    Raises:
        LeaseLost: the token is not the newest one, or the job is final.
    """
    row = await session.get(schema.Job, lease.job_id, with_for_update=True)
    if row is None or row.fencing_token != lease.fencing_token or JobState(row.state).is_final:
        raise lease_lost(lease)
    return row


async def held_jobs(session: AsyncSession, leases: Collection[JobLease]) -> dict[JobLease, schema.Job]:
    """Return the jobs, for writing, of those leases that still hold; always locked in the same order, so that no two writes cross."""
    if not leases:
        return {}
    # By token too: who took a job again may still hold the lease that it had lost, and asks for both.
    wanted = {(lease.job_id, lease.fencing_token): lease for lease in leases}
    its_id = schema.Job.id.in_({lease.job_id for lease in leases})
    query = select(schema.Job).where(its_id, schema.Job.state.in_(IN_HAND)).order_by(schema.Job.id).with_for_update()
    rows = {(row.id, row.fencing_token): row for row in await session.scalars(query)}
    return {wanted[key]: row for key, row in rows.items() if key in wanted}


def note_progress(row: schema.Job, note: Note) -> None:
    """Write into a job's row where it has come to."""
    row.state = note.state
    row.counts = {**row.counts, **note.counts}
    row.step_seconds = {**row.step_seconds, **note.seconds}


def _hand_over(row: schema.Job, *, worker_id: str, lease_s: float, moment: datetime) -> None:
    row.state, row.attempt, row.started_at = JobState.PARSING, row.attempt + 1, row.started_at or moment
    row.lease_owner, row.lease_until = worker_id, moment + timedelta(seconds=lease_s)
    row.fencing_token += 1


async def _put_back(session: AsyncSession, held: ColumnElement[bool]) -> int:
    """Queue those jobs in hand again for which a condition holds, and take them from whoever holds them; return how many they were."""
    given_back = await session.scalars(
        update(schema.Job)
        .where(schema.Job.state.in_(IN_HAND), held)
        .values(state=JobState.QUEUED, lease_owner=None, lease_until=None, fencing_token=schema.Job.fencing_token + 1)
        .values(cut_offs=schema.Job.cut_offs + 1)
        .returning(schema.Job.id)
        .execution_options(synchronize_session=False)
    )
    return len(given_back.all())


def _is_suspect(row: schema.Job) -> bool:
    return row.cut_offs >= SUSPECT_CUT_OFFS


async def _holds_suspect(session: AsyncSession, worker_id: str) -> bool:
    query = select(schema.Job.id).where(
        schema.Job.lease_owner == worker_id, schema.Job.state.in_(IN_HAND), schema.Job.cut_offs >= SUSPECT_CUT_OFFS
    )
    return await session.scalar(query.limit(1)) is not None


async def _end_as_failed(session: AsyncSession, row: schema.Job, *, code: str, message: str) -> None:
    row.state, row.finished_at, row.error_code, row.error_message = JobState.FAILED, now(), code, message
    row.lease_owner, row.lease_until = None, None
    await give_up_version(session, row)


async def end_as_cancelled(session: AsyncSession, row: schema.Job) -> None:
    """End a job that is not final, because somebody wants it to; its worker notices at its next write."""
    await note_writers(session, schema.Job.id == row.id)
    row.state, row.finished_at, row.cancel_requested = JobState.CANCELLED, now(), True
    row.fencing_token += 1
    await give_up_version(session, row)


def _cut_off(n_attempts: int) -> str:
    return (
        f"The server went down while it worked on this document, at the last of {n_attempts} attempts. "
        "Attach it again to try anew; if that brings the server down too, split it."
    )


async def give_up_version(session: AsyncSession, job: schema.Job) -> None:
    """Mark the version that a job was building as failed, so that its points leave the index."""
    if job.version_id is None:
        return
    await session.execute(
        update(schema.Version)
        .where(schema.Version.id == job.version_id, schema.Version.state == VersionState.PENDING)
        .values(state=VersionState.FAILED)
    )


def new_ingest_job(*, attachment_id: str, owner: str) -> schema.Job:
    """Return the row of a job that waits."""
    return schema.Job(
        id=new_id("job"),
        kind=INGEST,
        owner=owner,
        attachment_id=attachment_id,
        subject={},
        state=JobState.QUEUED,
        attempt=0,
        cut_offs=0,
        fencing_token=0,
        counts={},
        step_seconds={},
        cancel_requested=False,
        created_at=now(),
    )


def job_record(row: schema.Job) -> JobRecord:
    return JobRecord(
        id=row.id,
        kind=row.kind,
        owner=row.owner,
        attachment_id=row.attachment_id or "",
        version_id=row.version_id,
        state=JobState(row.state),
        attempt=row.attempt,
        fencing_token=row.fencing_token,
        counts=row.counts,
        step_seconds=row.step_seconds,
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
