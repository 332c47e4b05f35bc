"""``footnote worker``: reads documents and does runs of evaluation apart from the server, and says whether it lives."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import footnote
from footnote.cli.failure import CommandFailed
from footnote.cli.terminal import messages, output
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import InvalidSettings
from footnote.core.settings import Settings, belongs_to_one_process
from footnote.core.telemetry import open_telemetry
from footnote.core.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from ingestion.worker import IngestionWorker


def worker(settings: Settings) -> None:
    """Read documents, and do runs of evaluation, until a signal asks to stop; Ctrl-C and SIGTERM are the ordinary ends, not errors.

    Raises:
        InvalidSettings: the stores belong to one process.
        FootnoteError: a store or the model cannot be opened.
    """
    require_shared_stores(settings)
    configure_logging(settings.telemetry)
    messages().print("[dim]The worker is starting …[/]")
    asyncio.run(_work(settings))
    messages().print("\nThe worker has stopped; what it held is back in the queue.")


def check(settings: Settings) -> None:
    """Say whether a worker on this machine lives, by its heartbeat.

    Raises:
        CommandFailed: none was heard of for a lease.
        InvalidSettings, CatalogUnavailable: the catalog cannot be asked.
    """
    require_shared_stores(settings)
    found = asyncio.run(_heard_of(settings, host=socket.gethostname()))
    if not found:
        raise CommandFailed(
            f"No worker on {socket.gethostname()} has been heard of for {settings.ingestion.lease_s:g} s.",
            hint="Its log says why; `footnote worker` starts one.",
        )
    for line in found:
        output().print(line, soft_wrap=True, highlight=False)


def require_shared_stores(settings: Settings) -> None:
    """Refuse to work beside a server where a store belongs to one process.

    Raises:
        InvalidSettings: with every reason, and what to set.
    """
    reasons = belongs_to_one_process(settings)
    blobs = DataDirectory(settings.data_dir).blobs
    if settings.blobs.url is None and not blobs.is_dir():
        reasons.append(f"there are no files in {blobs} (set blobs.url to `s3://…`, or --data-dir to a folder shared with the server)")
    if reasons:
        raise InvalidSettings(
            f"A worker shares its stores with the server, and these cannot be shared: {'; '.join(reasons)}.",
            hint="Without a worker all is well too: `footnote serve` then reads documents itself.",
        )


async def _heard_of(settings: Settings, *, host: str) -> list[str]:
    catalog = Catalog(str(settings.catalog.url))
    try:
        since = now() - timedelta(seconds=settings.ingestion.lease_s)
        workers = [each for each in await catalog.workers.all() if each.host == host and each.heartbeat_at > since]
    finally:
        await catalog.close()
    return [f"{each.id} (footnote {each.application_version}) was heard of at {each.heartbeat_at:%H:%M:%S} UTC." for each in workers]


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, stop.set)
    stopping = asyncio.create_task(stop.wait())
    async with AsyncExitStack() as stack:
        opening = asyncio.create_task(stack.enter_async_context(open_worker(settings)))
        await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            return
        running = opening.result()
        messages().print(f"Documents are read by [bold]{running.id}[/]. Ctrl-C stops it.", soft_wrap=True)
        await stopping


@asynccontextmanager
async def open_worker(settings: Settings) -> "AsyncGenerator[IngestionWorker]":
    """Open the stores and the embedder, read documents and do runs of evaluation, and close all of it in reverse order."""
    # Seconds of imports, which a refusal or a check need not wait for.
    from footnote.cli.evaluation_wiring import create_outbox, start_evaluation  # noqa: PLC0415
    from footnote.cli.wiring import open_run_parts_apart, open_stores, start_ingestion  # noqa: PLC0415
    from retrieval.embedder.factory import create_embedder  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        telemetry = open_telemetry(settings.telemetry, version=footnote.__version__)
        stack.push_async_callback(telemetry.close)
        embedder = await create_embedder(settings.embedder)
        stack.push_async_callback(embedder.close)
        directory = DataDirectory(settings.data_dir)
        stores = await open_stores(stack, settings, directory=directory, embedder=embedder, owner=False)
        parts = partial(open_run_parts_apart, settings, directory=directory, stores=stores, embedder=embedder, telemetry=telemetry)
        outbox = create_outbox(settings, catalog=stores.catalog, data_dir=directory.path, telemetry=telemetry)
        await start_evaluation(stack, settings, catalog=stores.catalog, outbox=outbox, open_parts=parts)
        yield await start_ingestion(stack, settings, stores=stores, telemetry=telemetry)
