"""``footnote sets`` and what can be done to evaluation sets: a group of commands."""

from pathlib import Path
from typing import Annotated

import typer

from footnote.cli.options import AsJson, DataDir, Key, ServerChoice, Url

sets_app = typer.Typer(
    name="sets", no_args_is_help=True, rich_markup_mode="markdown", context_settings={"help_option_names": ["-h", "--help"]}
)


@sets_app.callback()
def sets() -> None:
    """Import, list and export evaluation sets: questions with what is known about their answers, in numbered versions.

    For example:

        footnote sets import examples/handbook-questions.jsonl --name handbook
        footnote sets export handbook@1 handbook.jsonl
    """


@sets_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Cases as JSON lines; see docs/evaluation.md for the fields.", metavar="FILE")],
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="The set that they are a version of.", metavar="NAME")],
    kind: Annotated[str, typer.Option(help="`golden`: written by people. `generated`: made from documents. `live`: sampled.")] = "golden",
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version of a set; where its newest one holds the very same cases already, nothing.

    The documents that cases quote are found by their names, so that erasing one of them erases these cases' text too.

    For example:

        footnote sets import questions.jsonl --name contracts
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.sets import import_set, show_imported
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = import_set(client, file, name=name, kind=kind)
    print_json(document) if as_json else show_imported(document)


@sets_app.command("list")
def list_(
    *,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Only the versions of this set.", show_default=False)] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of evaluation sets.

    For example:

        footnote sets list --name handbook
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.sets import list_sets, show_sets
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = list_sets(client, name=name)
    print_json(document) if as_json else show_sets(document)


@sets_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="The set's newest version, or the one of a number.", metavar="NAME[@NUMBER]")],
    file: Annotated[Path | None, typer.Argument(help="Where to; by default standard output.", metavar="[FILE]")] = None,
    *,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write a set as JSON lines, in the form that `footnote sets import` reads.

    A case whose text was erased is written as `{"id": "…", "tombstone": true}`.

    For example:

        footnote sets export handbook@1 handbook.jsonl
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.sets import exported, write_set

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        cases = exported(client, name)
    write_set(cases, file)
