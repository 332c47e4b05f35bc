"""``footnote serve``: the server in the foreground, with a banner that says where to look."""

import json
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from hmac import compare_digest
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from footnote import __version__
from footnote.cli.connection import connect
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.ingest import ingest, show_ingest
from footnote.cli.json_documents import IngestDocument
from footnote.cli.listening import listening
from footnote.cli.terminal import messages, output
from footnote.core.data_directory import DataDirectory
from footnote.core.owners import LOCAL_OWNER
from footnote.core.settings import Settings, TelemetrySettings
from footnote.core.telemetry.logs import configure_logging

QUESTION = "What do these documents say?"


def serve(
    settings: Settings,
    *,
    ingest_paths: Sequence[Path] = (),
    collection: str | None = None,
    key: str | None = None,
    question: str = QUESTION,
) -> None:
    """Serve until a signal asks to stop; Ctrl-C and SIGTERM are the ordinary ends, not errors.

    Args:
        settings: what to serve, and where.
        ingest_paths: files to bring in before the banner.
        collection: where to bring it.
        key: one of the settings', whose owner gets it; where they have none, nobody needs one.
        question: what the banner's curl line asks.

    Raises:
        CommandFailed: the address cannot be used; nobody who has a key could read what is to be brought in.
        FootnoteError: the services cannot be opened.
    """
    if ingest_paths:
        _require_readers(settings, key)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        _serve(settings, ingest_paths=ingest_paths, collection=collection, key=key, question=question)
    except KeyboardInterrupt:
        messages().print("\nfootnote has stopped.")


def _serve(settings: Settings, *, ingest_paths: Sequence[Path], collection: str | None, key: str | None, question: str) -> None:
    # Whoever owns the directory is named before a port that is taken by the very same process.
    with DataDirectory(settings.data_dir).owned():
        pass
    with listening(settings.server) as listener:
        configure_logging(_while_starting(settings.telemetry))
        messages().print("[dim]footnote is starting …[/]")
        # Seconds of imports, which refusals like those above need not wait for.
        from footnote.cli.server_thread import server_thread  # noqa: PLC0415

        with server_thread(settings, listener) as server:
            if ingest_paths:
                _show_ingested(_ingest(settings, ingest_paths, collection=collection, key=key))
            show_banner(output(), server.url, settings, question=question)
            configure_logging(settings.telemetry)
            server.wait()
    raise CommandFailed("The server ended by itself.", hint="Its log says why.")


def show_banner(console: Console, url: str, settings: Settings, *, question: str) -> None:
    """Print where to look, and one line that can be pasted."""
    facts = {
        "API": f"{url}/v1 (OpenAI-compatible; the model is called footnote)",
        "reference": f"{url}/openapi.json",
        "state": f"{url}/readyz",
        "metrics": f"{url}/metrics",
        "data": str(settings.data_dir.absolute()),
    }
    console.print(f"\n[bold]footnote {__version__}[/] is ready on [bold]{escape(url)}[/]", soft_wrap=True)
    for name, value in facts.items():
        console.print(f"  [dim]{name:<10}[/]{escape(value)}", soft_wrap=True)
    console.print("\nAsk from another terminal:\n")
    console.print(f"  {escape(curl_line(url, question=question, with_key=bool(settings.server.keys)))}", soft_wrap=True)
    console.print(f"  {escape(ask_line(settings, question=question))}", soft_wrap=True)
    console.print("\n[dim]Ctrl-C stops it.[/]")
    console.file.flush()


def curl_line(url: str, *, question: str, with_key: bool) -> str:
    """Return one line for a shell that asks a question."""
    body = json.dumps({"model": "footnote", "messages": [{"role": "user", "content": question}]}, ensure_ascii=False)
    key = ' -H "Authorization: Bearer $KEY"' if with_key else ""
    return f"curl -s {url}/v1/chat/completions -H 'Content-Type: application/json'{key} -d {shlex.quote(body)}"


def ask_line(settings: Settings, *, question: str) -> str:
    """Return the same question for footnote's own command line."""
    command = "footnote" if shutil.which("footnote") else shlex.quote(sys.argv[0])
    return f"{command} ask --data-dir {shlex.quote(str(settings.data_dir))} {shlex.quote(question)}"


def _require_readers(settings: Settings, key: str | None) -> None:
    """Refuse to bring in for the user who runs the server what only people with keys will ask for, and for whom nobody knows.

    Raises:
        CommandFailed: there are keys, and none of them was given.
    """
    keys, secret = settings.server.keys, (key or "").strip()
    if not keys or (not secret and any(each.owner == LOCAL_OWNER for each in keys)):
        return
    if not secret:
        raise CommandFailed(
            "--ingest does not know for whom: server.keys are set, and none of their owners could read what it brings in.",
            hint="Give one of them with --key or FOOTNOTE_KEY; or leave --ingest out, and run `footnote ingest --key KEY` beside it.",
            exit_status=WRONG_USAGE,
        )
    if not any(compare_digest(secret.encode(), each.key.get_secret_value().encode()) for each in keys):
        raise CommandFailed("The key is none of server.keys.", hint="Look at --key or FOOTNOTE_KEY.", exit_status=WRONG_USAGE)


def _ingest(settings: Settings, paths: Sequence[Path], *, collection: str | None, key: str | None) -> IngestDocument:
    with connect(settings, key=key if settings.server.keys else None) as client:
        return ingest(client, paths, collection=collection)


def _show_ingested(document: IngestDocument) -> None:
    """Print the table where there is news in it; a second start with the same files has none."""
    if document.added or document.failed:
        show_ingest(document)


def _while_starting(telemetry: TelemetrySettings) -> TelemetrySettings:
    """Return what is logged until the banner: on a terminal only warnings, as bars and banner tell the rest."""
    if not sys.stderr.isatty() or telemetry.log_level == "error":
        return telemetry
    return telemetry.model_copy(update={"log_level": "warning"})
