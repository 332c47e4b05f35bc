"""The threads that own a model, and the order in which they work: queries before documents, each in order of arrival.

Work is done in steps. After each step the most urgent work goes on, so a query waits for one batch of documents at most. Each piece of work
is in one thread at a time.
"""

import itertools
import queue
import threading
from collections.abc import Callable
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


def _nothing() -> None:
    """Prepare nothing."""


class Scheduler:
    """The threads. ``submit`` may be called from any other.

    Args:
        name: what they are called.
        n_threads: how many work at the same time.
        prepare: called in each of them before its first work.
    """

    def __init__(self, name: str, *, n_threads: int = 1, prepare: Callable[[], None] = _nothing) -> None:
        self._entries: queue.PriorityQueue[_Entry] = queue.PriorityQueue()
        self._arrivals = itertools.count()
        self._closing = threading.Event()
        self._prepare = prepare
        self._threads = [threading.Thread(target=self._run, name=f"{name} {number}", daemon=True) for number in range(n_threads)]
        for thread in self._threads:
            thread.start()

    @property
    def n_threads(self) -> int:
        return len(self._threads)

    @property
    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def submit(self, work: Work, urgency: Urgency) -> "Future[Vectors]":
        """Queue work. Cancelling the future drops it, between two steps where it was begun."""
        future: Future[Vectors] = Future()
        if self._closing.is_set():
            future.cancel()
        else:
            self._entries.put(_Entry(urgency, next(self._arrivals), work, future))
        return future

    def close(self) -> None:
        """Finish the steps under way, cancel everything that waits, and end the threads. Blocks for as long as the steps take."""
        self._closing.set()
        for _ in self._threads:
            self._entries.put(_Entry(Urgency.STOP, next(self._arrivals), None, Future()))
        for thread in self._threads:
            thread.join()
        while not self._entries.empty():  # only now: a thread that found no entry any more would wait for ever
            self._entries.get_nowait().future.cancel()

    def _run(self) -> None:
        self._prepare()
        while not self._closing.is_set():
            entry = self._entries.get()
            if entry.work is not None and not self._closing.is_set():
                self._advance(entry, entry.work)
            else:
                entry.future.cancel()

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
