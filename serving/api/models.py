"""``/v1/models``."""

from typing import Annotated

from fastapi import APIRouter, Depends

from footnote.core.types import Caller
from serving.api.authentication import CallerDependency
from serving.api.model_names import ASSISTANT, COLLECTION_PREFIX, RELEASE_SEPARATOR, parse_model
from serving.api.opening import services_of
from serving.api.schemas.api_object import unix_seconds
from serving.api.schemas.models import Model, ModelList
from serving.services import Services

router = APIRouter(tags=["models"])

ServicesDependency = Annotated[Services, Depends(services_of)]


@router.get("/v1/models", summary="List models")
async def list_models(caller: CallerDependency, services: ServicesDependency) -> ModelList:
    """Return the assistant, its present release, and an alias for each vector store that the caller may read."""
    release = services.release
    created = unix_seconds(release.created_at)
    names = (ASSISTANT, ASSISTANT + RELEASE_SEPARATOR + release.id)
    collections = await services.catalog.collections.readable(None, caller=caller)
    aliases = [
        Model(
            id=COLLECTION_PREFIX + collection.id,
            created=unix_seconds(collection.created_at),
            owned_by=ASSISTANT,
            name=f"{ASSISTANT}: {collection.name or collection.id}",
        )
        for collection in collections
    ]
    return ModelList(data=[*(Model(id=name, created=created, owned_by=ASSISTANT) for name in names), *aliases])


@router.get("/v1/models/{model}", summary="Show a model")
async def retrieve_model(model: str, caller: CallerDependency, services: ServicesDependency) -> Model:
    """Return a model; an alias only where its vector store may be read."""
    return await _model(model, caller, services)


async def _model(name: str, caller: Caller, services: Services) -> Model:
    choice = parse_model(name, release_id=services.release.id)
    if choice.collection_id is None:
        return Model(id=name, created=unix_seconds(services.release.created_at), owned_by=ASSISTANT)
    collection = await services.catalog.collections.get(choice.collection_id, caller=caller)
    return Model(id=name, created=unix_seconds(collection.created_at), owned_by=ASSISTANT, name=f"{ASSISTANT}: {collection.name}")
