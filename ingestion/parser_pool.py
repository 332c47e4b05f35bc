"""Child processes that read documents: a parser that crashes, hangs or eats memory takes down nothing but its own document.

They hold no store handle: a path goes in, a document comes out.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ParamSpec, TypeVar

from footnote.core.errors import UnreadableDocument
from footnote.core.settings import IngestionSettings, TelemetrySettings
from footnote.core.telemetry.logs import configure_logging
from footnote.core.types import Document
from ingestion.cleaning import clean
from ingestion.parsing import ParsingLimits, parse

Params = ParamSpec("Params")
Result = TypeVar("Result")


class ParserPool:
    """Runs ``parse`` and ``clean`` in child processes with a limit on time; a process starts when a document needs it, and stays.

    Each document has a process to itself while it is worked on, so what ends that process touches no other document; and its time begins
    when it has got one, so that a slow document before it costs it nothing.
    """

    def __init__(self, settings: IngestionSettings) -> None:
        self._settings = settings
        self._limits = ParsingLimits(
            max_pages=settings.max_pages, max_text_chars=settings.max_text_chars, max_expanded_bytes=settings.max_expanded_bytes
        )
        self._turns = asyncio.Semaphore(settings.n_parsers)
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: set[ProcessPoolExecutor] = set()

    async def parse(self, path: Path, *, filename: str) -> Document:
        """Return the document that a file holds.

        Raises:
            UnsupportedMediaType, UnreadableDocument, DocumentTooLarge: as ``ingestion.parsing.parse`` says, or the parser died or hung.
        """
        return await self._run(parse, path, filename=filename, limits=self._limits)

    async def clean(self, document: Document) -> Document:
        """Return the document as ``ingestion.cleaning.clean`` leaves it."""
        return await self._run(clean, document)

    async def close(self) -> None:
        """End the processes, also one that is still at work."""
        for executor in (*self._idle, *self._busy):
            _kill(executor)
        self._idle.clear()

    async def _run(self, function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
        async with self._turns:
            executor = self._idle.pop() if self._idle else _start()
            self._busy.add(executor)
            call = asyncio.get_running_loop().run_in_executor(executor, partial(function, *args, **kwargs))
            try:
                async with asyncio.timeout(self._settings.parse_timeout_s):
                    return await call
            except TimeoutError as error:
                raise UnreadableDocument(
                    f"Reading the document took longer than {self._settings.parse_timeout_s:g} s.",
                    hint="Split it, or raise ingestion.parse_timeout_s.",
                ) from error
            except BrokenProcessPool as error:
                raise UnreadableDocument(
                    "The parser broke down while it read the document.",
                    hint="The file may be damaged: save it anew with the program that made it.",
                ) from error
            finally:
                self._busy.discard(executor)
                if _can_go_on(call):
                    self._idle.append(executor)
                else:
                    _kill(executor)


def _can_go_on(call: "asyncio.Future[Result]") -> bool:
    """Whether the process that a call ran in has ended it, well or with an error, and waits for the next one."""
    return call.done() and not call.cancelled() and not isinstance(call.exception(), BrokenProcessPool)


def _start() -> ProcessPoolExecutor:
    # `spawn`, because a fork would copy locks and threads of the server; one thread each, because the cores belong to the encoder.
    log_level = logging.getLevelName(logging.getLogger().level).lower()
    spawning = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=1, mp_context=spawning, initializer=_prepare_child, initargs=(log_level,))


def _kill(executor: ProcessPoolExecutor) -> None:
    # The executor itself only waits for its processes; which they are it keeps to itself until Python 3.14 (kill_workers).
    processes: dict[int, BaseProcess] = dict(getattr(executor, "_processes", None) or {})
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes.values():
        process.kill()


def _prepare_child(log_level: str) -> None:
    # structlog's own default would write to standard output, where a command may be printing a document.
    configure_logging(TelemetrySettings.model_validate({"log_level": log_level}))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.nice(5)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the server is gone: after a kill -9 nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
