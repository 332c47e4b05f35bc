"""Cursor lists: which page is asked for."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from footnote.core.catalog.paging import Paging

Order = Literal["asc", "desc"]
Cursor = Annotated[str | None, Query(max_length=64, description="An id: the page begins after it.")]
BackwardCursor = Annotated[str | None, Query(max_length=64, description="An id: the page ends before it.")]


async def paging_of(
    *,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Order, Query(description="By time of creation.")] = "desc",
    after: Cursor = None,
    before: BackwardCursor = None,
) -> Paging:
    """Return the page that the query asks for."""
    return Paging(limit=limit, order=order, after=after, before=before)


async def file_paging_of(*, limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000, order: Order = "desc", after: Cursor = None) -> Paging:
    """Return the page that the query asks for; files have longer pages."""
    return Paging(limit=limit, order=order, after=after)


PagingDependency = Annotated[Paging, Depends(paging_of)]
FilePagingDependency = Annotated[Paging, Depends(file_paging_of)]
