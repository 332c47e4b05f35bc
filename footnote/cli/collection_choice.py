"""Which collection a command means: people give a name or an id."""

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Collection
from footnote.cli.failure import WRONG_USAGE, CommandFailed

DEFAULT = "default"


def find_collection(collections: list[Collection], wanted: str) -> Collection | None:
    """Return the collection with this id, else the one with this name.

    Raises:
        CommandFailed: several have the name.
    """
    by_id = [collection for collection in collections if collection.id == wanted]
    found = by_id or [collection for collection in collections if collection.name == wanted]
    if len(found) > 1:
        ids = ", ".join(collection.id for collection in found)
        raise CommandFailed(f"{len(found)} collections are called {wanted}: {ids}.", hint="Give the id.", exit_status=WRONG_USAGE)
    return found[0] if found else None


def existing_collections(client: ApiClient, wanted: str | None) -> list[Collection]:
    """Return the one collection that was asked for, or all where none was.

    Raises:
        CommandFailed: there is none of that name or id.
    """
    collections = client.collections()
    if wanted is None:
        return collections
    found = find_collection(collections, wanted)
    if found is None:
        names = ", ".join(sorted(collection.name for collection in collections))
        raise CommandFailed(f"There is no collection {wanted}.", hint=f"There are: {names}.")
    return [found]
