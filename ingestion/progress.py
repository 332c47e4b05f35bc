"""How far jobs have come: noted at once by the pipeline, written for all jobs together a few times a second.

What is lost with a killed process is what somebody would have seen for half a second; what a job's end says is written with that end.
"""

import asyncio
from contextvars import Context

import structlog

from footnote.core.catalog.jobs import JobLease, Jobs, Note
from footnote.core.errors import FootnoteError

INTERVAL_S = 0.5

log = structlog.get_logger(__name__)


class ProgressBoard:
    """Keeps the latest note of each job until it is written, or taken along by another write."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._notes: dict[JobLease, Note] = {}
        self._writing: asyncio.Task[None] | None = None
        self._written_at = float("-inf")

    def note(self, lease: JobLease, note: Note) -> None:
        """Add to what is to be written of a job."""
        earlier = self._notes.pop(lease, None)
        self._notes[lease] = note if earlier is None else earlier.then(note)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), context=Context())

    def take(self, lease: JobLease) -> Note | None:
        """Return what has not been written of a job, which then is the caller's to write."""
        return self._notes.pop(lease, None)

    async def close(self) -> None:
        """Write nothing more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._notes:
            await asyncio.sleep(max(0.0, self._written_at + INTERVAL_S - loop.time()))
            notes, self._notes = self._notes, {}
            try:
                await self._jobs.note_all(notes)
            except FootnoteError as error:
                log.warning("progress could not be written yet", error=str(error))
                for lease, note in notes.items():
                    later = self._notes.get(lease)
                    self._notes[lease] = note if later is None else note.then(later)
            self._written_at = loop.time()
