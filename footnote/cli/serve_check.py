"""``footnote serve --check``: whether this machine's server is ready, for containers and service managers."""

from footnote.cli.api_client import ApiClient
from footnote.cli.failure import CommandFailed
from footnote.core.data_directory import find_running_server
from footnote.core.settings import Settings


def check_server(settings: Settings) -> None:
    """Return where the server that owns the data directory can answer questions. No model is loaded for that, and no key needed.

    Raises:
        CommandFailed: there is none, it is starting, or a part of it is not ready.
    """
    running = find_running_server(settings.data_dir)
    if running is None:
        raise CommandFailed(f"No server that is ready owns {settings.data_dir.absolute()}.", hint="It may be starting.")
    with ApiClient(running.url, token=None) as client:
        readiness = client.readiness()
    waiting = [f"{part.name}: {part.detail}" for part in readiness.parts if not part.ready]
    if waiting:
        raise CommandFailed(f"The server at {running.url} is not ready. {' '.join(waiting)}")
