"""Opening the services in the background: the server listens at once, and says that it is starting until they are there."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from footnote.core.errors import Overloaded
from footnote.core.settings import Settings
from serving.files import FileStore
from serving.services import OpenServices, Services
from serving.uploads import UploadStore

RETRY_AFTER_S = 2.0


class Starting(Overloaded):
    """The services are not open yet."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The services, with what the API keeps one of for each process."""

    services: Services
    files: FileStore
    uploads: UploadStore


class Opening:
    """Services on their way: opened by ``start``, there once ``wait`` returns, closed by ``stop``."""

    def __init__(self, settings: Settings, open_services: OpenServices) -> None:
        self._settings = settings
        self._open_services = open_services
        self._settled = asyncio.Event()
        self._stopping = asyncio.Event()
        self._opened: Opened | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to open the services."""
        self._task = asyncio.create_task(self._run(), name="services")
        self._task.add_done_callback(lambda _: self._settled.set())

    async def wait(self) -> Services:
        """Return the services as soon as they are open.

        Raises:
            Exception: what kept them from opening, or ended them; the caller ends the process with its message.
        """
        await self._settled.wait()
        error = self.error
        if error is not None:
            raise error
        return self.opened.services

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def opened(self) -> Opened:
        """The services.

        Raises:
            Starting: they are not open yet, or did not open.
        """
        if self._opened is None:
            hint = None if self.error is None else str(self.error)
            raise Starting("footnote is starting." if hint is None else "footnote could not start.", retry_after_s=RETRY_AFTER_S, hint=hint)
        return self._opened

    @property
    def error(self) -> BaseException | None:
        """What kept the services from opening, or None."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    async def stop(self) -> None:
        """Close the services; what is still opening is given up. An error was told by ``wait`` and is not raised again."""
        self._stopping.set()
        if self._task is None:
            return
        if self._opened is None:
            self._task.cancel()
        await asyncio.wait({self._task})
        self._opened = None

    async def _run(self) -> None:
        async with self._open_services(self._settings) as services:
            files = FileStore(catalog=services.catalog, blobs=services.blobs, eraser=services.eraser)
            uploads = UploadStore(catalog=services.catalog, blobs=services.blobs, files=files)
            self._opened = Opened(services=services, files=files, uploads=uploads)
            self._settled.set()
            await self._stopping.wait()


def opening_of(request: Request) -> Opening:
    """Return the application's services, open or not."""
    opening = request.app.state.opening
    assert isinstance(opening, Opening)
    return opening


async def services_of(request: Request) -> Services:
    """Return the open services.

    Raises:
        Starting: they are not open yet.
    """
    return opening_of(request).opened.services


async def files_of(request: Request) -> FileStore:
    """Return the file store.

    Raises:
        Starting: as in ``services_of``.
    """
    return opening_of(request).opened.files


async def uploads_of(request: Request) -> UploadStore:
    """Return the store of uploads in parts.

    Raises:
        Starting: as in ``services_of``.
    """
    return opening_of(request).opened.uploads
