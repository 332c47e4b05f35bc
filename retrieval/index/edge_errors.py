"""What Qdrant Edge raises, in footnote's words."""

import errno
from collections.abc import Generator
from contextlib import contextmanager

from footnote.core.errors import IndexUnavailable, StorageUnavailable

_DISK_WORDS = ("no space left", "disk quota", "file too large", "read-only file system", "permission denied", "not enough space")
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@contextmanager
def engine_errors(doing: str) -> Generator[None]:
    """Translate what the engine or the file system raises.

    Args:
        doing: what was tried, to begin the sentence with: "Searching".

    Raises:
        StorageUnavailable: the disk is full or cannot be written.
        IndexUnavailable: anything else that the engine says.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise StorageUnavailable(f"{doing} failed: {error.strerror}.", hint="Make room on the disk of the data directory.") from error
        raise IndexUnavailable(f"{doing} failed: {error}.") from error
    except Exception as error:
        if type(error) is not Exception:  # the engine raises nothing more specific; a subclass is a mistake of ours
            raise
        message = str(error)
        if any(words in message.lower() for words in _DISK_WORDS):
            raise StorageUnavailable(f"{doing} failed: {message}.", hint="Make room on the disk of the data directory.") from error
        if "WouldBlock" in message:
            raise IndexUnavailable(
                f"{doing} failed: another process has the index open.", hint="Stop it, or use a Qdrant server for several processes."
            ) from error
        raise IndexUnavailable(f"{doing} failed: {message}.") from error
