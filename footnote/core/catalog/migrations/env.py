"""Runs migrations on the connection that the catalog hands over, or on a URL given to alembic by hand."""

from alembic import context
from sqlalchemy import Connection, create_engine

from footnote.core.catalog.schema import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as own:
        run(own)
