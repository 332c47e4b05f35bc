"""``/v1/uploads``: large files in parts."""

import time
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from footnote.core.errors import DocumentTooLarge
from footnote.core.filenames import sanitised_filename
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of, uploads_of
from serving.api.schemas.uploads import CompleteUpload, CreateUpload, Upload, UploadPartShown, part_shown, upload_shown
from serving.api.upload_form import UploadForm
from serving.services import Services
from serving.uploads import UploadStore

router = APIRouter(tags=["uploads"], prefix="/v1/uploads")

ServicesDependency = Annotated[Services, Depends(services_of)]
UploadsDependency = Annotated[UploadStore, Depends(uploads_of)]

PART_FIELD = "data"

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [PART_FIELD],
                    "properties": {PART_FIELD: {"type": "string", "format": "binary", "description": "Up to 64 MiB."}},
                }
            }
        },
    }
}


@router.post("", summary="Announce a large file")
async def create_upload(body: CreateUpload, caller: CallerDependency, services: ServicesDependency, uploads: UploadsDependency) -> Upload:
    """Announce a file that comes in parts, within an hour. Parts may be sent side by side and in any order."""
    most = services.settings.server.max_upload_bytes
    if body.bytes > most:
        raise DocumentTooLarge(
            f"The file is larger than {most:,} bytes, the most that is accepted.",
            hint="Split it, or raise server.max_upload_bytes.",
            param="bytes",
        )
    record = await uploads.create(
        caller=caller,
        filename=sanitised_filename(body.filename),
        purpose=body.purpose,
        size_bytes=body.bytes,
        file_expires_after_s=None if body.expires_after is None else body.expires_after.seconds,
    )
    return upload_shown(record)


@router.post("/{upload_id}/parts", summary="Send a part", openapi_extra=_FORM)
async def create_upload_part(upload_id: str, request: Request, caller: CallerDependency, uploads: UploadsDependency) -> UploadPartShown:
    """Store a part of a file. One whose answer was lost may be sent again: what is not named at the end does not count."""
    form = UploadForm(content_type=request.headers.get("content-type", ""), stream=request.stream(), field=PART_FIELD)
    async with aclosing(form.file_bytes()) as content:
        part = await uploads.add_part(upload_id, content, caller=caller)
    return part_shown(part, upload_id=upload_id, created_at=int(time.time()))


@router.post("/{upload_id}/complete", summary="Make a file of the parts")
async def complete_upload(upload_id: str, body: CompleteUpload, caller: CallerDependency, uploads: UploadsDependency) -> Upload:
    """Make a file of the parts that are named, in that order. Size and md5 are checked before. Asked again, it is the same file."""
    return upload_shown(await uploads.complete(upload_id, body.part_ids, caller=caller, md5=body.md5))


@router.post("/{upload_id}/cancel", summary="Give a large file up")
async def cancel_upload(upload_id: str, caller: CallerDependency, uploads: UploadsDependency) -> Upload:
    """Give an upload up and remove its parts."""
    return upload_shown(await uploads.cancel(upload_id, caller=caller))
