"""A server in a thread of this process: what ``footnote serve`` shows to the world, and what the other commands talk to in private."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from footnote.cli.failure import CommandFailed
from footnote.cli.wiring import open_services
from footnote.core.settings import Settings
from serving.api.app import create_app
from serving.api.opening import Opening

GRACE_S = 5
"""How long answers that are being written may go on once the server is asked to stop."""


@contextmanager
def server_thread(settings: Settings) -> Generator["ServerThread"]:
    """Run the server while the block lasts; yield it once it can answer questions.

    Args:
        settings: port 0 takes a free port.

    Raises:
        CommandFailed: the address cannot be taken.
        FootnoteError: as ``open_services`` raises them.
    """
    with _bound_socket(host=settings.server.host, port=settings.server.port) as listener:
        settings = _with_port(settings, port=listener.getsockname()[1])
        server = ServerThread(settings, listener)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def address_of(settings: Settings) -> str:
    """Return the address under which this machine reaches the server: a wildcard host is reached over loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{settings.server.port}" if ":" in host else f"http://{host}:{settings.server.port}"


class ServerThread:
    """uvicorn outside the main thread, so that the main thread can show progress and hears the signals."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self.url = address_of(settings)
        self._app = create_app(settings, open_services)
        config = uvicorn.Config(
            self._app, lifespan="on", log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S
        )
        self._server = _LoopKeepingServer(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="footnote-server")
        # Waiting for the thread itself would not do: a signal that interrupts ``join`` makes Python 3.11 take the thread for ended
        # (https://github.com/python/cpython/issues/90882).
        self._ended = threading.Event()

    def start(self) -> None:
        """Return once questions can be answered; what keeps the services from opening is raised here."""
        self._thread.start()
        while not self._server.started:
            if self._ended.wait(timeout=0.02):
                raise CommandFailed("The server stopped before it was ready.", hint="Its log says why.")
        opening: Opening = self._app.state.opening
        services = asyncio.run_coroutine_threadsafe(opening.wait(), self._server.loop).result()
        services.announce(self.url)

    def wait(self) -> None:
        """Return when the server has ended by itself; a signal ends the wait with KeyboardInterrupt."""
        self._ended.wait()

    def stop(self) -> None:
        """Let what is being answered end, close the services, and return when all is closed."""
        if self._thread.ident is None:
            return
        self._server.should_exit = True
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except KeyboardInterrupt:  # asked twice: do not wait for open answers
                self._server.force_exit = True

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._ended.set()


class _LoopKeepingServer(uvicorn.Server):
    """Keeps the event loop that it runs on, for calls from the main thread."""

    loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)


def _bound_socket(*, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listening at once tells a taken port before models are loaded; early callers wait in the queue until they are.
        listener.listen()
    except OSError as error:
        listener.close()
        raise CommandFailed(
            f"Cannot listen on {host} port {port}: {error.strerror}.", hint="Choose another with --port, or --port 0 for any free one."
        ) from error
    return listener


def _with_port(settings: Settings, *, port: int) -> Settings:
    return settings.model_copy(update={"server": settings.server.model_copy(update={"port": port})})
