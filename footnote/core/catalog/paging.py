"""Cursor lists as the OpenAI API has them: sorted by creation, continued after an id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

Item = TypeVar("Item")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is wanted. Ids sort by creation, so the id is the cursor; one that is gone still has its place."""

    limit: int = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page, and whether there is a next one."""

    items: tuple[Item, ...]
    has_more: bool


async def page_of(
    session: AsyncSession, query: Select[Row], model: Any, paging: Paging, convert: Callable[[Row], Item], *, key: Any = None
) -> Page[Item]:
    """Run a query for one page of ``model``, sorted by ``key`` (its id unless said otherwise)."""
    column = model.id if key is None else key
    descending = paging.order == "desc"
    if paging.after is not None:
        query = query.where(column < paging.after if descending else column > paging.after)
    if paging.before is not None:
        query = query.where(column > paging.before if descending else column < paging.before)
    query = query.order_by(column.desc() if descending else column.asc()).limit(paging.limit + 1)
    rows = list(await session.scalars(query))
    return Page(items=tuple(convert(row) for row in rows[: paging.limit]), has_more=len(rows) > paging.limit)
