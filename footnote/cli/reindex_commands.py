"""``footnote reindex`` and what can be done to a re-indexing: a group whose first command needs no name."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from footnote.cli.failure import FAILED, WRONG_USAGE, CommandFailed
from footnote.cli.options import AsJson, DataDir, Key, ServerChoice, Url

if TYPE_CHECKING:
    from footnote.cli.reindex import Action, Flip

START = "start"


class _StartsByDefault(TyperGroup):
    """`footnote reindex contracts` means `footnote reindex start contracts`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # the context of the click inside typer, which has no public name
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [START, *args]
        return super().parse_args(ctx, args)


reindex_app = typer.Typer(
    name="reindex",
    cls=_StartsByDefault,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Names = Annotated[list[str] | None, typer.Argument(help="Names or ids of collections.", metavar="[COLLECTION]...")]
AcceptMissing = Annotated[
    bool, typer.Option("--accept-missing", help="Show it also where files have failed: those are not found until they are mended.")
]


@reindex_app.callback()
def reindex() -> None:
    """Embed and cut collections anew, beside what they show, and flip to it.

    `footnote reindex contracts` is short for `footnote reindex start contracts`.

    For example:

        footnote reindex
        footnote reindex contracts --embedder BAAI/bge-base-en-v1.5 --compare questions.jsonl --flip auto
        footnote reindex back contracts
    """


@reindex_app.command(START)
def start(
    collections: Names = None,
    *,
    embedder: Annotated[
        str | None,
        typer.Option(help="A model to embed with: folder, hub name, or name at the server.", show_default=False, metavar="MODEL"),
    ] = None,
    by_settings: Annotated[
        bool, typer.Option("--settings", help="Embed as the settings say; that is what happens without --embedder.")
    ] = False,
    chunking: Annotated[
        str | None,
        typer.Option(help="Cut all files anew: tokens of a chunk, and of the overlap.", show_default=False, metavar="MAX[,OVERLAP]"),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Labelled questions (JSON lines) to compare old and new by.", show_default=False, metavar="FILE")
    ] = None,
    flip: Annotated[
        str,
        typer.Option(help="`built`: show it when it is built. `auto`: where it is not worse (with --compare). `never`: wait for `flip`."),
    ] = "built",
    accept_missing: AcceptMissing = False,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Build new versions of all files beside the ones that are shown, and show them by one write when they are built.

    Without a name: the collections that the settings' embedder did not make, or all of them where an embedder or a cut is given. What
    was read is not read again. Cut off, it goes on in the server; the same command follows it, and tries once more what has failed.

    For example:

        footnote reindex start contracts --chunking 400,40 --flip never
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.reindex import Wanted, chosen, parse_chunking, read_comparable_cases
    from footnote.cli.reindex import reindex as run
    from footnote.cli.reindex_progress import reindex_bars

    how = _flip(flip, compares=compare is not None)
    if embedder is not None and by_settings:
        raise CommandFailed("--embedder and --settings contradict each other.", exit_status=WRONG_USAGE)
    wanted = Wanted(embedder=embedder, chunking=None if chunking is None else parse_chunking(chunking))
    cases = () if compare is None else read_comparable_cases(compare)
    with connect_to(ServerChoice(data_dir, url, key)) as client, reindex_bars() as on_progress:
        places = chosen(client, collections or (), only_differing=not wanted.body())
        document = run(client, places, wanted, cases=cases, flip=how, accept_missing=accept_missing, on_progress=on_progress)
    _print(document, as_json=as_json)
    if document.refused or (how != "never" and any(each.not_flipped_because for each in document.collections)):
        raise typer.Exit(FAILED)


@reindex_app.command()
def status(collections: Names = None, *, data_dir: DataDir = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show how far re-indexings are, and what failed.

    For example:

        footnote reindex status
    """
    _act("status", collections or (), ServerChoice(data_dir, url, key), as_json=as_json)


@reindex_app.command()
def flip(
    collections: Names = None,
    *,
    accept_missing: AcceptMissing = False,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show what was built; what was shown is kept for `ingestion.keep_reindexed_days`.

    For example:

        footnote reindex flip contracts
    """
    _act("flip", _named(collections), ServerChoice(data_dir, url, key), as_json=as_json, accept_missing=accept_missing)


@reindex_app.command()
def back(collections: Names = None, *, data_dir: DataDir = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show again what was shown before. Files that came since are read for it, and are not found until then.

    For example:

        footnote reindex back contracts
    """
    _act("back", _named(collections), ServerChoice(data_dir, url, key), as_json=as_json)


@reindex_app.command()
def cancel(collections: Names = None, *, data_dir: DataDir = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Give up what is being built.

    For example:

        footnote reindex cancel contracts
    """
    _act("cancel", _named(collections), ServerChoice(data_dir, url, key), as_json=as_json)


@reindex_app.command()
def drop(collections: Names = None, *, data_dir: DataDir = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Drop what was shown before a flip: from then on there is no way back.

    For example:

        footnote reindex drop contracts
    """
    _act("drop", _named(collections), ServerChoice(data_dir, url, key), as_json=as_json)


def _act(action: "Action", names: Sequence[str], server: ServerChoice, *, as_json: bool, accept_missing: bool = False) -> None:
    from footnote.cli.connection import connect_to
    from footnote.cli.reindex import act, chosen, reindexed

    with connect_to(server) as client:
        places = chosen(client, names, only_differing=False) if names else reindexed(client)
        document = act(client, places, action, accept_missing=accept_missing)
    _print(document, as_json=as_json)
    if document.refused:
        raise typer.Exit(FAILED)


def _named(collections: list[str] | None) -> list[str]:
    if not collections:
        raise CommandFailed("No collection is named.", hint="`footnote reindex status` shows what there is.", exit_status=WRONG_USAGE)
    return collections


def _flip(word: str, *, compares: bool) -> "Flip":
    if word not in ("built", "auto", "never"):
        raise CommandFailed(f"--flip is built, auto or never, not {word}.", exit_status=WRONG_USAGE)
    if word == "auto" and not compares:
        raise CommandFailed("--flip auto needs questions to compare by.", hint="Give --compare FILE.", exit_status=WRONG_USAGE)
    return word


def _print(document: object, *, as_json: bool) -> None:
    from footnote.cli.reindex import show_reindex
    from footnote.cli.reindex_documents import ReindexDocument
    from footnote.cli.terminal import print_json

    assert isinstance(document, ReindexDocument)
    print_json(document) if as_json else show_reindex(document)
