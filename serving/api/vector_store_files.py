"""``/v1/vector_stores/{id}/files``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from footnote.core.catalog.records import AttachmentRecord
from footnote.core.catalog.states import ApiState, api_state
from footnote.core.errors import AlreadyIngesting, NotFound
from footnote.core.types import Caller
from retrieval.spaces import forget_versions
from serving.api.authentication import CallerDependency
from serving.api.document_parts import parts_of
from serving.api.opening import services_of
from serving.api.paging import PagingDependency
from serving.api.schemas.vector_store_files import (
    AttachFile,
    ContentPart,
    FileContent,
    UpdateAttributes,
    VectorStoreFile,
    VectorStoreFileDeleted,
    VectorStoreFileList,
    new_attachment,
    vector_store_file,
)
from serving.points import follow_attributes
from serving.services import Services

POLL_AFTER_MS = 300
"""When a client that waits should ask again: a small document is ready within a second."""

router = APIRouter(tags=["vector store files"], prefix="/v1/vector_stores/{vector_store_id}/files")

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post("", summary="Attach a file")
async def create_vector_store_file(
    vector_store_id: str, body: AttachFile, caller: CallerDependency, services: ServicesDependency, response: Response
) -> VectorStoreFile:
    """Attach a file; it is read in the background. One that is attached already stays as it is, one that failed is tried again.

    With `replaces` or `source`, or in a vector store that `replaces_by_name`, it is read beside what it replaces, which leaves the vector
    store in the moment in which the new file can be searched. The replaced file itself stays.
    """
    attached = await services.catalog.attachments.attach_all(vector_store_id, [new_attachment(body)], caller=caller)
    services.wake_ingestion()
    await forget_versions(attached.retired, catalog=services.catalog, index=services.index)
    return _shown(await services.catalog.attachments.by_id(attached.attachment_ids[0]), response, caller)


@router.get("", summary="List the files of a vector store")
async def list_vector_store_files(
    vector_store_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    paging: PagingDependency,
    state: Annotated[ApiState | None, Query(alias="filter")] = None,
) -> VectorStoreFileList:
    """Return the files that the caller may read, all or those in one state."""
    collection = await services.catalog.collections.get(vector_store_id, caller=caller)
    page = await services.catalog.attachments.list(collection.id, caller=caller, paging=paging, state=state)
    data = [vector_store_file(record, caller=caller) for record in page.items]
    return VectorStoreFileList(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more
    )


@router.get("/{file_id}", summary="Show a file of a vector store")
async def retrieve_vector_store_file(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> VectorStoreFile:
    """Return how far reading a file has come. While it goes on, the header `openai-poll-after-ms` says when to ask again."""
    return _shown(await _attachment(services, vector_store_id, file_id, caller), response, caller)


@router.post("/{file_id}", summary="Change a file's attributes")
async def update_vector_store_file(
    *,
    vector_store_id: str,
    file_id: str,
    body: UpdateAttributes,
    caller: CallerDependency,
    services: ServicesDependency,
    response: Response,
) -> VectorStoreFile:
    """Replace a file's attributes in this vector store."""
    known = await _attachment(services, vector_store_id, file_id, caller)
    record = await services.catalog.attachments.set_attributes(known.collection_id, file_id, body.attributes or {}, caller=caller)
    services.wake_ingestion()  # a file that shared its chunks with this one now gets its own
    await follow_attributes(record, catalog=services.catalog, index=services.index)
    return _shown(record, response, caller)


@router.post("/{file_id}/cancel", summary="Cancel the reading of a file")
async def cancel_vector_store_file(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> VectorStoreFile:
    """End the reading of a file. One that could be searched before stays so, as it was."""
    record = await services.catalog.attachments.cancel(vector_store_id, file_id, caller=caller)
    services.wake_ingestion()  # a file that shared its chunks with this one is read for itself
    return _shown(record, response, caller)


@router.post("/{file_id}/retry", summary="Try a file again")
async def retry_vector_store_file(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> VectorStoreFile:
    """Read a file again that failed or was cancelled."""
    record = await services.catalog.attachments.retry(vector_store_id, file_id, caller=caller)
    services.wake_ingestion()
    return _shown(record, response, caller)


@router.post("/{file_id}/process", summary="Read a file again")
async def process_vector_store_file(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency, response: Response
) -> VectorStoreFile:
    """Read a file again as the settings say now. Searches find what they found until that is done."""
    record = await services.catalog.attachments.process(vector_store_id, file_id, caller=caller)
    services.wake_ingestion()
    return _shown(record, response, caller)


@router.delete("/{file_id}", summary="Detach a file")
async def delete_vector_store_file(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency
) -> VectorStoreFileDeleted:
    """Take a file out of the vector store; the file itself stays."""
    known = await _attachment(services, vector_store_id, file_id, caller)
    retired = await services.catalog.attachments.detach(known.collection_id, file_id, caller=caller)
    await forget_versions(retired, catalog=services.catalog, index=services.index)
    services.wake_ingestion()  # a file that shared its chunks with one that was being read is read for itself
    return VectorStoreFileDeleted(id=file_id)


@router.get("/{file_id}/content", summary="Read a document's text")
async def retrieve_vector_store_file_content(
    vector_store_id: str, file_id: str, caller: CallerDependency, services: ServicesDependency
) -> FileContent:
    """Return the text that offsets point into, in parts: by page, where the format has pages."""
    record = await _attachment(services, vector_store_id, file_id, caller)
    document = await services.catalog.versions.document_of(live_version_of(record))
    return FileContent(data=[ContentPart(text=document.text[part.start : part.end], page=part.page) for part in parts_of(document)])


def live_version_of(record: AttachmentRecord) -> str:
    """Return the version whose text is shown.

    Raises:
        AlreadyIngesting: the file is still being read.
        NotFound: it could not be read.
    """
    if record.live_version_id is not None:
        return record.live_version_id
    if api_state(record.job.state) == "in_progress":
        raise AlreadyIngesting(f"{record.file.filename} is still being read.", hint="Ask again in a moment.", param="file_id")
    reason = record.job.error_message or f"reading it ended as {record.job.state.value}"
    raise NotFound(f"There is no text of {record.file.filename}: {reason}", param="file_id")


async def _attachment(services: Services, collection_id: str, file_id: str, caller: Caller) -> AttachmentRecord:
    collection = await services.catalog.collections.get(collection_id, caller=caller)
    return await services.catalog.attachments.get(collection.id, file_id, caller=caller)


def _shown(record: AttachmentRecord, response: Response, caller: Caller) -> VectorStoreFile:
    shown = vector_store_file(record, caller=caller)
    if shown.status == "in_progress":
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
    return shown
