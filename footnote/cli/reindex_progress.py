"""A bar for each collection that is re-indexed: files, chunks in a second, and what is left."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from footnote.cli.api_objects import Collection, Reindex
from footnote.cli.reindex import OnProgress
from footnote.cli.terminal import messages, printable


@contextmanager
def reindex_bars() -> Generator[OnProgress]:
    """Draw on standard error while the block runs; nothing where that is no terminal."""
    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def on_progress(collection: Collection, state: Reindex) -> None:
            if collection.id not in bars:
                bars[collection.id] = progress.add_task(escape(printable(collection.name)), total=None, speed="")
            done = state.progress.built + state.progress.failed
            progress.update(bars[collection.id], completed=done, total=state.progress.total, speed=speed_of(state))

        yield on_progress


def speed_of(state: Reindex) -> str:
    """Say in a few words how fast it goes, and how long it takes yet."""
    progress = state.progress
    words = [f"{progress.chunks_per_second:.1f} chunks/s"] if progress.chunks else []
    if progress.seconds_left is not None and not progress.is_settled:
        words.append(f"{_duration(progress.seconds_left)} left")
    if progress.failed:
        words.append(f"{progress.failed} failed")
    return ", ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
