"""``/v1/files``."""

from contextlib import aclosing
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from footnote.core.errors import NotFound
from serving.api.authentication import CallerDependency
from serving.api.opening import files_of, services_of
from serving.api.paging import FilePagingDependency
from serving.api.schemas.files import (
    PURPOSES,
    ErasureReceipt,
    ErasureReceiptShown,
    FileDeleted,
    FileList,
    FileObject,
    Purpose,
    erasure_receipt,
    file_object,
)
from serving.api.upload_form import UploadForm
from serving.files import FileStore
from serving.services import Services

router = APIRouter(tags=["files"])

ServicesDependency = Annotated[Services, Depends(services_of)]
FilesDependency = Annotated[FileStore, Depends(files_of)]

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES), "description": "For documents: `assistants`."},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
                    },
                }
            }
        },
    }
}


@router.post("/v1/files", summary="Upload a file", openapi_extra=_FORM)
async def create_file(request: Request, caller: CallerDependency, services: ServicesDependency, files: FilesDependency) -> FileObject:
    """Store a file. It is read once it is attached to a vector store; the same bytes may be uploaded any number of times."""
    form = UploadForm(content_type=request.headers.get("content-type", ""), stream=request.stream())
    async with aclosing(form.file_bytes()) as content:
        record = await files.store(content, caller=caller, max_bytes=services.settings.server.max_upload_bytes, describe=form.record)
    return file_object(record)


@router.get("/v1/files", summary="List files")
async def list_files(
    caller: CallerDependency,
    services: ServicesDependency,
    paging: FilePagingDependency,
    purpose: Annotated[Purpose | None, Query()] = None,
) -> FileList:
    """Return the caller's own files."""
    page = await services.catalog.files.list(owner=caller.owner, paging=paging, purpose=purpose)
    data = [file_object(record) for record in page.items]
    return FileList(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more)


@router.get("/v1/files/{file_id}", summary="Show a file")
async def retrieve_file(file_id: str, caller: CallerDependency, services: ServicesDependency) -> FileObject:
    """Return what is known about a file."""
    return file_object(await services.catalog.files.get(file_id, owner=caller.owner))


@router.delete("/v1/files/{file_id}", summary="Erase a file")
async def delete_file(file_id: str, caller: CallerDependency, services: ServicesDependency, files: FilesDependency) -> FileDeleted:
    """Erase a file everywhere; the answer comes when it is done, with the receipt.

    It leaves vector stores, index and storage, and what repeats its text leaves answers, evaluation cases and training data.
    """
    receipt = await files.erase(file_id, caller=caller)
    services.wake_ingestion()  # a file with the same bytes may have relied on this one's chunks
    return FileDeleted(id=file_id, footnote=ErasureReceiptShown(receipt=erasure_receipt(receipt)))


@router.get("/v1/files/{file_id}/receipt", summary="Show an erased file's receipt")
async def retrieve_file_receipt(file_id: str, caller: CallerDependency, services: ServicesDependency) -> ErasureReceipt:
    """Return what erasing a file came to, or how far it is; a receipt is kept for good."""
    return erasure_receipt(await services.catalog.erasures.receipt(file_id, owner=caller.owner))


@router.get(
    "/v1/files/{file_id}/content",
    summary="Download a file",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def retrieve_file_content(file_id: str, caller: CallerDependency, services: ServicesDependency) -> Response:
    """Return a file's bytes as they were uploaded."""
    record = await services.catalog.files.get(file_id, owner=caller.owner)
    if not await services.blobs.exists(record.blob_sha256):  # what is missing still gets a status of its own
        raise NotFound(f"The bytes of {file_id} are not stored.", param="file_id")
    headers = {
        "content-length": str(record.size_bytes),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(record.filename, safe='')}",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(services.blobs.read(record.blob_sha256), media_type="application/octet-stream", headers=headers)
