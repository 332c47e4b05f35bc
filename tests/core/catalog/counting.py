"""What reading costs: how many statements a database is asked, and how many rows become objects."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog

STATEMENTS = "statements"


@contextmanager
def counted(catalog: Catalog | None = None) -> Iterator[Counter[str]]:
    """Count statements meanwhile as ``statements``, and rows that are read by the names of their tables.

    Args:
        catalog: whose; None for all of this process, a server's that runs beside the tests among them.
    """
    counts: Counter[str] = Counter()
    engine = Engine if catalog is None else catalog.database._engine.sync_engine

    def count_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counts[STATEMENTS] += statement.startswith(("SELECT", "WITH"))

    def count_row(row: schema.Base, context: Any) -> None:
        # An engine with options of its own shares the pool of the one that it was made of.
        if isinstance(engine, type) or context.session.get_bind().pool is engine.pool:
            counts[row.__tablename__] += 1

    event.listen(engine, "before_cursor_execute", count_statement)
    event.listen(schema.Base, "load", count_row, propagate=True)
    try:
        yield counts
    finally:
        event.remove(engine, "before_cursor_execute", count_statement)
        event.remove(schema.Base, "load", count_row)
