"""What a caged process may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CageLimits:
    """Bounds on one document, for the process that reads it and the processes that it starts, together.

    Args:
        memory_bytes: resident memory, and data of each single process.
        cpu_s: processor time.
        wall_s: time from the request to the answer; starting the process does not count.
        output_bytes: each file that it writes, and what it sends back.
    """

    memory_bytes: int
    cpu_s: float
    wall_s: float
    output_bytes: int
