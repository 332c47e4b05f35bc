"""Asking whether something is to be deleted for good, and telling what went."""

import sys
from collections.abc import Sequence

import typer
from pydantic import Field

from footnote.cli.api_objects import DeletedRun, DeletedSet
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import JsonDocument
from footnote.cli.terminal import output, printable


class DeletedSetDocument(DeletedSet, JsonDocument):
    """What ``footnote sets delete`` deleted."""


class DeletedRunsDocument(JsonDocument):
    """What ``footnote evaluate delete`` deleted."""

    deleted: list[DeletedRun] = Field(description="Each run with what went with it.")


def agreed(question: str) -> bool:
    """Ask whether something is to be deleted.

    Raises:
        CommandFailed: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise CommandFailed("Deleting cannot be undone.", hint="Give --yes where nobody can be asked.", exit_status=WRONG_USAGE)
    return typer.confirm(f"{question} This cannot be undone.", err=True)


def show_deleted_set(document: DeletedSetDocument) -> None:
    """Say what went with a set."""
    parts = [_counted(document.sets, "version"), _counted(document.cases, "case"), _counted(document.runs, "run"), *_of_runs(document)]
    output().print(f"{printable(document.id)} is deleted: {', '.join(parts)}.", markup=False, soft_wrap=True)


def show_deleted_runs(document: DeletedRunsDocument) -> None:
    """Say what went with each run."""
    for each in document.deleted:
        output().print(f"{each.id} is deleted: {', '.join(_of_runs(each))}.", markup=False, soft_wrap=True)


def _of_runs(gone: DeletedRun) -> Sequence[str]:
    return [
        _counted(gone.answers, "answer"),
        _counted(gone.scores, "score"),
        _counted(gone.reports, "report"),
        _counted(gone.turns, "turn"),
    ]


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
