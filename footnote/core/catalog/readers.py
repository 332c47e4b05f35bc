"""Who may read an attachment, as a condition of a query: on either database, and closed where nobody is named."""

from typing import Any

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.types import Caller


def readable_by(session: AsyncSession, caller: Caller) -> ColumnElement[bool]:
    """Return the condition that the caller has one of the attachment's principals; without any on either side it never holds.

    The principals stand as a JSON list on the attachment itself: a table beside it could say something else.
    """
    return has_principal_of(session, schema.Attachment.principals, caller)


def has_principal_of(session: AsyncSession, stored: Any, caller: Caller) -> ColumnElement[bool]:
    """Return the condition that one of the caller's principals stands in the JSON list of a column."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    elements = func.json_each(stored) if is_sqlite else func.json_array_elements_text(stored)
    each = elements.table_valued("value").render_derived() if not is_sqlite else elements.table_valued("value")
    return select(literal(1)).select_from(each).where(each.c.value.in_(sorted(caller.principals))).exists()
