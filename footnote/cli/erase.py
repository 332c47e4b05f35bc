"""``footnote documents erase``: files are chosen among all that the caller has, attached or not, and erased one after the other."""

import sys
from collections.abc import Sequence

import typer
from pydantic import Field
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Receipt, UploadedFile
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import JsonDocument
from footnote.cli.terminal import output, printable


class ErasedFile(JsonDocument):
    """A file that is gone."""

    file_id: str = Field(description="Its id.")
    filename: str = Field(description="Its name.")
    receipt: Receipt = Field(description="What there was of it, and what is left.")


class UnerasedFile(JsonDocument):
    """A file that could not be erased, or not to the end."""

    file_id: str = Field(description="Its id.")
    filename: str = Field(description="Its name.")
    message: str = Field(description="Why, and what to do.")


class ErasedFiles(JsonDocument):
    """What ``footnote documents erase`` did. The exit status is 1 where a file could not be erased."""

    erased: list[ErasedFile] = Field(description="Files that are gone, with their receipts.")
    failed: list[UnerasedFile] = Field(description="Files that could not be erased. What was begun is finished by the server.")


def meant(files: Sequence[UploadedFile], names: Sequence[str]) -> list[UploadedFile]:
    """Return the files that are named, each once, in the order of the names.

    Raises:
        CommandFailed: a name is unknown or stands for several files.
    """
    chosen = {file.id: file for file in (_named(files, name) for name in names)}
    return list(chosen.values())


def agreed(files: Sequence[UploadedFile]) -> bool:
    """Ask whether these files are to be erased.

    Raises:
        CommandFailed: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise CommandFailed("Erasing cannot be undone.", hint="Give --yes where nobody can be asked.", exit_status=WRONG_USAGE)
    named = ", ".join(printable(file.filename) for file in files)
    return typer.confirm(f"Erase {named} everywhere? This cannot be undone.", err=True)


def erase(client: ApiClient, files: Sequence[UploadedFile]) -> ErasedFiles:
    """Erase files; one that fails keeps no other from it."""
    erased: list[ErasedFile] = []
    failed: list[UnerasedFile] = []
    for file in files:
        try:
            erased.append(ErasedFile(file_id=file.id, filename=file.filename, receipt=client.erase(file.id)))
        except CommandFailed as error:
            failed.append(UnerasedFile(file_id=file.id, filename=file.filename, message=str(error)))
    return ErasedFiles(erased=erased, failed=failed)


def show_erased(document: ErasedFiles) -> None:
    """Print a table for each receipt."""
    console = output()
    for each in document.erased:
        console.print(f"{printable(each.filename)} is erased: receipt {each.receipt.id}", markup=False, soft_wrap=True)
        console.print(_table(each.receipt))
        for note in _notes(each.receipt):
            console.print(note, markup=False, soft_wrap=True)
    for each in document.failed:
        console.print(f"{printable(each.filename)}: {printable(each.message)}", markup=False, soft_wrap=True)


def _table(receipt: Receipt) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for title in ("before", "after"):
        table.add_column(title, justify="right")
    after = receipt.after.model_dump() if receipt.after is not None else {}
    for name, n_before in receipt.before.model_dump().items():
        if n_before or after.get(name):
            table.add_row(name.replace("_", " "), str(n_before), str(after.get(name, "")))
    return table


def _notes(receipt: Receipt) -> list[str]:
    notes: list[str] = []
    if receipt.kept_for:
        notes.append(f"Bytes and parsed text stay for your other files with the same bytes: {', '.join(receipt.kept_for)}.")
    if receipt.adapters:
        notes.append(f"Adapters that were trained on it stay; retire them: {', '.join(receipt.adapters)}.")
    if receipt.purged is False:
        notes.append("The Qdrant server frees its disk in its own time.")
    return notes


def _named(files: Sequence[UploadedFile], name: str) -> UploadedFile:
    found = [file for file in files if file.id == name] or [file for file in files if file.filename == name]
    if not found:
        raise CommandFailed(f"You have no file {name}.", hint="`footnote documents` lists what is attached.")
    if len(found) > 1:
        ids = ", ".join(file.id for file in found)
        raise CommandFailed(f"{len(found)} files are called {name}: {ids}.", hint="Give ids.", exit_status=WRONG_USAGE)
    return found[0]
