"""Binding a process: called in it, before it loads anything that reads documents.

Where a system lacks a limit the server's watch on memory and time is left; ``confine`` names what is missing, for the log.
"""

import ctypes
import fcntl
import math
import os
import resource
import signal
import sys

from ingestion.cage.limits import CageLimits

_NICENESS = 5
_MAX_OPEN_FILES = 256
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def confine(limits: CageLimits) -> tuple[str, ...]:
    """Limit what this process and those that it starts can take, and return the names of limits that could not be set."""
    os.nice(_NICENESS)
    # Data is what is written to; the address space also counts files and libraries, and would say little.
    memory = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    wanted = {
        "memory": (memory, limits.memory_bytes),
        "file size": (resource.RLIMIT_FSIZE, limits.output_bytes),
        "open files": (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        "core files": (resource.RLIMIT_CORE, 0),
    }
    missing = [name for name, (what, value) in wanted.items() if not _limit(what, value)]
    if not _leave_network():
        missing.append("network")
    _refuse_sockets()
    return tuple(missing)


def _limit(what: int, value: int) -> bool:
    try:
        hard = resource.getrlimit(what)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (bound, bound))
    except (ValueError, OSError):
        return False
    return True


def limit_cpu(seconds: float) -> None:
    """Have this process ended (SIGXCPU) when it has used so much processor time from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _leave_network() -> bool:
    """Move into a network namespace of one's own, where there is no way out. Needs Linux, and a kernel that lets its users do it."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return library.unshare(_CLONE_NEWNET) == 0 or library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def _refuse_sockets() -> None:
    """Make Python code fail that reaches for the network, also where the kernel would let it."""

    def refuse(event: str, _: object) -> None:
        if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
            raise PermissionError("a parser has no network")

    sys.addaudithook(refuse)


def die_with(lifeline: int) -> None:
    """Be ended, with all processes of this one's group, when the other end of a pipe is closed: whoever held it is gone.

    The kernel does it by a signal, so that code which never gives up the interpreter's lock ends too.

    Args:
        lifeline: the reading end of a pipe that nobody ever writes to. This process must lead its group.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    try:
        if os.read(lifeline, 1) == b"":  # it was closed before the signal was asked for
            os._exit(1)
    except BlockingIOError:
        pass
