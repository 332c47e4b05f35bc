import threading
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest

from retrieval.embedder.scheduler import Scheduler, Urgency


class Recorded:
    """Work that writes down each of its steps, and waits at the first for a gate."""

    def __init__(self, name: str, n_steps: int, log: list[str], gate: threading.Event | None = None, fails: Exception | None = None):
        self.name, self.left, self.log, self.gate, self.fails = name, n_steps, log, gate, fails
        self.begun = threading.Event()

    def step(self) -> bool:
        self.begun.set()
        if self.gate:
            self.gate.wait(10)
        self.log.append(self.name)
        if self.fails:
            raise self.fails
        self.left -= 1
        return self.left == 0

    def result(self):
        return np.array([[1.0]])


@pytest.fixture
def scheduler():
    scheduler = Scheduler("test")
    yield scheduler
    scheduler.close()


def begin(scheduler: Scheduler, work: Recorded) -> Future:
    future = scheduler.submit(work, Urgency.DOCUMENT)
    work.begun.wait(10)
    return future


def test_a_query_waits_for_one_step_of_documents_at_most(scheduler):
    log, gate = [], threading.Event()
    documents = begin(scheduler, Recorded("document", 3, log, gate))
    others = scheduler.submit(Recorded("other", 1, log), Urgency.DOCUMENT)
    queries = [scheduler.submit(Recorded(f"query {n}", 1, log), Urgency.QUERY) for n in range(2)]
    gate.set()
    for future in (documents, others, *queries):
        assert future.result(10).shape == (1, 1)
    assert log == ["document", "query 0", "query 1", "document", "document", "other"]


def test_a_failure_reaches_its_caller_and_nobody_else(scheduler):
    log = []
    failing = scheduler.submit(Recorded("a", 1, log, fails=ValueError("broken")), Urgency.QUERY)
    fine = scheduler.submit(Recorded("b", 1, log), Urgency.QUERY)
    with pytest.raises(ValueError, match="broken"):
        failing.result(10)
    assert fine.result(10) is not None


def test_cancelled_work_is_dropped_between_two_steps(scheduler):
    log, gate = [], threading.Event()
    first = begin(scheduler, Recorded("first", 5, log, gate))
    waiting = scheduler.submit(Recorded("waiting", 1, log), Urgency.DOCUMENT)
    assert waiting.cancel()
    assert first.cancel()
    gate.set()
    scheduler.submit(Recorded("last", 1, log), Urgency.DOCUMENT).result(10)
    assert log == ["first", "last"]


def test_several_threads_work_at_the_same_time_each_prepared_before():
    prepared = []
    scheduler = Scheduler("test", n_threads=2, prepare=lambda: prepared.append(threading.current_thread()))
    log, gate = [], threading.Event()
    works = [Recorded(f"{n}", 2, log, gate) for n in range(3)]
    futures = [scheduler.submit(work, Urgency.DOCUMENT) for work in works]
    assert works[0].begun.wait(10)
    assert works[1].begun.wait(10)
    assert not works[2].begun.is_set()
    assert len(prepared) == 2
    gate.set()
    for future in futures:
        assert future.result(10).shape == (1, 1)
    assert sorted(log) == ["0", "0", "1", "1", "2", "2"]
    scheduler.close()


def test_closing_several_threads_ends_all_of_them_and_cancels_what_waits():
    scheduler = Scheduler("test", n_threads=3)
    log, gate = [], threading.Event()
    under_way = begin(scheduler, Recorded("under way", 2, log, gate))
    threading.Timer(0.05, gate.set).start()
    scheduler.close()
    for future in (under_way, scheduler.submit(Recorded("late", 1, log), Urgency.QUERY)):
        with pytest.raises(CancelledError):
            future.result(10)
    assert log == ["under way"]
    assert not any(thread.is_alive() for thread in scheduler._threads)


def test_closing_cancels_what_waits():
    scheduler = Scheduler("test")
    log, gate = [], threading.Event()
    under_way = begin(scheduler, Recorded("under way", 5, log, gate))
    waiting = scheduler.submit(Recorded("waiting", 1, log), Urgency.QUERY)
    threading.Timer(0.05, gate.set).start()
    scheduler.close()
    for future in (under_way, waiting, scheduler.submit(Recorded("late", 1, log), Urgency.QUERY)):
        with pytest.raises(CancelledError):
            future.result(10)
    assert log == ["under way"]
    assert not scheduler.is_alive
