"""``/v1/vector_stores``."""

from typing import Annotated

from fastapi import APIRouter, Depends

from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.records import CollectionRecord
from footnote.core.types import Caller
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.paging import PagingDependency
from serving.api.schemas.chunking import recipe_of
from serving.api.schemas.vector_stores import (
    CreateVectorStore,
    UpdateVectorStore,
    VectorStore,
    VectorStoreDeleted,
    VectorStoreList,
    vector_store,
)
from serving.services import Services

router = APIRouter(tags=["vector stores"])

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.post("/v1/vector_stores", summary="Create a vector store")
async def create_vector_store(body: CreateVectorStore, caller: CallerDependency, services: ServicesDependency) -> VectorStore:
    """Create a vector store, and attach files to it where some are named."""
    catalog = services.catalog
    for file_id in body.file_ids:  # before anything is created
        await catalog.files.get(file_id, owner=caller.owner)
    record = await catalog.collections.create(
        caller=caller,
        principals=services.settings.default_principals if body.principals is None else body.principals,
        name=body.name,
        description=body.description,
        details=body.metadata,
        chunking=recipe_of(body.chunking_strategy),
        expires_after_days=None if body.expires_after is None else body.expires_after.days,
        replaces_by_name=body.replaces_by_name,
    )
    if body.file_ids:
        await catalog.attachments.attach_all(record.id, [NewAttachment(file_id) for file_id in body.file_ids], caller=caller)
        services.wake_ingestion()
    return await _shown(record, services, caller)


@router.get("/v1/vector_stores", summary="List vector stores")
async def list_vector_stores(caller: CallerDependency, services: ServicesDependency, paging: PagingDependency) -> VectorStoreList:
    """Return the vector stores that the caller may read."""
    page = await services.catalog.collections.list(caller=caller, paging=paging)
    usage = await services.catalog.attachments.usage([record.id for record in page.items], caller=caller)
    data = [vector_store(record, usage[record.id], settings_space=services.spaces.default.name) for record in page.items]
    return VectorStoreList(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=page.has_more)


@router.get("/v1/vector_stores/{vector_store_id}", summary="Show a vector store")
async def retrieve_vector_store(vector_store_id: str, caller: CallerDependency, services: ServicesDependency) -> VectorStore:
    """Return a vector store; `default` names the one that always exists."""
    return await _shown(await services.catalog.collections.get(vector_store_id, caller=caller), services, caller)


@router.post("/v1/vector_stores/{vector_store_id}", summary="Change a vector store")
async def update_vector_store(
    vector_store_id: str, body: UpdateVectorStore, caller: CallerDependency, services: ServicesDependency
) -> VectorStore:
    """Change name, metadata, expiry or what replaces what; what is not given stays."""
    known = await services.catalog.collections.get(vector_store_id, caller=caller)
    record = await services.catalog.collections.update(
        known.id,
        caller=caller,
        name=body.name,
        details=body.metadata,
        expires_after_days=None if body.expires_after is None else body.expires_after.days,
        replaces_by_name=body.replaces_by_name,
    )
    return await _shown(record, services, caller)


@router.delete("/v1/vector_stores/{vector_store_id}", summary="Delete a vector store")
async def delete_vector_store(vector_store_id: str, caller: CallerDependency, services: ServicesDependency) -> VectorStoreDeleted:
    """Delete a vector store and its index; its files stay."""
    known = await services.catalog.collections.get(vector_store_id, caller=caller)
    retired = await services.catalog.collections.delete(known.id, caller=caller)
    await services.index.delete_collection(known.id)
    await services.catalog.versions.forget(retired)
    return VectorStoreDeleted(id=known.id)


async def _shown(record: CollectionRecord, services: Services, caller: Caller) -> VectorStore:
    usage = await services.catalog.attachments.usage([record.id], caller=caller)
    return vector_store(record, usage[record.id], settings_space=services.spaces.default.name)
