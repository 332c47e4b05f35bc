"""The address that a server listens on, taken before anything else is opened: a port that is taken is told at once."""

import socket
from collections.abc import Generator
from contextlib import contextmanager

from footnote.cli.failure import CommandFailed
from footnote.core.settings import ServerSettings


@contextmanager
def listening(settings: ServerSettings) -> Generator[socket.socket]:
    """Listen while the block lasts; port 0 takes a free port. Early callers wait in the queue until somebody accepts them.

    Raises:
        CommandFailed: the address cannot be taken.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that name it: with it, each answer whose head and
    # body are written apart waits 40 ms for the other side's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen()
        except OSError as error:
            raise CommandFailed(
                f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.",
                hint="Choose another with --port, or --port 0 for any free one.",
            ) from error
        yield listener


def address_of(listener: socket.socket) -> str:
    """Return the address under which this machine reaches the server: a wildcard host is reached over loopback."""
    bound: str = listener.getsockname()[0]
    port: int = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
