"""The database's errors in footnote's words: what is out of reach, what is full, and what to do about it."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from footnote.core.errors import CatalogUnavailable, FootnoteError, InvalidInput, StorageUnavailable

_RUNS = "Check that its database runs."
_STORAGE_SIGNS = ("disk is full", "readonly", "disk I/O", "unable to open")
_HINTS = {
    "08": _RUNS,
    "28": "Check user and password in catalog.url.",
    "3D000": "Create the database, or name another in catalog.url.",
    "3F": "Check the search path of the database's user.",
    "25006": "It is read-only: name the primary server in catalog.url, not a standby.",
    "40": "Others wrote the same at this moment: try again.",
    "42P01": "Start footnote again: it makes its tables.",
    "42501": "Give the user in catalog.url the right to create and change tables.",
    "53300": "Raise max_connections in PostgreSQL; a process of footnote takes up to 20.",
    "53": "Give PostgreSQL more room.",
    "55": "Try again in a moment.",
    "57": _RUNS,
    "58": "PostgreSQL's log says more.",
    "XX": "PostgreSQL's log says more.",
}
"""What to do, by the beginning of PostgreSQL's code (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_DISK_FULL = "53100"
_NOT_IN_REPERTOIRE = "22021"
_TOO_LONG_FOR_AN_INDEX = "54000"


@asynccontextmanager
async def translated() -> AsyncGenerator[None]:
    """Turn the database's errors into ours; a violated constraint stays what it is, for the caller to explain."""
    try:
        yield
    except IntegrityError:
        raise
    except UnicodeEncodeError as error:
        raise _not_storable() from error
    except DBAPIError as error:
        ours = _of_postgres(error.orig) or _of_sqlite(error)
        if ours is None:
            raise
        raise ours from error
    except PoolTimeoutError as error:
        raise CatalogUnavailable("The catalog has too much to do.", hint="Try again in a moment.") from error
    except OSError as error:
        raise CatalogUnavailable(f"The catalog does not answer: {error or type(error).__name__}.", hint=_RUNS) from error
    except Exception as error:
        # While it connects, the driver's own errors come through as they are.
        ours = _of_postgres(error) if _is_of_asyncpg(error) else None
        if ours is None:
            raise
        raise ours from error


def _not_storable() -> InvalidInput:
    return InvalidInput("The request has a character that no text may have: U+0000, or half of one.", hint="Leave it out.")


def _of_postgres(error: BaseException | None) -> FootnoteError | None:
    if _has_cause(error, UnicodeEncodeError):
        return _not_storable()
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str):
        return CatalogUnavailable(f"The catalog does not answer: {error}.", hint=_RUNS) if _is_of_asyncpg(error) else None
    message = str(error).rpartition(": ")[2].rstrip(".") if "<class" in str(error) else str(error).rstrip(".")
    if state == _DISK_FULL:
        return StorageUnavailable(f"The catalog's database is full: {message}.", hint="Free space on PostgreSQL's disk.")
    if state == _NOT_IN_REPERTOIRE:
        return _not_storable()
    if state == _TOO_LONG_FOR_AN_INDEX:
        return InvalidInput(f"A value is too long: {message}.", hint="Shorten names and conversation ids to 2,000 characters.")
    hint = next((_HINTS[state[:length]] for length in (5, 2) if state[:length] in _HINTS), None)
    return None if hint is None else CatalogUnavailable(f"The catalog does not answer: {message}.", hint=hint)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None


def _is_of_asyncpg(error: BaseException | None) -> bool:
    driver = sys.modules.get("asyncpg")
    return driver is not None and isinstance(error, (driver.PostgresError, driver.InterfaceError))


def _of_sqlite(error: DBAPIError) -> FootnoteError | None:
    message = str(error.orig)
    if isinstance(error, OperationalError):
        if any(sign in message for sign in _STORAGE_SIGNS):
            return StorageUnavailable(
                f"The catalog cannot be written: {message}.", hint="Free disk space or check the data directory's permissions."
            )
        return CatalogUnavailable(f"The catalog does not answer: {message}.", hint=_RUNS)
    if error.connection_invalidated:
        return CatalogUnavailable("The connection to the catalog was lost.", hint=_RUNS)
    if type(error) is DatabaseError:  # none of its subclasses: SQLite says so of a file that is damaged, or no database
        return CatalogUnavailable(f"The catalog cannot be read: {message}.", hint="Restore it from a backup.")
    return None
