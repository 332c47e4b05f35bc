"""Identifiers: a prefix that says what a thing is, and 32 hexadecimal digits that sort by time of creation (UUIDv7, RFC 9562)."""

import os
import time
import uuid
from typing import Literal

Prefix = Literal[
    "file",
    "vs",
    "att",
    "doc",
    "ver",
    "chunk",
    "job",
    "chg",
    "turn",
    "rel",
    "msg",
    "chatcmpl",
    "req",
    "rcpt",
    "set",
    "case",
    "run",
    "eval",
    "rep",
    "fb",
    "adp",
    "aud",
    "reindex",
    "vsfb",
    "upload",
    "part",
    "ins",
    "alert",
    "dlv",
]

_POINT_NAMESPACE = uuid.UUID("6f1d0c1e-5d0b-5c8e-9d53-0c7a6b1f9b2e")
_CHUNK_NAMESPACE = uuid.UUID("0b9d7c52-7a1e-5f43-8c66-3f2e9d04a7b1")


def new_id(prefix: Prefix) -> str:
    """Return an identifier such as ``file-0199…``; later ones sort after earlier ones, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    separator = "-" if prefix in ("file", "chatcmpl") else "_"
    return f"{prefix}{separator}{value:032x}"


def point_id(*, version_id: str, chunk_id: str, window: int) -> str:
    """Return the id of a point in the index: UUIDv5 of (version, chunk, window), so that writing it again changes nothing."""
    return str(uuid.uuid5(_POINT_NAMESPACE, f"{version_id}/{chunk_id}/{window}"))


def chunk_id(*, version_id: str, ordinal: int) -> str:
    """Return the id of a chunk: UUIDv5 of (version, ordinal), so that chunking a version again gives the same ids."""
    return f"chunk_{uuid.uuid5(_CHUNK_NAMESPACE, f'{version_id}/{ordinal}').hex}"
