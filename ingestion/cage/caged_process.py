"""The server's end of the cage: starts a process that reads documents, talks to it, watches what it takes, and ends it. Blocking."""

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import psutil
import structlog

from footnote.core.errors import FootnoteError
from footnote.core.types import Document
from ingestion.cage import faults
from ingestion.cage.frames import HEADER_BYTES, Content, Fault, Progress, Ready, error_of, packed, unpacked, unpacked_header
from ingestion.cage.limits import CageLimits
from ingestion.cage.temporary_folder import TemporaryFolder
from ingestion.pieces import Piece, PieceOrEnd, assembled

_START_TIMEOUT_S = 120.0
_LOOK_EVERY_S = 0.05
_LOOK_AT_FAMILY_EVERY_S = 0.5
_READ_BYTES = 1 << 16
_MAX_FRAME_BYTES = 256 * 1024 * 1024
_BREAKDOWNS = frozenset({1, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGTRAP})
_MEMORY_BREAKDOWN_SHARE = 0.5
"""A process that broke down with this share of its memory in use ran out of it: PDFium ends itself where an allocation fails."""

_PASSED_ON = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TESSDATA_PREFIX", "VIRTUAL_ENV"})
_PASSED_ON_PREFIXES = ("LC_", "PYTHON")

log = structlog.get_logger(__name__)

ProgressReport = Callable[[int, int | None], None]
Expected = TypeVar("Expected")


