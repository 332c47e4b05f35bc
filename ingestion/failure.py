"""What a failed step means for its job: try again, or end with a reason that its owner understands."""

import random
from dataclasses import dataclass

from footnote.core.errors import FootnoteError, InvalidInput, InvalidSettings, ParserCrashed, UnsupportedMediaType

FIRST_DELAY_S = 2.0
LONGEST_DELAY_S = 300.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed, and whether the same step may succeed later.

    The code is one of ``FILE_FAULTS`` where the error tells one, else ``unsupported_file``, ``invalid_file``, ``parser_crashed`` or
    ``server_error``.
    """

    code: str
    message: str
    retryable: bool


def failure_of(error: Exception) -> Failure:
    """Say what an error means. One that is not ours is a defect: it is told as such, and trying again would not mend it."""
    if isinstance(error, UnsupportedMediaType):
        return Failure("unsupported_file", str(error), retryable=False)
    if isinstance(error, InvalidSettings):
        return Failure("server_error", str(error), retryable=False)
    if isinstance(error, InvalidInput):
        return Failure(error.code or "invalid_file", str(error), retryable=False)
    if isinstance(error, ParserCrashed):
        return Failure("parser_crashed", str(error), retryable=True)
    if isinstance(error, FootnoteError):
        return Failure("server_error", str(error), retryable=error.retryable)
    return Failure(
        "server_error",
        f"An internal error ended the work ({type(error).__name__}). Report it with what the log says, and try the document again later.",
        retryable=False,
    )


def delay_s(attempt: int) -> float:
    """Return how long to wait after the ``attempt``-th failure: doubling from two seconds to five minutes, a quarter of it random."""
    delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (attempt - 1))
    return delay * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries, protects nothing
