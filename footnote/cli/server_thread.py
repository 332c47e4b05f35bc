"""A server in a thread of this process: what ``footnote serve`` shows to the world, and what the other commands talk to in private."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from footnote.cli.failure import CommandFailed
from footnote.cli.listening import address_of
from footnote.cli.wiring import open_services
from footnote.core.settings import Settings
from serving.api.app import create_app
from serving.api.opening import Opening

GRACE_S = 5
"""How long answers that are being written may go on once the server is asked to stop."""


@contextmanager
def server_thread(settings: Settings, listener: socket.socket) -> Generator["ServerThread"]:
    """Run the server on a listening socket while the block lasts; yield it once it can answer questions.

    Raises:
        CommandFailed: it ended before it was ready.
        FootnoteError: as ``open_services`` raises them.
    """
    server = ServerThread(settings, listener)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class ServerThread:
    """uvicorn outside the main thread, so that the main thread can show progress and hears the signals."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self.url = address_of(listener)
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
