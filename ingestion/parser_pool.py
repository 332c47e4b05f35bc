"""The pool of caged processes that read documents: what a document does to its parser touches no other document, and not the server."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from footnote.core.offload import offload_to
from footnote.core.settings import IngestionSettings
from footnote.core.types import Document
from ingestion import redaction
from ingestion.cage.caged_process import CagedProcess
from ingestion.cage.frames import Content, Request
from ingestion.cage.limits import CageLimits
from ingestion.cage.temporary_folder import remove_abandoned
from ingestion.parsing.limits import ParsingLimits
from ingestion.pieces import in_pieces

MAX_DOCUMENTS_PER_PROCESS = 2_000
"""Counted when they are read and when they are cleaned. Starting a process takes a core a second, as long as dozens of small documents."""

MAX_GROWTH_SHARE = 1 / 3
"""A process that keeps so much more than when it was new, as a share of the memory that a document may take, is replaced."""

Progress = Callable[[int, int | None], None]

log = structlog.get_logger(__name__)


class ParserPool:
    """Runs ``parse`` and ``clean`` in caged processes; one starts when a document needs it, and stays for others.

    Each document has a process to itself while it is worked on, and its time begins when it has got one, so that a slow document before
    it costs it nothing. A process is replaced after some thousand documents, or when it has grown; one that broke a limit is ended.

    Raises:
        InvalidSettings: redaction is asked for, and not installed.
    """

    def __init__(self, settings: IngestionSettings) -> None:
        self._limits = CageLimits(
            memory_bytes=settings.parser_memory_bytes,
            cpu_s=settings.parser_cpu_s,
            wall_s=settings.parse_timeout_s,
            output_bytes=settings.parser_output_bytes,
        )
        self._parsing = ParsingLimits(
            max_pages=settings.max_pages,
            max_text_chars=settings.max_text_chars,
            max_expanded_bytes=settings.max_expanded_bytes,
            max_archive_members=settings.max_archive_members,
            max_image_pixels=settings.max_image_pixels,
            ocr=settings.ocr == "auto",
            ocr_languages=settings.ocr_languages,
        )
        self._redact = settings.redact
        if settings.redact and not redaction.is_installed():
            raise redaction.missing()
        self._turns = asyncio.Semaphore(settings.n_parsers)
        # One thread more than there are turns: the thread of a call that was cancelled ends a moment after its turn.
        self._threads = ThreadPoolExecutor(max_workers=settings.n_parsers + 1, thread_name_prefix="parser")
        self._idle: list[CagedProcess] = []
        self._busy: set[CagedProcess] = set()
        self._tidied_up = False
        self._told_unconfined = False

    async def parse(self, path: Path, *, filename: str, progress: Progress | None = None) -> Document:
        """Return the document that a file holds.

        Args:
            path: the file's bytes, under any name.
            filename: the name that it was uploaded under.
            progress: called in this event loop, a few times a second, with how many pages are done, and of how many where that is known.

        Raises:
            UnsupportedMediaType, UnreadableDocument, DocumentTooLarge: as ``ingestion.parsing.parse`` says, or a limit was broken; the
                error's code says which.
            StorageUnavailable: there is no room for temporary files.
            ParserCrashed: the process died; trying again may help.
        """
        request = Request(action="parse", cpu_s=self._limits.cpu_s, path=str(path), filename=filename, limits=self._parsing)
        return await self._run([request], progress=progress)

    async def clean(self, document: Document) -> Document:
        """Return the document as ``ingestion.cleaning.clean`` leaves it, with personal data marked where the settings say so.

        Errors are those of ``parse``.
        """
        request = Request(action="clean", cpu_s=self._limits.cpu_s, redact=self._redact)
        return await self._run(_with(request, document))

    async def close(self) -> None:
        """End the processes, also one that is still at work."""
        for process in (*self._idle, *self._busy):
            process.close()
        self._idle.clear()
        self._threads.shutdown(wait=False)

    async def _run(self, request: Iterable[Content], *, progress: Progress | None = None) -> Document:
        async with self._turns:
            process = self._idle.pop() if self._idle else CagedProcess(self._limits)
            self._busy.add(process)
            report = None if progress is None else partial(_tell, asyncio.get_running_loop(), progress)
            try:
                return await offload_to(self._threads, self._call, process, request, report)
            except asyncio.CancelledError:
                process.close()
                raise
            finally:
                self._busy.discard(process)
                if process.is_alive:
                    self._idle.append(process)

    def _call(self, process: CagedProcess, request: Iterable[Content], report: Progress | None) -> Document:
        if not self._tidied_up:
            self._tidied_up = True
            remove_abandoned()
        ready = process.start()
        if ready.unconfined and not self._told_unconfined:
            self._told_unconfined = True
            log.warning("this system lacks limits for parsers; memory and time are watched all the same", missing=ready.unconfined)
        try:
            return process.call(request, progress=report)
        finally:
            if process.n_documents >= MAX_DOCUMENTS_PER_PROCESS or process.grown_bytes > MAX_GROWTH_SHARE * self._limits.memory_bytes:
                process.close()


def _with(request: Request, document: Document) -> Iterator[Content]:
    yield request
    yield from in_pieces(document)


def _tell(loop: asyncio.AbstractEventLoop, progress: Progress, n_done: int, n_total: int | None) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
        loop.call_soon_threadsafe(progress, n_done, n_total)
