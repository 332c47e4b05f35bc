"""What reading costs: how many statements a database is asked, and how many rows become objects."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from footnote.core.catalog import schema

STATEMENTS = "statements"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the statements of this process meanwhile as ``statements``, and the rows that it reads by the names of their tables."""
    counts: Counter[str] = Counter()

    def count_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counts[STATEMENTS] += statement.startswith(("SELECT", "WITH"))

    def count_row(row: schema.Base, _context: Any) -> None:
        counts[row.__tablename__] += 1

    event.listen(Engine, "before_cursor_execute", count_statement)
    event.listen(schema.Base, "load", count_row, propagate=True)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", count_statement)
        event.remove(schema.Base, "load", count_row)
