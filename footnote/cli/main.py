"""The commands and their options. What a command needs is imported when it runs: help has to be instant."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from footnote import __version__
from footnote.cli.document_commands import documents_app
from footnote.cli.evaluate_commands import evaluate_app
from footnote.cli.failure import FAILED, CommandFailed, as_failure
from footnote.cli.options import AsJson, CollectionName, DataDir, Key, ServerChoice, Url, settings_of
from footnote.cli.reindex_commands import reindex_app
from footnote.cli.sets_commands import sets_app
from footnote.core.errors import FootnoteError

app = typer.Typer(
    name="footnote",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def footnote(
    *, version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False
) -> None:
    """Ask your documents, and get answers whose every claim carries a checked footnote.

    A first round:

        footnote ingest ~/papers
        footnote ask "What does the trial report about side effects?"
        footnote serve

    All commands talk to the server that owns the data directory, or start one for themselves where none runs. To one on another machine
    they talk with `--url`, or FOOTNOTE_URL:

        footnote ask --url https://footnote.example --key KEY "Who signs?"
    """


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on, by default `127.0.0.1`.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, by default 8080; 0 takes a free one.", show_default=False)] = None,
    data_dir: DataDir = None,
    ingest: Annotated[
        list[str] | None, typer.Option(help="Bring this file, folder or glob in first. May be given several times.", metavar="PATH")
    ] = None,
    collection: CollectionName = None,
    question: Annotated[str | None, typer.Option(help="What the printed curl line asks.", show_default=False)] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            envvar="FOOTNOTE_KEY",
            help="One of `server.keys`, whose owner gets what `--ingest` brings in. By default `FOOTNOTE_KEY`.",
            metavar="KEY",
            show_default=False,
            show_envvar=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Start none: ask the server that owns the data directory whether it is ready.")
    ] = False,
) -> None:
    """Serve the HTTP API until Ctrl-C.

    For example:

        footnote serve
        footnote serve --port 9000 --data-dir /srv/footnote
        footnote serve --ingest examples/handbook
        footnote serve --check

    Only one server may own a data directory. Serving other machines needs a key, see docs/settings.md. With keys, `--ingest` needs one of
    them: what it brings in belongs to that key's owner.
    """
    if check:
        from footnote.cli.serve_check import check_server

        check_server(settings_of(data_dir))
        return
    from footnote.cli.file_selection import select_files
    from footnote.cli.serve import QUESTION
    from footnote.cli.serve import serve as run

    address = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_of(data_dir, {"server": address} if address else {})
    run(settings, ingest_paths=select_files(ingest) if ingest else (), collection=collection, key=key, question=question or QUESTION)


@app.command()
def worker(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether a worker on this machine lives; for health checks.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Read documents apart from the server, until Ctrl-C or SIGTERM.

    Any number of workers, on any machines, share one queue. What one holds goes back to the queue when it stops, and to another worker
    when it dies. All of them and the server need the same stores: a catalog on PostgreSQL, a Qdrant server, and blobs that all can read.
    With the embedded default there is no need for one: `footnote serve` reads documents itself.

    For example:

        export FOOTNOTE_CATALOG__URL=postgresql+asyncpg://footnote@db/footnote
        export FOOTNOTE_INDEX__KIND=qdrant FOOTNOTE_INDEX__URL=http://qdrant:6333
        export FOOTNOTE_BLOBS__URL=s3://documents/blobs
        footnote worker
        footnote worker --check

    Exit status 1 of `--check` says that no worker of this machine has been heard of lately.
    """
    from footnote.cli.worker import check as run_check
    from footnote.cli.worker import worker as run

    settings = settings_of(data_dir)
    run_check(settings) if check else run(settings)


