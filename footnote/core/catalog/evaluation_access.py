"""Who may read a set, a run or a report: whoever has one of its principals, and its owner has one of them from the beginning."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog.collections import owner_principal
from footnote.core.catalog.readers import has_principal_of
from footnote.core.errors import NotFound
from footnote.core.types import Caller


def principals_of(owner: str, others: Iterable[str]) -> list[str]:
    """Return what stands on something that its owner, and whoever has one of the other principals, may read."""
    return sorted({owner_principal(owner), *others})


def readable(session: AsyncSession, model: Any, caller: Caller) -> ColumnElement[bool]:
    """Return the condition that the caller may read a row; without any principal on either side it never holds."""
    return has_principal_of(session, model.principals, caller)


async def readable_row(session: AsyncSession, model: Any, row_id: str, *, caller: Caller, what: str, param: str) -> Any:
    """Return a row.

    Raises:
        NotFound: there is none, or the caller may not read it.
    """
    row = await session.get(model, row_id)
    if row is None or not frozenset(row.principals) & caller.principals:
        raise NotFound(f"There is no {what} {row_id}.", param=param)
    return row


async def own_row(
    session: AsyncSession, model: Any, row_id: str, *, caller: Caller, what: str, param: str, or_operator: bool = False
) -> Any:
    """Return a row for writing: the caller's own, with ``or_operator`` also anybody's to the operator.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = await session.get(model, row_id, with_for_update=True)
    if row is None or not (row.owner == caller.owner or (or_operator and caller.is_operator)):
        raise NotFound(f"There is no {what} {row_id}.", param=param)
    return row
