"""One thread that owns a model, and the order in which it works: queries before documents, each in order of arrival.

Work is done in steps. After each step the most urgent work goes on, so a query waits for one batch of documents at most.
"""

import itertools
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from retrieval.embedder.port import Vectors


class Urgency(IntEnum):
    """Less is sooner."""

    QUERY = 0
    DOCUMENT = 1
    STOP = 2


class Work(Protocol):
    """Something done in steps."""

    def step(self) -> bool:
        """Do the next step; return whether it was the last."""
        ...

    def result(self) -> Vectors:
        """Return what the steps have made."""
        ...


@dataclass(order=True)
class _Entry:
    urgency: Urgency
    arrival: int
    work: Work | None = field(compare=False)
    future: "Future[Vectors]" = field(compare=False)


class Scheduler:
    """The thread. ``submit`` may be called from any other."""

    def __init__(self, name: str) -> None:
        self._entries: queue.PriorityQueue[_Entry] = queue.PriorityQueue()
        self._arrivals = itertools.count()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, work: Work, urgency: Urgency) -> "Future[Vectors]":
        """Queue work. Cancelling the future drops it, between two steps where it was begun."""
        future: Future[Vectors] = Future()
        if self._closing.is_set():
            future.cancel()
        else:
            self._entries.put(_Entry(urgency, next(self._arrivals), work, future))
        return future

    def close(self) -> None:
        """Finish the step under way, cancel everything that waits, and end the thread. Blocks for as long as the step takes."""
        self._closing.set()
        self._entries.put(_Entry(Urgency.STOP, next(self._arrivals), None, Future()))
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            entry = self._entries.get()
            if entry.work is not None and not self._closing.is_set():
                self._advance(entry, entry.work)
            else:
                entry.future.cancel()
        while not self._entries.empty():
            self._entries.get_nowait().future.cancel()

    def _advance(self, entry: _Entry, work: Work) -> None:
        if entry.future.cancelled():
            return
        try:
            if not work.step():
                self._entries.put(entry)
                return
            vectors = work.result()
        except BaseException as error:  # noqa: BLE001  # whatever it is belongs to the caller, who awaits the future
            if entry.future.set_running_or_notify_cancel():
                entry.future.set_exception(error)
        else:
            if entry.future.set_running_or_notify_cancel():
                entry.future.set_result(vectors)
