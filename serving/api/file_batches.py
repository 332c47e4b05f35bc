"""``/v1/vector_stores/{id}/file_batches``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from footnote.core.catalog.records import BatchRecord, FileCounts
from footnote.core.catalog.states import ApiState
from retrieval.spaces import forget_versions
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.paging import PagingDependency
from serving.api.schemas.file_batches import CreateFileBatch, FileBatch, file_batch
from serving.api.schemas.vector_store_files import VectorStoreFileList, vector_store_file
from serving.services import Services

POLL_AFTER_MS = 500
"""When a client that waits should ask again."""

router = APIRouter(tags=["file batches"], prefix="/v1/vector_stores/{vector_store_id}/file_batches")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post("", summary="Attach files by one request")
async def create_file_batch(
    vector_store_id: str, body: CreateFileBatch, caller: CallerDependency, services: ServicesDependency, response: Response
) -> FileBatch:
    """Attach up to 2,000 files, all or none; they are read in the background."""
    collection = await services.catalog.collections.get(vector_store_id, caller=caller)
    record, attached = await services.catalog.batches.create(collection.id, body.wanted(), caller=caller)
    services.wake_ingestion()
    await forget_versions(attached.retired, catalog=services.catalog, index=services.index)
    _, usage = await services.catalog.batches.get(collection.id, record.id, caller=caller)
    return _shown(record, usage.counts, response)


@router.get("/{batch_id}", summary="Show a file batch")
async def retrieve_file_batch(
    vector_store_id: str, batch_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> FileBatch:
    """Return how far the files of a batch are. While it goes on, the header `openai-poll-after-ms` says when to ask again."""
    record, usage = await services.catalog.batches.get(vector_store_id, batch_id, caller=caller)
    return _shown(record, usage.counts, response)


@router.post("/{batch_id}/cancel", summary="Cancel a file batch")
async def cancel_file_batch(
    vector_store_id: str, batch_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> FileBatch:
    """End the reading of those files that are not done; those that are stay in the vector store."""
    record, usage = await services.catalog.batches.cancel(vector_store_id, batch_id, caller=caller)
    services.wake_ingestion()  # a file outside of the batch that shared its chunks with one of it is read for itself
    return _shown(record, usage.counts, response)


@router.get("/{batch_id}/files", summary="List the files of a file batch")
async def list_files_in_file_batch(
    *,
    vector_store_id: str,
    batch_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    paging: PagingDependency,
    state: Annotated[ApiState | None, Query(alias="filter")] = None,
) -> VectorStoreFileList:
    """Return the files of a batch that the caller may read, all or those in one state."""
    page = await services.catalog.batches.list(vector_store_id, batch_id, caller=caller, paging=paging, state=state)
    data = [vector_store_file(record, caller=caller) for record in page.items]
    return VectorStoreFileList(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more
    )


def _shown(record: BatchRecord, counts: FileCounts, response: Response) -> FileBatch:
    if counts.in_progress:
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
    return file_batch(record, counts)
