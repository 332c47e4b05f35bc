"""One bar for each step of a backup or a restore; nothing is drawn where standard error is no terminal."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[], None]
"""Says that one more is done."""

Begin = Callable[[str, int], Advance]
"""Begins a step: its name, and of how many it consists."""


@contextmanager
def steps(console: Console) -> Generator[Begin]:
    """Draw the bars while the block lasts."""
    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def begin(name: str, total: int) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda: progress.advance(task)

        yield begin
