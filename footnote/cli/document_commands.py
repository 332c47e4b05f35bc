"""``footnote documents`` and what can be done to documents: a group of commands that lists where none is named."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from footnote.cli.failure import FAILED, WRONG_USAGE, CommandFailed
from footnote.cli.options import AsJson, CollectionName, DataDir, Key, KeyInGroup, ServerChoice, Url, UrlInGroup

if TYPE_CHECKING:
    from footnote.cli.document_actions import Action, Chosen

documents_app = typer.Typer(
    name="documents",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Names = Annotated[list[str] | None, typer.Argument(help="Names or ids of files in the collection, or in all of them.", metavar="[FILE]...")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until they have been read, or have failed.")]


@dataclass(frozen=True, slots=True)
class _Given:
    """Options that stand before the name of the action."""

    collection: str | None = None
    data_dir: Path | None = None
    url: str | None = None
    key: str | None = None
    as_json: bool = False

    @property
    def server(self) -> ServerChoice:
        return ServerChoice(self.data_dir, self.url, self.key)


@documents_app.callback()
def documents(
    context: typer.Context,
    *,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the documents with their state, and cancel, retry, process or erase some.

    For example:

        footnote documents
        footnote documents --collection contracts --json
        footnote documents retry --failed
    """
    context.obj = given = _Given(collection, data_dir, url, key, as_json)
    if context.invoked_subcommand is None:
        _list(given)


@documents_app.command("list")
def list_documents(
    context: typer.Context,
    *,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: UrlInGroup = None,
    key: KeyInGroup = None,
    as_json: AsJson = False,
) -> None:
    """List the documents with their state, how far they are, and why they failed. `footnote documents` alone does the same.

    For example:

        footnote documents list --collection contracts
    """
    _list(_given(context, _Given(collection, data_dir, url, key, as_json)))


@documents_app.command()
def cancel(
    context: typer.Context,
    files: Names = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that are being read.")] = False,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: UrlInGroup = None,
    key: KeyInGroup = None,
    as_json: AsJson = False,
) -> None:
    """Stop reading documents. One that could be searched before stays so, as it was.

    For example:

        footnote documents cancel report.pdf
        footnote documents cancel --all --collection contracts
    """
    from footnote.cli.document_actions import Chosen

    chosen = Chosen(tuple(files or ()), states=frozenset({"in_progress"}) if every else frozenset())
    _act(context, "cancel", chosen, _Given(collection, data_dir, url, key, as_json))


@documents_app.command()
def retry(
    context: typer.Context,
    files: Names = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All that failed or were cancelled.")] = False,
    wait: Wait = False,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: UrlInGroup = None,
    key: KeyInGroup = None,
    as_json: AsJson = False,
) -> None:
    """Read documents again that failed or were cancelled.

    For example:

        footnote documents retry report.pdf
        footnote documents retry --failed --wait
    """
    from footnote.cli.document_actions import Chosen

    states = frozenset({"failed", "cancelled"}) if every else frozenset({"failed"}) if failed else frozenset[str]()
    _act(context, "retry", Chosen(tuple(files or ()), states=states), _Given(collection, data_dir, url, key, as_json), wait=wait)


@documents_app.command()
def process(
    context: typer.Context,
    files: Names = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All that are not being read.")] = False,
    wait: Wait = False,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: UrlInGroup = None,
    key: KeyInGroup = None,
    as_json: AsJson = False,
) -> None:
    """Read documents again as the settings say now, also those that are completed. Searches find what they found until that is done.

    For example:

        footnote documents process report.pdf
        footnote documents process --all --collection contracts --wait
    """
    from footnote.cli.document_actions import Chosen

    at_rest = frozenset({"completed", "failed", "cancelled"})
    states = at_rest if every else frozenset({"failed"}) if failed else frozenset[str]()
    _act(context, "process", Chosen(tuple(files or ()), states=states), _Given(collection, data_dir, url, key, as_json), wait=wait)


@documents_app.command()
def erase(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Names or ids of your files, attached or not.", metavar="FILE...")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")] = False,
    data_dir: DataDir = None,
    url: UrlInGroup = None,
    key: KeyInGroup = None,
    as_json: AsJson = False,
) -> None:
    """Erase files everywhere: from all collections, storage, answers, evaluation cases and training data. It cannot be undone.

    Returns when it is done, and prints what there was and what a count finds afterwards. See docs/erasing.md.

    For example:

        footnote documents erase report.pdf
        footnote documents erase file-0199a3 --yes --json
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.erase import agreed, meant, show_erased
    from footnote.cli.erase import erase as run
    from footnote.cli.terminal import print_json

    given = _given(context, _Given(None, data_dir, url, key, as_json))
    if given.collection is not None:
        raise CommandFailed(
            "Erasing is not for one collection: it removes files everywhere.",
            hint="Leave --collection out. To take a file out of one alone: DELETE /v1/vector_stores/{id}/files/{file_id}.",
            exit_status=WRONG_USAGE,
        )
    with connect_to(given.server) as client:
        chosen = meant(client.files(), files)
        if not yes and not agreed(chosen):
            raise typer.Exit(FAILED)
        document = run(client, chosen)
    print_json(document) if given.as_json else show_erased(document)
    if document.failed:
        raise typer.Exit(FAILED)


def _list(given: _Given) -> None:
    from footnote.cli.connection import connect_to
    from footnote.cli.documents import documents as run
    from footnote.cli.documents import show_documents
    from footnote.cli.terminal import print_json

    with connect_to(given.server) as client:
        document = run(client, collection=given.collection)
    print_json(document) if given.as_json else show_documents(document)


def _act(context: typer.Context, action: "Action", chosen: "Chosen", own: _Given, *, wait: bool = False) -> None:
    from footnote.cli.connection import connect_to
    from footnote.cli.document_actions import act, require_choice, show_changed
    from footnote.cli.terminal import print_json

    given = _given(context, own)
    require_choice(chosen)
    with connect_to(given.server) as client:
        document = act(client, action, chosen, collection=given.collection, wait=wait)
    print_json(document) if given.as_json else show_changed(document)
    if document.refused or any(each.state == "failed" for each in document.changed):
        raise typer.Exit(FAILED)


def _given(context: typer.Context, own: _Given) -> _Given:
    """Return a command's own options, and for those that it was not given the ones before its name."""
    before = context.obj if isinstance(context.obj, _Given) else _Given()
    return _Given(
        collection=own.collection or before.collection,
        data_dir=own.data_dir or before.data_dir,
        url=before.url if own.url is None else own.url,
        key=before.key if own.key is None else own.key,
        as_json=own.as_json or before.as_json,
    )
