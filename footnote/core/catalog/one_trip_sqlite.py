"""SQLite with one trip to its thread for each statement.

aiosqlite makes four of one statement (a cursor, executing, fetching, closing), and a trip takes longer than most statements of the catalog.
Here rows come with the statement, a transaction begins with its first one, and one that has ended is not ended again.
"""

import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import aiosqlite

FIRST_ROWS = 500
"""Rows that come with a statement: nearly always all, and never so many that a long result which is read bit by bit fills the memory."""

BEGIN = "BEGIN"
"""Begins a transaction that takes its locks, and its view of the database, with the first statement that needs them."""

Result = TypeVar("Result")


def _begun(function: Callable[[sqlite3.Connection], Result], connection: sqlite3.Connection) -> Result:
    connection.execute(BEGIN)
    return function(connection)


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors are one trip each. Await it to open it."""

    _is_to_begin = False
    _has_ended = False

    def cursor(self) -> "OneTripCursor":  # type: ignore[override]
        return OneTripCursor(self)

    def end_with_process(self) -> None:
        """Let a connection that is not closed keep no process alive."""
        self._thread.daemon = True

    async def run(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a function in the connection's thread."""
        if self._is_to_begin:
            function = partial(_begun, function)
        self._is_to_begin = self._has_ended = False  # before it is queued: whoever is cancelled meanwhile has to roll back
        return await self._execute(function, self._conn)

    def begin_with_next(self) -> None:
        """Begin a transaction with the next statement: a ``BEGIN`` alone locks nothing, and sees nothing yet."""
        self._is_to_begin = True

    async def commit(self) -> None:
        """Commit what was begun."""
        await self._end_transaction(super().commit)

    async def rollback(self) -> None:
        """Roll back what was begun; SQLAlchemy asks for it before it lends a connection again, also after a commit."""
        await self._end_transaction(super().rollback)

    async def _end_transaction(self, end: Callable[[], Awaitable[None]]) -> None:
        if not self._is_to_begin and not self._has_ended:
            await end()
        self._is_to_begin, self._has_ended = False, True


class OneTripCursor:
    """What SQLAlchemy's adapters need of a cursor. The first rows come with the statement; more are fetched when they are asked for."""

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self._rest: sqlite3.Cursor | None = None
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> Self:
        """Execute a statement and fetch its first rows."""
        if operation == BEGIN:
            self._connection.begin_with_next()
            return self
        return await self._connection.run(lambda connection: self._noting(connection.execute(operation, parameters)))

    async def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[Any]]) -> Self:
        """Execute a statement once for each set of parameters."""
        return await self._connection.run(lambda connection: self._noting(connection.executemany(operation, seq_of_parameters)))

    async def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        if self._rest is not None:
            await self._connection.run(lambda _: self._fetch(None))
        return self._take(len(self._rows))

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return up to ``size`` rows."""
        wanted = size or self.arraysize
        if len(self._rows) < wanted and self._rest is not None:
            await self._connection.run(lambda _: self._fetch(wanted))
        return self._take(wanted)

    async def fetchone(self) -> Any:
        """Return a row, or None after the last one."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Fetch nothing more. SQLite's cursor was closed with its last row."""
        if self._rest is not None:
            await self._connection.run(lambda _: self._end())

    def _take(self, n: int) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(n, len(self._rows)))]

    # ------------------------------------------------------------------------------------------------- in the connection's thread

    def _noting(self, cursor: sqlite3.Cursor) -> Self:
        self._rest = cursor
        self.description = cursor.description
        try:
            if cursor.description:
                self._fetch(FIRST_ROWS)
            else:
                self._end()
        except BaseException:
            self._end()
            raise
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        return self

    def _fetch(self, n: int | None) -> None:
        """Fetch ``n`` rows, or all; where fewer come there are no more."""
        assert self._rest is not None
        rows = self._rest.fetchall() if n is None else self._rest.fetchmany(n)
        self._rows.extend(rows)
        if n is None or len(rows) < n:
            self._end()

    def _end(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.close()


async def connect(database: str, **options: Any) -> OneTripConnection:
    """Open a SQLite file with the options of ``sqlite3.connect``; its thread ends with the process."""
    connection = OneTripConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=FIRST_ROWS)
    connection.end_with_process()
    await connection
    return connection
