"""``/sources/{vector_store_id}/{file_id}``: where the links of citations lead."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from footnote.core.errors import InvalidInput
from serving.api.authentication import ReaderDependency
from serving.api.opening import services_of
from serving.api.source_page import Span, content_security_policy, render_source
from serving.api.vector_store_files import live_version_of
from serving.services import Services

router = APIRouter(tags=["sources"])

Offset = Annotated[int | None, Query(ge=0, le=2**31, description="An offset into the document's text.")]


@router.get("/sources/{vector_store_id}/{file_id}", summary="Read a source", response_class=HTMLResponse)
async def read_source(
    *,
    vector_store_id: str,
    file_id: str,
    caller: ReaderDependency,
    services: Annotated[Services, Depends(services_of)],
    start: Offset = None,
    end: Offset = None,
) -> Response:
    """Show a document's text as a page, with the characters from `start` to `end` marked; `#cited` scrolls to them.

    Who may read the document's content through the API may read this page. A browser asks for the key as a password.
    """
    collection = await services.catalog.collections.get(vector_store_id, caller=caller)
    record = await services.catalog.attachments.get(collection.id, file_id, caller=caller)
    document = await services.catalog.versions.document_of(live_version_of(record))
    cited = cited_span(start, end, length=len(document.text))
    headers = {
        "content-security-policy": content_security_policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "private, no-store",
    }
    return HTMLResponse(render_source(document, filename=record.file.filename, cited=cited), headers=headers)


def cited_span(start: int | None, end: int | None, *, length: int) -> Span | None:
    """Return the span to mark, or None where none is asked for.

    Raises:
        InvalidInput: one end is missing, or the span does not lie in the text.
    """
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise InvalidInput("`start` and `end` belong together.", param="start" if start is None else "end")
    if not start < end <= length:
        raise InvalidInput(
            f"Characters {start:,} to {end:,} are no span of this document, which has {length:,}.",
            param="start" if start >= length else "end",
        )
    return Span(start, end)
