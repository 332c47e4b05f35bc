"""What may stand in ``model``: the assistant, one of its releases, or the assistant asked about one collection."""

from dataclasses import dataclass

from serving.api.errors import UnknownModel

ASSISTANT = "footnote"
RELEASE_SEPARATOR = "@"
COLLECTION_PREFIX = "kb:"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What a model's name asks for; ``collection_id`` where it names a collection."""

    collection_id: str | None = None


def parse_model(name: str, *, release_id: str) -> ModelChoice:
    """Return what a model's name asks for.

    Args:
        name: as it stands in the request.
        release_id: the release that answers at present.

    Raises:
        UnknownModel: there is no such model, or no such release.
    """
    if name in (ASSISTANT, ASSISTANT + RELEASE_SEPARATOR + release_id):
        return ModelChoice()
    if name.startswith(COLLECTION_PREFIX) and len(name) > len(COLLECTION_PREFIX):
        return ModelChoice(collection_id=name.removeprefix(COLLECTION_PREFIX))
    raise UnknownModel(
        f"There is no model `{name[:100]}`.",
        hint=f"Use `{ASSISTANT}`, or `{COLLECTION_PREFIX}` and the id of a vector store; GET /v1/models lists them.",
        param="model",
    )
