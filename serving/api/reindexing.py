"""``/v1/vector_stores/{id}/reindex``: footnote's own."""

from typing import Annotated

from fastapi import APIRouter, Depends

from footnote.core.catalog.reindexes import Flipped, ReindexRecord
from footnote.core.types import Caller
from serving.api.authentication import CallerDependency
from serving.api.opening import services_of
from serving.api.schemas.chunking import recipe_of
from serving.api.schemas.reindexing import ComparisonRequest, FlipRequest, Reindex, ReindexRequest, reindex
from serving.reindexing import Reindexing, WantedEmbedder
from serving.services import Services

router = APIRouter(tags=["re-indexing"], prefix="/v1/vector_stores/{vector_store_id}/reindex")

ServicesDependency = Annotated[Services, Depends(services_of)]


def _reindexing(services: ServicesDependency) -> Reindexing:
    return Reindexing(catalog=services.catalog, spaces=services.spaces, settings=services.settings, wake=services.wake_ingestion)


ReindexingDependency = Annotated[Reindexing, Depends(_reindexing)]


@router.post("", summary="Re-index a vector store")
async def start_reindex(
    vector_store_id: str,
    body: ReindexRequest,
    caller: CallerDependency,
    services: ServicesDependency,
    reindexing: ReindexingDependency,
) -> Reindex:
    """Build a new version of every file beside the ones that are shown. Asked again, it goes on, and tries once more what failed."""
    wanted = body.embedder
    record = await reindexing.start(
        vector_store_id,
        caller=caller,
        embedder=None if wanted is None else WantedEmbedder(**wanted.model_dump()),
        chunking=recipe_of(body.chunking_strategy),
    )
    return await _shown(record, services, caller)


@router.get("", summary="Show a re-indexing")
async def retrieve_reindex(vector_store_id: str, caller: CallerDependency, services: ServicesDependency) -> Reindex:
    """Return the re-indexing that is not finished, else the newest one."""
    return await _shown(await services.catalog.reindexes.get(vector_store_id, caller=caller), services, caller)


@router.post("/comparison", summary="Keep how old and new compare")
async def keep_comparison(vector_store_id: str, body: ComparisonRequest, caller: CallerDependency, services: ServicesDependency) -> Reindex:
    """Keep figures beside a re-indexing, such as `footnote reindex --compare` makes."""
    record = await services.catalog.reindexes.keep_comparison(vector_store_id, body.comparison.model_dump(), caller=caller)
    return await _shown(record, services, caller)


@router.post("/flip", summary="Show what was built")
async def flip_reindex(
    vector_store_id: str, body: FlipRequest, caller: CallerDependency, services: ServicesDependency, reindexing: ReindexingDependency
) -> Reindex:
    """Show the new versions in the place of the old ones, which are kept for a while, in one write."""
    flipped = await reindexing.flip(vector_store_id, caller=caller, accept_missing=body.accept_missing)
    return await _now(vector_store_id, services, caller, flipped)


@router.post("/flip_back", summary="Show again what was shown before")
async def flip_reindex_back(
    vector_store_id: str, caller: CallerDependency, services: ServicesDependency, reindexing: ReindexingDependency
) -> Reindex:
    """Show the old versions again, in one write; files that came since are read for them, and not found until then."""
    return await _now(vector_store_id, services, caller, await reindexing.flip_back(vector_store_id, caller=caller))


@router.post("/cancel", summary="Give up a re-indexing")
async def cancel_reindex(vector_store_id: str, caller: CallerDependency, services: ServicesDependency) -> Reindex:
    """Stop building, and drop what was built."""
    return await _shown(await services.catalog.reindexes.cancel(vector_store_id, caller=caller), services, caller)


@router.post("/drop", summary="Drop what was shown before")
async def drop_reindex(vector_store_id: str, caller: CallerDependency, services: ServicesDependency) -> Reindex:
    """Drop the old versions that a flip has kept; from then on there is no way back."""
    return await _shown(await services.catalog.reindexes.drop(vector_store_id, caller=caller), services, caller)


async def _now(collection_id: str, services: Services, caller: Caller, flipped: Flipped) -> Reindex:
    record = await services.catalog.reindexes.get(collection_id, caller=caller)
    return reindex(record, await services.catalog.reindexes.progress(record.id), caller=caller, flipped=flipped)


async def _shown(record: ReindexRecord, services: Services, caller: Caller) -> Reindex:
    return reindex(record, await services.catalog.reindexes.progress(record.id), caller=caller)
