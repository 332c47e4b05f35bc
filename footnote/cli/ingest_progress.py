"""One bar for each stage of an ingestion: upload, parse, chunk and embed, done."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from footnote.cli.api_objects import Attachment

BEFORE_CHUNKING = frozenset({"queued", "parsing", "cleaning"})


@dataclass(frozen=True, slots=True)
class StageTotals:
    """How far a set of attachments is."""

    n_parsed: int
    n_chunks: int
    n_chunks_done: int
    n_finished: int


def stage_totals(attachments: Iterable[Attachment]) -> StageTotals:
    """Add up the states and counts of attachments. One that has ended, however it ended, counts as parsed."""
    n_parsed = n_chunks = n_chunks_done = n_finished = 0
    for attachment in attachments:
        finished = attachment.status != "in_progress"
        n_finished += finished
        n_parsed += finished or attachment.job.state not in BEFORE_CHUNKING
        chunks = attachment.job.counts.get("chunks", 0)
        n_chunks += chunks
        n_chunks_done += chunks if finished else attachment.job.counts.get("chunks_done", 0)
    return StageTotals(n_parsed=n_parsed, n_chunks=n_chunks, n_chunks_done=n_chunks_done, n_finished=n_finished)


class StageBars:
    """The bars; nothing is drawn where standard error is no terminal."""

    def __init__(self, progress: Progress, *, n_documents: int, n_upload_bytes: int) -> None:
        self._progress = progress
        self._upload = self._add("upload", total=n_upload_bytes, unit="bytes")
        self._parse = self._add("parse", total=n_documents, unit="documents")
        self._embed = self._add("chunk, embed", total=None, unit="chunks")
        self._done = self._add("done", total=n_documents, unit="documents")

    def sent(self, n_bytes: int) -> None:
        self._progress.advance(self._upload, n_bytes)

    def show(self, totals: StageTotals, *, n_failed_uploads: int) -> None:
        self._progress.update(self._parse, completed=totals.n_parsed + n_failed_uploads)
        self._progress.update(self._embed, completed=totals.n_chunks_done, total=totals.n_chunks or None)
        self._progress.update(self._done, completed=totals.n_finished + n_failed_uploads)

    def _add(self, stage: str, *, total: int | None, unit: str) -> TaskID:
        return self._progress.add_task(stage, total=total, unit=unit)


@contextmanager
def stage_bars(console: Console, *, n_documents: int, n_upload_bytes: int) -> Generator[StageBars]:
    """Draw the bars while the block lasts; none where there is nothing to do."""
    columns = (TextColumn("{task.description:>12}"), BarColumn(), _Amount(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal or not n_documents) as progress:
        yield StageBars(progress, n_documents=n_documents, n_upload_bytes=n_upload_bytes)


class _Amount(ProgressColumn):
    """``3/22 documents``, and megabytes instead of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._count = MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        if task.fields["unit"] != "bytes":
            return self._count.render(task).append(f" {task.fields['unit']}")
        return Text(f"{task.completed / 1e6:.1f}/{(task.total or 0) / 1e6:.1f} MB", style="progress.download")
