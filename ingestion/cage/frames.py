"""What the server and a caged process say to each other: frames of a kind and JSON, over pipes.

To the process go a request, and for cleaning the document; back come ``READY`` once, and for each request any number of ``PROGRESS`` and
``PIECE``, then ``END`` or ``ERROR``. The server takes nothing on trust: it bounds a frame's length and validates what is in it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Literal

from pydantic import TypeAdapter

from footnote.core import errors
from footnote.core.types import Document
from ingestion.parsing.limits import ParsingLimits
from ingestion.pieces import Piece

_HEADER = struct.Struct(">BQ")
HEADER_BYTES = _HEADER.size


class FrameKind(IntEnum):
    """What a frame carries."""

    REQUEST = 1
    READY = 2
    PROGRESS = 3
    PIECE = 4
    END = 5
    ERROR = 6


@dataclass(frozen=True, slots=True)
class Request:
    """What to do; for ``clean`` the document follows in pieces, and ``redact`` names the personal data that is to be marked in it."""

    action: Literal["parse", "clean"]
    cpu_s: float
    path: str = ""
    filename: str = ""
    limits: ParsingLimits | None = None
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up.

    ``unconfined`` names the limits that this system does not have.
    """

    unconfined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How many pages are done, and of how many where that is known."""

    n_done: int
    n_total: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of ours, by the name of its class; ``is_last`` where the process does not go on after it."""

    error: str
    message: str
    hint: str | None = None
    code: str | None = None
    is_last: bool = False


_ADAPTERS: dict[FrameKind, TypeAdapter[object]] = {
    FrameKind.REQUEST: TypeAdapter(Request),
    FrameKind.READY: TypeAdapter(Ready),
    FrameKind.PROGRESS: TypeAdapter(Progress),
    FrameKind.PIECE: TypeAdapter(Piece),
    FrameKind.END: TypeAdapter(Document),
    FrameKind.ERROR: TypeAdapter(Fault),
}
_KINDS: dict[type, FrameKind] = {
    Request: FrameKind.REQUEST,
    Ready: FrameKind.READY,
    Progress: FrameKind.PROGRESS,
    Piece: FrameKind.PIECE,
    Document: FrameKind.END,
    Fault: FrameKind.ERROR,
}
_ERRORS = {
    error.__name__: error
    for error in (
        errors.InvalidInput,
        errors.UnsupportedMediaType,
        errors.DocumentTooLarge,
        errors.UnreadableDocument,
        errors.StorageUnavailable,
        errors.ParserCrashed,
    )
}

Content = Request | Ready | Progress | Piece | Document | Fault


def packed(content: Content) -> bytes:
    """Return a frame."""
    kind = _KINDS[type(content)]
    body = _ADAPTERS[kind].dump_json(content)
    return _HEADER.pack(kind, len(body)) + body


def unpacked_header(header: bytes) -> tuple[FrameKind, int]:
    """Return a frame's kind and the length of its body.

    Raises:
        ValueError: there is no such kind.
    """
    number, length = _HEADER.unpack(header)
    return FrameKind(number), length


def unpacked(kind: FrameKind, body: bytes) -> Content:
    """Return what a frame carries.

    Raises:
        ValueError: it is not what frames of its kind carry.
    """
    return _ADAPTERS[kind].validate_json(body)  # type: ignore[return-value]


def fault_of(error: errors.FootnoteError, *, is_last: bool = False) -> Fault:
    """Say an error to the server: by the nearest class that it knows."""
    name = next((base.__name__ for base in type(error).__mro__ if base.__name__ in _ERRORS), errors.UnreadableDocument.__name__)
    return Fault(error=name, message=error.message, hint=error.hint, code=error.code, is_last=is_last)


def error_of(fault: Fault) -> errors.FootnoteError:
    """Return the error that a process told of.

    Raises:
        ValueError: there is no such error.
    """
    if fault.error not in _ERRORS:
        raise ValueError("an unknown error")
    return _ERRORS[fault.error](fault.message, hint=fault.hint, code=fault.code)


def read_frame(source: BinaryIO) -> Content | None:
    """Return what the next frame of a pipe carries, or None at its end.

    Raises:
        ValueError: it is no frame.
    """
    header = source.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    kind, length = unpacked_header(header)
    return unpacked(kind, source.read(length))
