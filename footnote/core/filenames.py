"""File names as people send them, made safe to store, log and show. They are never used as a path on disk."""

import unicodedata
from pathlib import PurePosixPath

MAX_FILENAME_BYTES = 255
UNNAMED = "unnamed"

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that are dropped: controls, format characters (among them those that reverse direction), surrogates, separators."""


def sanitised_filename(name: str) -> str:
    """Return the last component of ``name``, in NFC, without invisible characters, at most 255 bytes of UTF-8, never empty.

    Slashes of both kinds end a component. A name that is too long keeps its extension.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(character for character in last if unicodedata.category(character) not in _INVISIBLE)
    trimmed = " ".join(visible.split())
    if not trimmed.strip(". "):
        return UNNAMED
    return _shortened(trimmed)


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_FILENAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > 20:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: MAX_FILENAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore").rstrip() + suffix
