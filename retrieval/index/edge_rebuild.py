"""Starts ``edge_optimizer`` and waits for it without blocking.

``EdgeShard.optimize`` (qdrant-edge-py 0.9) holds the interpreter's lock until it returns, 6 s for 20,000 points on two cores: no other
thread runs meanwhile, the event loop's neither. So it runs in another process. A shard has one owner, so it runs on a copy.
"""

import asyncio
import sys
from pathlib import Path

from footnote.core.errors import IndexUnavailable
from retrieval.index.edge_optimizer import NOTHING_TO_DO

_MODULE = "retrieval.index.edge_optimizer"
_ERROR_CHARS = 500


async def optimize_in_process(shard: Path, *, dimension: int, graph_from_points: int, drop_deleted: bool) -> bool:
    """Optimize a shard that nobody has open; return whether it was changed. A caller that is cancelled takes the process with it.

    The arguments are those of ``edge_config.shard_config``.

    Raises:
        IndexUnavailable: the process failed.
    """
    arguments = ["--shard", str(shard), "--dimension", str(dimension), "--graph-from-points", str(graph_from_points)]
    if drop_deleted:
        arguments.append("--drop-deleted")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in a terminal is for us; we end it ourselves
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    if process.returncode not in (0, NOTHING_TO_DO):
        raise IndexUnavailable(
            f"Optimizing the index ended with status {process.returncode}: {errors.decode(errors='replace')[-_ERROR_CHARS:].strip()}",
            hint="The index goes on as it was; `footnote doctor` checks the disk.",
        )
    return process.returncode == 0
