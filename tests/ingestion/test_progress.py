"""Progress: noted at once, written for all jobs together, and kept while the catalog is away."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from footnote.core.catalog.jobs import JobLease, Note
from footnote.core.errors import CatalogUnavailable
from footnote.core.types import JobState
from ingestion import progress
from ingestion.progress import ProgressBoard

ONE, OTHER = (JobLease(job_id=name, worker_id="w", fencing_token=1) for name in ("one", "other"))


class Jobs:
    """Keeps what is written; can be away."""

    def __init__(self) -> None:
        self.written: list[dict[JobLease, Note]] = []
        self.wrote = asyncio.Event()
        self.away = False
        self.tried = asyncio.Event()

    async def note_all(self, notes: Mapping[JobLease, Note]) -> list[JobLease]:
        self.tried.set()
        if self.away:
            raise CatalogUnavailable("The catalog does not answer.")
        self.written.append(dict(notes))
        self.wrote.set()
        return []


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(progress, "INTERVAL_S", 0.01)
    return Jobs()


async def test_notes_of_all_jobs_are_written_together_and_those_of_one_add_up(jobs: Jobs) -> None:
    board = ProgressBoard(jobs)  # type: ignore[arg-type]
    board.note(ONE, Note(JobState.CLEANING, {"pages": 3}, {"parse": 0.5}))
    board.note(OTHER, Note(JobState.EMBEDDING))
    board.note(ONE, Note(JobState.CHUNKING, {}, {"clean": 0.1}))
    await jobs.wrote.wait()
    assert jobs.written == [{OTHER: Note(JobState.EMBEDDING), ONE: Note(JobState.CHUNKING, {"pages": 3}, {"parse": 0.5, "clean": 0.1})}]
    await board.close()


async def test_what_is_taken_is_not_written_again(jobs: Jobs) -> None:
    board = ProgressBoard(jobs)  # type: ignore[arg-type]
    board.note(ONE, Note(JobState.WRITING))
    assert board.take(ONE) == Note(JobState.WRITING)
    assert board.take(ONE) is None
    board.note(OTHER, Note(JobState.WRITING))
    await jobs.wrote.wait()
    assert jobs.written == [{OTHER: Note(JobState.WRITING)}]
    await board.close()


async def test_nothing_is_forgotten_while_the_catalog_is_away(jobs: Jobs) -> None:
    jobs.away = True
    board = ProgressBoard(jobs)  # type: ignore[arg-type]
    board.note(ONE, Note(JobState.CLEANING, {"pages": 3}))
    await jobs.tried.wait()
    board.note(ONE, Note(JobState.CHUNKING))
    jobs.away = False
    await jobs.wrote.wait()
    assert jobs.written == [{ONE: Note(JobState.CHUNKING, {"pages": 3})}]
    await board.close()