class CagedProcess:
    """One process, for one document at a time.

    ``start`` and ``call`` run in one thread at a time; ``close`` may come from any, and ends a call that is running. The
    process leads a group and a session of its own, so that what it starts ends with it. It inherits three pipes and the log, and of the
    environment only what finds programs and libraries: no key, no address of a store.
    """

    def __init__(self, limits: CageLimits) -> None:
        self._limits = limits
        self._ready: Ready | None = None
        self._resident_at_start = 0
        self._state = threading.Lock()
        self._in_use = False
        self._is_closed = False
        self.n_documents = 0
        """How many documents it has read or cleaned."""
        self.grown_bytes = 0
        """How much more memory it keeps than when it was new."""
        self.peak_bytes = 0
        """The most memory that was seen in use at once, by the process and those that it started."""
        self._folder = TemporaryFolder()
        request_end, self._requests = os.pipe()
        self._answers, answer_end = os.pipe()
        lifeline_end, lifeline = os.pipe()
        ends = (request_end, answer_end, lifeline_end)
        log_level = logging.getLevelName(logging.getLogger().level).lower()
        settings = json.dumps({"limits": asdict(limits), "log_level": log_level})
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "ingestion.cage.child", *map(str, ends), settings],
                stdin=subprocess.DEVNULL,
                pass_fds=ends,
                env=_environment(self._folder.path),
                start_new_session=True,
            )
        finally:
            for end in ends:
                os.close(end)
        self._pipes = (self._requests, self._answers, lifeline)
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can take a document."""
        return self._process.returncode is None and not self._is_closed

    def start(self) -> Ready:
        """Wait until the process is up, and return what it says of its limits.

        Raises:
            ParserCrashed: it did not come up.
        """
        if self._ready is None:
            patience = replace(self._limits, cpu_s=_START_TIMEOUT_S, wall_s=_START_TIMEOUT_S)
            with self._ended_where_it_fails(patience):
                self._ready = next(_of_type(Ready, self._exchange([], limits=patience)))
            self._resident_at_start = self._resident()
        return self._ready

    def call(self, request: Iterable[Content], *, progress: ProgressReport | None = None) -> Document:
        """Send a request, and return the document that comes back.

        Args:
            request: the frames of the request.
            progress: told how many pages are done, and of how many where that is known.

        Raises:
            DocumentTooLarge: it broke a limit; the process is ended.
            FootnoteError: what the process tells.
            ParserCrashed: the process died, or said what no parser says; it is ended.
        """
        self.start()
        with self._ended_where_it_fails(self._limits):
            outcome = self._outcome(request, progress=progress)
        self.n_documents += 1
        self.grown_bytes = self._resident() - self._resident_at_start
        self.saw(_most_resident(self.pid))
        if isinstance(outcome, Document):
            return outcome
        if outcome.is_last:
            self.close()
        raise error_of(outcome)

    def close(self) -> None:
        """End the process and all that it started, and give back pipes and temporary files.

        A call that runs fails at once, and it is its thread that then waits for the end; nothing happens the second time.
        """
        with self._state:
            self._is_closed = True
            self._signal()
            if not self._in_use:
                self._give_back()

    # ---------------------------------------------------------------------------------------------------------------------- talking

    def _outcome(self, request: Iterable[Content], *, progress: ProgressReport | None) -> Document | Fault:
        pieces: list[PieceOrEnd] = []
        for content in self._exchange(map(packed, request), limits=self._limits):
            if isinstance(content, Fault):
                return content
            if isinstance(content, Progress):
                if progress is not None:
                    progress(content.n_done, content.n_total)
            elif isinstance(content, Piece):
                pieces.append(content)
            elif isinstance(content, Document):
                return assembled([*pieces, content])
            else:
                raise ValueError("an answer was expected")  # noqa: TRY004 - the process broke the protocol
        raise BrokenPipeError

    def _exchange(self, frames: Iterable[bytes], *, limits: CageLimits) -> Iterator[Content]:
        """Send frames while others come back, and look after the process meanwhile, until it closes its end."""
        watch = _Watch(self, limits)
        sending = _Sending(self._requests, frames)
        received, n_received = bytearray(), 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.register(self._requests, selectors.EVENT_WRITE)
            while True:
                ready = {key.fd for key, _ in selector.select(_LOOK_EVERY_S)}
                watch.look()
                if self._requests in ready and not sending.send_some():
                    selector.unregister(self._requests)
                if self._answers not in ready:
                    continue
                data = os.read(self._answers, _READ_BYTES)
                if not data:
                    return
                received += data
                n_received += len(data)
                if n_received > limits.output_bytes:
                    raise faults.too_much_output()
                yield from _frames_in(received)

    # ----------------------------------------------------------------------------------------------------------------------- ending

    @contextlib.contextmanager
    def _ended_where_it_fails(self, limits: CageLimits) -> Generator[None]:
        """End the process where it broke a limit, died, or did not keep to the protocol, and say which it was."""
        with self._state:
            self._in_use = True
        try:
            yield
        except (BrokenPipeError, StopIteration):
            self._end()
            raise self._why_it_died(limits) from None
        except ValueError as error:
            self._end()
            log.error("a parser broke the protocol", error=type(error).__name__)  # noqa: TRY400 - what it says may be the document's text
            raise faults.crashed("it gave an answer that is none") from None
        except BaseException:
            self._end()
            raise
        finally:
            with self._state:
                self._in_use = False
                if self._is_closed:
                    self._give_back()

    def _end(self) -> None:
        with self._state:
            self._is_closed = True
            self._signal()
            self._reap()

    def _signal(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _give_back(self) -> None:
        self._reap()
        pipes, self._pipes = self._pipes, ()
        for end in pipes:
            os.close(end)
        if pipes:
            self._folder.remove()

    def _reap(self) -> None:
        if self._process.returncode is not None:
            return
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:  # somebody else waited for it
            self._process.returncode = -signal.SIGKILL
            return
        self._process.returncode = os.waitstatus_to_exitcode(status)

    def saw(self, memory_bytes: int) -> None:
        """Note how much memory was in use."""
        self.peak_bytes = max(self.peak_bytes, memory_bytes)

    def _why_it_died(self, limits: CageLimits) -> FootnoteError:
        ending = self._process.returncode
        if ending == -signal.SIGXCPU:
            return faults.too_much_cpu(limits.cpu_s)
        if ending in _BREAKDOWNS and self.peak_bytes >= _MEMORY_BREAKDOWN_SHARE * limits.memory_bytes:
            return faults.too_much_memory()
        return faults.crashed(f"it ended with {signal.Signals(-ending).name if ending < 0 else f'status {ending}'}")

    def _resident(self) -> int:
        try:
            return psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return 0


def _most_resident(pid: int) -> int:
    """Return the most memory that a living process ever had in use; 0 where the system does not tell.

    What ``wait4`` tells of a process that ended begins with the memory of the one that started it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == ["VmHWM:"]), 0)


