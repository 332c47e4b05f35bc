"""The one path of all commands: HTTP, to the server that was named or that owns the data directory, or to one that is started here."""

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

from footnote.cli.api_client import ApiClient
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.listening import listening
from footnote.cli.options import ServerChoice, settings_of
from footnote.core.data_directory import RunningServer, find_running_server
from footnote.core.errors import DataDirectoryInUse
from footnote.core.settings import Settings

STARTING_S = 60.0
"""How long another process that has just taken the data directory may need until its server answers."""


@contextmanager
def connect_to(server: ServerChoice) -> Generator[ApiClient]:
    """Yield a client of the server that a command was told to talk to. Where that is one by its URL, nothing is started here.

    Raises:
        CommandFailed, FootnoteError: the options contradict each other; otherwise as in ``connect``.
    """
    if not server.url:
        with connect(settings_of(server.data_dir), key=server.key) as client:
            yield client
        return
    if server.data_dir is not None:
        raise CommandFailed(
            "A server is named by its URL and by its data directory: which one?",
            hint="Leave one out. FOOTNOTE_URL counts as --url; --url '' puts it aside.",
            exit_status=WRONG_USAGE,
        )
    with ApiClient(_address(server.url), token=_sendable(server.key), is_named=True) as client:
        yield client


@contextmanager
def connect(settings: Settings, *, key: str | None = None) -> Generator[ApiClient]:
    """Yield a client of the server that owns the data directory, starting one for the length of the block where there is none.

    Args:
        settings: of this process.
        key: a key of the server's, for whose owner the client acts; without one it acts for the user who runs the server.

    Raises:
        CommandFailed: the key is none that a server could have.
        CommandFailed, FootnoteError: there is no server, and it cannot be started.
    """
    secret = _sendable(key)
    with ExitStack() as stack:
        running = find_running_server(settings.data_dir) or _start(settings, stack)
        yield stack.enter_context(ApiClient(running.url, token=secret or running.token.get_secret_value()))


def _address(url: str) -> str:
    """Return where a server's own paths begin; what clients of the OpenAI API are given, which ends in ``/v1``, will do."""
    try:
        parts = urlsplit(url.strip())
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise _no_address() from error
    if not is_usable or parts.query or parts.fragment or parts.username is not None:
        raise _no_address()
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _no_address() -> CommandFailed:
    """Return the complaint. It quotes nothing: people put passwords into addresses."""
    return CommandFailed(
        "The URL is none of a server.",
        hint="Look at --url or FOOTNOTE_URL: it is like https://footnote.example or http://127.0.0.1:8080. A key goes into --key.",
        exit_status=WRONG_USAGE,
    )


def _sendable(key: str | None) -> str | None:
    """Return the key without white space around it. What cannot stand in a header is refused here, where nobody quotes it."""
    key = (key or "").strip()
    if any(not "!" <= character <= "~" for character in key):
        raise CommandFailed("The key has a character that no key has.", hint="Look at --key or FOOTNOTE_KEY.", exit_status=WRONG_USAGE)
    return key or None


def _start(settings: Settings, stack: ExitStack) -> RunningServer:
    # The server imports torch and much else for seconds; a command beside a running server does without.
    from footnote.cli.server_thread import server_thread  # noqa: PLC0415
    from footnote.core.telemetry.logs import configure_logging  # noqa: PLC0415

    settings = _private(settings)
    configure_logging(settings.telemetry)
    with suppress(DataDirectoryInUse):  # another process was faster: its server will do
        stack.enter_context(server_thread(settings, stack.enter_context(listening(settings.server))))
    return wait_for_server(settings)


def _private(settings: Settings) -> Settings:
    """Return the settings of a server that only this machine reaches, on any free port, and that logs nothing but errors."""
    server = settings.server.model_copy(update={"host": "127.0.0.1", "port": 0})
    return settings.model_copy(update={"server": server, "telemetry": settings.telemetry.model_copy(update={"log_level": "error"})})


def wait_for_server(settings: Settings) -> RunningServer:
    """Return the server that owns the data directory, as soon as it says where it listens.

    Raises:
        DataDirectoryInUse: it does not answer in time.
    """
    until = time.monotonic() + STARTING_S
    while time.monotonic() < until:
        running = find_running_server(settings.data_dir)
        if running is not None:
            return running
        time.sleep(0.2)
    raise DataDirectoryInUse(
        f"Another process owns {settings.data_dir}, and its server does not answer.", hint="Wait for it to end, or end it."
    )
