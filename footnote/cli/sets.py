"""``footnote sets``: evaluation sets go in from files of JSON lines, and come out as such."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import EvaluationSet
from footnote.cli.deleting import DeletedSetDocument
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import JsonDocument
from footnote.cli.terminal import messages, output, printable

if TYPE_CHECKING:
    from evaluation.cases import Case, Tombstone

KINDS = ("golden", "generated", "live")
SHOWN_NAMES = 5


class SetDocument(JsonDocument):
    """A version of an evaluation set."""

    id: str = Field(description="Its id at the server.")
    name: str = Field(description="The set.")
    number: int = Field(description="The version: 1, 2, …")
    kind: str = Field(description="`golden`, `generated` or `live`.")
    sha256: str = Field(description="Of the canonical JSON of its cases as they were imported.")
    cases: int = Field(description="Its cases.")
    tombstones: int = Field(description="Of them, those whose text was erased with a document.")


class ImportedSetDocument(JsonDocument):
    """What ``footnote sets import`` did."""

    set: SetDocument = Field(description="The version that holds the cases now.")
    is_new: bool = Field(description="False where the newest version held the very same cases already.")
    unresolved: list[str] = Field(description="Documents that cases name and that are not there, or may not be read.")
    unresolved_cases: int = Field(description="Cases that name one of them.")


class SetsDocument(JsonDocument):
    """What ``footnote sets list`` found."""

    sets: list[SetDocument] = Field(description="Versions of sets, oldest first.")


def import_set(client: ApiClient, path: Path, *, name: str, kind: str) -> ImportedSetDocument:
    """Import a file of JSON lines.

    Raises:
        CommandFailed: there is no such file or kind, or the server refuses it.
        InvalidInput: a line cannot be used; the message says which.
    """
    from evaluation.cases import Tombstone, case_fields, read_set  # noqa: PLC0415  # most commands do without evaluation

    if kind not in KINDS:
        raise CommandFailed(f"There is no kind {kind!r}.", hint=f"Give one of {', '.join(KINDS)}.", exit_status=WRONG_USAGE)
    if not path.is_file():
        raise CommandFailed(f"There is no file {path}.", exit_status=WRONG_USAGE)
    cases = [{"id": case.id, "tombstone": True} if isinstance(case, Tombstone) else case_fields(case) for case in read_set(path)]
    imported = client.import_set(name, cases, kind=kind)
    return ImportedSetDocument(
        set=set_document(imported), is_new=imported.is_new, unresolved=imported.unresolved, unresolved_cases=imported.unresolved_cases
    )


def list_sets(client: ApiClient, *, name: str | None) -> SetsDocument:
    """List the versions of sets that may be read, of one name or of all."""
    return SetsDocument(sets=[set_document(each) for each in client.sets(name)])


def exported(client: ApiClient, wanted: str) -> "tuple[Case | Tombstone, ...]":
    """Return the cases of ``NAME``, its newest version, or of ``NAME@NUMBER``.

    Raises:
        CommandFailed: there is no such set.
    """
    from evaluation.cases import Tombstone, parse_case  # noqa: PLC0415

    found = newest_set(client, wanted)
    return tuple(
        Tombstone(id=case["id"]) if case.get("tombstone") else parse_case({name: case[name] for name in case if name != "case_id"})
        for case in client.cases(found.id)
    )


def newest_set(client: ApiClient, wanted: str) -> EvaluationSet:
    """Return the newest version of ``NAME``, or the one of ``NAME@NUMBER``.

    Raises:
        CommandFailed: there is no such set.
    """
    return _chosen(list(client.sets(wanted.rpartition("@")[0] or wanted)), wanted)


def delete_set(client: ApiClient, wanted: str) -> DeletedSetDocument:
    """Delete all versions of ``NAME``, or the one of ``NAME@NUMBER`` or of an id, with all runs over it.

    Raises:
        CommandFailed: there is no such set of the caller's, or a run over it is under way.
    """
    return DeletedSetDocument(**client.delete_set(wanted).model_dump())


def write_set(cases: "Sequence[Case | Tombstone]", path: Path | None) -> None:
    """Write cases as JSON lines, to standard output where no file is named."""
    from evaluation.cases import line_of  # noqa: PLC0415

    text = "".join(f"{line_of(case)}\n" for case in cases)
    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error


def show_imported(document: ImportedSetDocument) -> None:
    """Say which version it is, and what was not found."""
    made = document.set
    known = "" if document.is_new else ", as it was already"
    output().print(f"{printable(made.name)}@{made.number}: {made.cases:,} cases{known}.", markup=False)
    if document.unresolved:
        names = ", ".join(document.unresolved[:SHOWN_NAMES]) + (" …" if len(document.unresolved) > SHOWN_NAMES else "")
        messages().print(
            f"{document.unresolved_cases:,} cases name documents that are not there: {printable(names)}. "
            "Erasing such a file later will not find these cases; import them again once it is there.",
            markup=False,
            soft_wrap=True,
        )


def show_sets(document: SetsDocument) -> None:
    """Print the table of sets."""
    console = output()
    if not document.sets:
        console.print("There are no evaluation sets. `footnote sets import FILE --name NAME` makes one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("set", overflow="fold")
    for title in ("kind", "cases", "erased", "sha256"):
        table.add_column(title, justify="right" if title in ("cases", "erased") else "left")
    for each in document.sets:
        name = escape(printable(f"{each.name}@{each.number}"))
        table.add_row(name, each.kind, f"{each.cases:,}", f"{each.tombstones:,}", each.sha256[:12])
    console.print(table)


def _chosen(sets: Sequence[EvaluationSet], wanted: str) -> EvaluationSet:
    number = wanted.rpartition("@")[2] if "@" in wanted else None
    fitting = [each for each in sets if number is None or str(each.number) == number]
    if not fitting:
        raise CommandFailed(f"There is no evaluation set {wanted}.", hint="`footnote sets list` shows those there are.")
    return max(fitting, key=lambda each: (each.number, each.id))


def set_document(found: EvaluationSet) -> SetDocument:
    """Return a version of a set as commands print it."""
    return SetDocument(
        id=found.id,
        name=found.name,
        number=found.number,
        kind=found.kind,
        sha256=found.sha256,
        cases=found.cases,
        tombstones=found.tombstones,
    )
