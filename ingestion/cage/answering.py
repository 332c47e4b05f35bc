"""What a caged process does with a request: reads or cleans a document, and answers in pieces."""

import errno
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import structlog

from footnote.core.errors import FootnoteError, StorageUnavailable
from ingestion.cage import faults
from ingestion.cage.confinement import limit_cpu
from ingestion.cage.frames import Content, Fault, Progress, Request, fault_of, packed, read_frame
from ingestion.cleaning import clean
from ingestion.parsing import parse_in_pieces
from ingestion.pieces import PieceOrEnd, assembled, in_pieces
from ingestion.redaction import redacted

_PROGRESS_EVERY_S = 0.2

log = structlog.get_logger(__name__)


def answer(request: Content, *, source: BinaryIO, target: BinaryIO) -> bool:
    """Answer a request, and return whether this process is fit for another one.

    Raises:
        ValueError: it is no request.
    """
    if not isinstance(request, Request):
        raise ValueError("a request was expected")  # noqa: TRY004 - the server broke the protocol
    limit_cpu(request.cpu_s)
    last: Fault | None = None
    try:
        for piece in _pieces(request, source=source, target=target):
            _send(piece, target)
    except Exception as error:  # noqa: BLE001 - whatever a library throws at a strange file is that file's failure
        last = _fault(error)
    # Said outside: the error held on to all that was in memory when it was raised.
    if last is not None:
        _send(last, target)
    return last is None or not last.is_last


def _pieces(request: Request, *, source: BinaryIO, target: BinaryIO) -> Iterator[PieceOrEnd]:
    if request.action == "clean":
        cleaned = clean(assembled(_document(source)))
        return in_pieces(redacted(cleaned, request.redact) if request.redact else cleaned)
    if request.limits is None:
        raise ValueError("a request to parse needs limits")
    return parse_in_pieces(
        Path(request.path), filename=request.filename, limits=request.limits, progress=_ProgressReport(target).pages_done
    )


def _document(source: BinaryIO) -> Iterator[PieceOrEnd]:
    while (content := read_frame(source)) is not None:
        yield content  # pyright: ignore[reportReturnType] - a document that is none is refused where it is assembled


class _ProgressReport:
    """Sends how far reading has come, a few times a second."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._next_s = 0.0

    def pages_done(self, n_done: int, n_total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next_s or n_done == n_total:
            self._next_s = now + _PROGRESS_EVERY_S
            _send(Progress(n_done=n_done, n_total=n_total), self._target)


def _send(content: Content, target: BinaryIO) -> None:
    target.write(packed(content))
    target.flush()


def _fault(error: Exception) -> Fault:
    causes = list(_causes(error))
    if any(isinstance(cause, MemoryError) for cause in causes):
        return fault_of(faults.too_much_memory(), is_last=True)
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if errno.EFBIG in numbers:
        return fault_of(faults.too_much_output(), is_last=True)
    if errno.ENOSPC in numbers:
        return fault_of(StorageUnavailable("The disk for temporary files is full.", hint="Make room on it."))
    if isinstance(error, FootnoteError):
        return fault_of(error)
    # Where it happened, not what it says: messages of libraries quote the text that they choke on.
    log.error("a parser failed unexpectedly", error=type(error).__name__, where="".join(traceback.format_tb(error.__traceback__)))
    return fault_of(faults.parser_error(type(error).__name__))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
