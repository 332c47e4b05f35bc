"""``footnote sets`` and what can be done to evaluation sets: a group of commands."""

from pathlib import Path
from typing import Annotated

import typer

from footnote.cli.failure import FAILED
from footnote.cli.options import AsJson, DataDir, Key, ServerChoice, Url

sets_app = typer.Typer(
    name="sets", no_args_is_help=True, rich_markup_mode="markdown", context_settings={"help_option_names": ["-h", "--help"]}
)


@sets_app.callback()
def sets() -> None:
    """Import, generate, list, export and delete evaluation sets: questions with what is known about their answers, in numbered versions.

    For example:

        footnote sets import examples/handbook-questions.jsonl --name handbook
        footnote sets generate --name drawn
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


@sets_app.command("generate")
def generate(
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="The set that they are a version of.", metavar="NAME")],
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", help="Make questions of this collection's files alone.", show_default=False, metavar="NAME"),
    ] = None,
    cases: Annotated[int, typer.Option(min=1, max=2_000, help="So many cases at most.")] = 100,
    by: Annotated[
        str, typer.Option(help="`rule`: in seconds, from tables, headings, definitions and figures. `model`: by a language model.")
    ] = "rule",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Another one draws other questions.")] = 0,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make questions of your own documents, each with the words of the document that answer it.

    Some ask for what no document holds. By rule no language model is needed; with `--by model` the one of `evaluation.judge` writes, or
    else the one that answers, where that is at a server. The same documents and seed give the same cases by rule.

    For example:

        footnote sets generate --name drawn --cases 200
        footnote sets generate --name contracts --collection contracts --by model
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.sets_generate import generate_set, generation_bar, show_generated
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client, generation_bar() as on_progress:
        document = generate_set(client, name=name, collection=collection, cases=cases, by=by, seed=seed, on_progress=on_progress)
    print_json(document) if as_json else show_generated(document)
    if document.set is None:
        raise typer.Exit(FAILED)


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


@sets_app.command("delete")
def delete(
    name: Annotated[
        str, typer.Argument(help="A set of yours with all its versions, or the version of a number, or of an id.", metavar="NAME[@NUMBER]")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")] = False,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Delete a set with all runs over it: answers, scores, reports and the turns that the runs asked.

    While a run over it is under way nothing is deleted: cancel it first.

    For example:

        footnote sets delete handbook@1
        footnote sets delete handbook --yes
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.deleting import agreed, set_question, show_deleted_set
    from footnote.cli.sets import delete_set
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        if not yes and not agreed(set_question(client, name)):
            raise typer.Exit(FAILED)
        document = delete_set(client, name)
    print_json(document) if as_json else show_deleted_set(document)
