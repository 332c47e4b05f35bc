"""What only the user who runs the server may ask of it: the caller shows that it can read the data directory.

It is a matter between the server and the command line of the same version, and so no part of the described API.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from serving.api.authentication import operator
from serving.api.opening import services_of
from serving.services import Services

router = APIRouter(include_in_schema=False)


class IndexSnapshot(BaseModel):
    """Where the copy lies: a folder of the data directory, the caller's to remove. None where the index is not in this process."""

    folder: str | None


@router.post("/v1/operator/index_snapshots", dependencies=[Depends(operator)])
async def snapshot_index(services: Annotated[Services, Depends(services_of)]) -> IndexSnapshot:
    """Copy the index as it is at this moment; one copy at a time, the one before goes."""
    folder = await services.snapshot_index()
    return IndexSnapshot(folder=None if folder is None else folder.name)
