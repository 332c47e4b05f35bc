"""The one seam through which blocking work (encoding, parsing, engine calls) leaves the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

Params = ParamSpec("Params")
Result = TypeVar("Result")


async def offload(function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
    """Run a blocking function in the loop's default thread pool, with the caller's context variables."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def offload_to(executor: Executor, function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
    """Run a blocking function in an executor of the caller's: one thread where calls must not overlap."""
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(executor, partial(context.run, function, *args, **kwargs))
