"""Asking whether something is to be deleted for good, and telling what went."""

import sys
from collections.abc import Sequence

import typer
from pydantic import Field

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import DeletedRun, DeletedSet
from footnote.cli.failure import WRONG_USAGE, CommandFailed, Refused
from footnote.cli.json_documents import JsonDocument
from footnote.cli.terminal import complain, output, printable


class DeletedSetDocument(DeletedSet, JsonDocument):
    """What ``footnote sets delete`` deleted."""


class KeptRun(JsonDocument):
    """A run that could not be deleted."""

    id: str = Field(description="As it was asked for.")
    reason: str = Field(description="Why it is not deleted.")


class DeletedRunsDocument(JsonDocument):
    """What ``footnote evaluate delete`` deleted."""

    deleted: list[DeletedRun] = Field(description="Each run with what went with it.")
    kept: list[KeptRun] = Field(description="Runs that could not be deleted; the others are gone all the same.")


def set_label(client: ApiClient, set_id: str) -> str | None:
    """Return ``NAME@NUMBER`` of a version of a set; None where there is none of this id that may be read."""
    try:
        found = client.evaluation_set(set_id)
    except Refused:
        return None
    return f"{found.name}@{found.number}"


def set_question(client: ApiClient, wanted: str) -> str:
    """Return what to ask before ``footnote sets delete`` deletes what it is told to."""
    by_id = set_label(client, wanted)
    which = f"{by_id} ({wanted})" if by_id else wanted if "@" in wanted else f"{wanted}, all versions,"
    return f"Delete {printable(which)} with all runs over it, whoever began them?"


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
    """Say what went with each run, and which of them could not be deleted."""
    for each in document.deleted:
        output().print(f"{each.id} is deleted: {', '.join(_of_runs(each))}.", markup=False, soft_wrap=True)
    for kept in document.kept:
        complain(CommandFailed(f"{kept.id} is not deleted: {kept.reason}"))


def _of_runs(gone: DeletedRun) -> Sequence[str]:
    return [
        _counted(gone.answers, "answer"),
        _counted(gone.scores, "score"),
        _counted(gone.reports, "report"),
        _counted(gone.turns, "turn"),
    ]


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