class _Sending:
    """Writes frames to a pipe that does not block."""

    def __init__(self, pipe: int, frames: Iterable[bytes]) -> None:
        self._pipe = pipe
        self._frames = iter(frames)
        self._rest = memoryview(b"")

    def send_some(self) -> bool:
        """Write what the pipe takes, and return whether there is more to come."""
        if not self._rest:
            frame = next(self._frames, None)
            if frame is None:
                return False
            self._rest = memoryview(frame)
        with contextlib.suppress(BlockingIOError):
            self._rest = self._rest[os.write(self._pipe, self._rest) :]
        return True


class _Watch:
    """Looks at what a process and those that it started take, a few times a second, from the moment that it is made."""

    def __init__(self, process: CagedProcess, limits: CageLimits) -> None:
        self._process = process
        self._limits = limits
        self._started_s = self._next_s = time.monotonic()
        self._next_family_s = self._started_s + _LOOK_AT_FAMILY_EVERY_S  # most documents are done before, and start nothing
        self._cpu_before_s = self._usage([])[1]

    def look(self) -> None:
        """Check the limits, if it is time to.

        Raises:
            DocumentTooLarge: one is broken.
        """
        now = time.monotonic()
        if now - self._started_s > self._limits.wall_s:
            raise faults.too_much_time(self._limits.wall_s)
        if now < self._next_s:
            return
        self._next_s = now + _LOOK_EVERY_S
        memory_bytes, cpu_s = self._usage(self._family() if now >= self._next_family_s else [])
        self._process.saw(memory_bytes)
        if memory_bytes > self._limits.memory_bytes:
            raise faults.too_much_memory()
        if cpu_s - self._cpu_before_s > self._limits.cpu_s:
            raise faults.too_much_cpu(self._limits.cpu_s)

    def _family(self) -> list[psutil.Process]:
        self._next_family_s = time.monotonic() + _LOOK_AT_FAMILY_EVERY_S  # it takes a look at every process of the machine
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def _usage(self, family: Sequence[psutil.Process]) -> tuple[int, float]:
        """Return resident memory and processor time, of a process with what it waited for, and of others that are still at work."""
        memory_bytes, cpu_s = 0, 0.0
        for process in [self._process.pid, *(member.pid for member in family)]:
            with contextlib.suppress(psutil.Error):
                member = psutil.Process(process)
                times = member.cpu_times()
                memory_bytes += member.memory_info().rss
                cpu_s += times.user + times.system + times.children_user + times.children_system
        return memory_bytes, cpu_s


def _frames_in(received: bytearray) -> Iterator[Content]:
    """Take whole frames from the front of what was received."""
    while len(received) >= HEADER_BYTES:
        kind, length = unpacked_header(bytes(received[:HEADER_BYTES]))
        if length > _MAX_FRAME_BYTES:
            raise ValueError("a frame is too long")
        if len(received) < HEADER_BYTES + length:
            return
        body = bytes(received[HEADER_BYTES : HEADER_BYTES + length])
        del received[: HEADER_BYTES + length]
        yield unpacked(kind, body)


def _of_type(wanted: type[Expected], contents: Iterator[Content]) -> Iterator[Expected]:
    for content in contents:
        if not isinstance(content, wanted):
            raise ValueError("an answer of another kind was expected")  # noqa: TRY004 - the process broke the protocol
        yield content


def _environment(folder: Path) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)}
    # The folders that this process finds its modules in, and not the one that it happens to stand in.
    return {**passed_on, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1", "TMPDIR": str(folder)}