@app.command()
def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files, folders (with all that is in them) and globs.", metavar="PATH...")],
    *,
    collection: CollectionName = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace files of the same name that came from elsewhere, or from an older footnote.")
    ] = False,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Bring files into a collection, and wait until they can be searched.

    For example:

        footnote ingest report.pdf notes/
        footnote ingest 'contracts/**/*.docx' --collection contracts

    A collection that does not exist is created. What is there already, with the same name and the same bytes, is not sent again. A file
    that has changed since the same path was brought in takes the place of its older version, once it can be searched; until then, and
    where it cannot be read, the older one answers. Files that were deleted here stay there.
    Exit status 1 says that a file failed; the table says why.
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.file_selection import select_files
    from footnote.cli.ingest import ingest as run
    from footnote.cli.ingest import show_ingest
    from footnote.cli.terminal import print_json

    files = select_files(paths)
    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = run(client, files, collection=collection, replace=replace)
    print_json(document) if as_json else show_ingest(document)
    if document.failed:
        raise typer.Exit(FAILED)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=50, help="Hits at most.")] = 10,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show the passages that a question would find, best first.

    For example:

        footnote search "hotel limits in Poland"
        footnote search "notice period" --collection contracts -n 3
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.search import search as run
    from footnote.cli.search import show_search
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = run(client, query, collection=collection, limit=limit)
    print_json(document) if as_json else show_search(document)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    *,
    collection: CollectionName = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question; the footnotes stand under the answer.

    Each sentence is checked against the passages: `✓` they support it, `✗` they do not, `?` nobody could tell.

    For example:

        footnote ask "What may a hotel in Poland cost?"
        footnote ask "Who signs?" --collection contracts --json
    """
    from footnote.cli.ask import ask as run
    from footnote.cli.ask import show_footnotes, show_text
    from footnote.cli.connection import connect_to
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = run(client, question, collection=collection, on_text=(lambda _: None) if as_json else show_text)
    print_json(document) if as_json else show_footnotes(document)


app.add_typer(documents_app)
app.add_typer(reindex_app)
app.add_typer(evaluate_app)
app.add_typer(sets_app)


@app.command()
def report(
    report_id: Annotated[str, typer.Argument(help="A report's id, or `latest`.", metavar="[ID]")] = "latest",
    *,
    html: Annotated[Path | None, typer.Option(help="Write it as a page that stands alone.", metavar="FILE", show_default=False)] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Show what moved from report A to report B.", metavar="A B", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run of `footnote evaluate`, or of the night, came to.

    For example:

        footnote report
        footnote report latest --html report.html
        footnote report --compare rep_A rep_B
    """
    from footnote.cli import report as command
    from footnote.cli.connection import connect_to
    from footnote.cli.terminal import print_json

    older, newer = compare if compare is not None else (None, report_id)
    with connect_to(ServerChoice(data_dir, url, key)) as client:
        if html is not None:
            command.write_page(client, html, newer, older=older)
        if older is not None:
            compared = command.compare(client, older, newer)
            print_json(compared) if as_json else command.show_comparison(compared)
            return
        document = command.report(client, newer)
    print_json(document) if as_json else command.show_report(document)


@app.command()
def turn(
    turn_id: Annotated[str, typer.Argument(help="A turn's id, as `footnote ask` and reports show it.", metavar="ID")],
    *,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show a question with its draft, the verdict on each claim, and the passages that the model was given.

    Of your own questions, and of those that your evaluation runs asked. Who runs the server also sees others' first questions
    where there are passages, and they may read every one.

    For example:

        footnote turn turn_0123456789abcdef
    """
    from footnote.cli import turn as command
    from footnote.cli.connection import connect_to
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = command.turn(client, turn_id)
    print_json(document) if as_json else command.show_turn(document)


@app.command()
def doctor(
    *,
    contract: Annotated[
        bool, typer.Option("--contract", help="Try everything that footnote asks of the Qdrant server at `index.url`.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check the installation, and say what to do.

    Packages, models, the data directory, memory, the stores, and the model server where one is set.
    Exit status 1 says that something does not work.

    For example:

        footnote doctor
        FOOTNOTE_INDEX__URL=http://qdrant:6333 footnote doctor --contract
    """
    from footnote.cli.doctor import examine, show_findings
    from footnote.cli.terminal import print_json

    document = examine(settings_of(data_dir), contract=contract)
    print_json(document) if as_json else show_findings(document)
    if not document.ok:
        raise typer.Exit(FAILED)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder of the backups; made where there is none.", metavar="DIR", show_default=False)],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Make none: read all backups in DIR, or the one named, and check them.")] = False,
    keep: Annotated[int, typer.Option(min=1, help="Backups that stay in DIR; older ones are removed.")] = 7,
    without_index: Annotated[
        bool, typer.Option("--without-index", help="Leave the index out: after a restore all documents are read again.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Back up catalog, files, index and adapters, while the server runs or not.

    A backup is one consistent state. It adds only bytes that no earlier one in DIR has, and appears when it is whole.

    For example:

        footnote backup /srv/backups
        footnote backup /srv/backups --keep 30
        footnote backup /srv/backups --verify

    See docs/backup.md. Exit status 1 says that something is damaged.
    """
    from footnote.cli import backup as command
    from footnote.cli.terminal import print_json

    if verify:
        checked = command.verify(folder)
        print_json(checked) if as_json else command.show_check(checked)
        if not checked.ok:
            raise typer.Exit(FAILED)
        return
    document = command.backup(settings_of(data_dir), folder, keep=keep, without_index=without_index)
    print_json(document) if as_json else command.show_backup(document)
    if document.damaged:
        raise typer.Exit(FAILED)


@app.command()
def restore(
    source: Annotated[
        Path, typer.Argument(help="A folder of backups, of which the newest is taken, or a backup.", metavar="DIR", show_default=False)
    ],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into an empty data directory.

    For example:

        footnote restore /srv/backups --data-dir /srv/footnote
        footnote restore /srv/backups/2026-11-21T09-00-00.000000Z.json --data-dir /srv/footnote

    Refused: a data directory with something in it, a damaged backup, and one that a newer version has made.
    """
    from footnote.cli.restore import restore as run
    from footnote.cli.restore import show_restore
    from footnote.cli.terminal import print_json

    document = run(settings_of(data_dir), source)
    print_json(document) if as_json else show_restore(document)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its status: 0 done, 1 failed, 2 wrong usage."""
    try:
        app(args=None if arguments is None else list(arguments))
    except CommandFailed as failure:
        _end(failure)
    except FootnoteError as error:
        _end(as_failure(error))
    sys.exit(0)


def _end(failure: CommandFailed) -> NoReturn:
    from footnote.cli.terminal import complain

    complain(failure)
    sys.exit(failure.exit_status)
