"""``footnote documents cancel | retry | process``: some documents are chosen, and each is asked for by itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Attachment, Collection
from footnote.cli.collection_choice import existing_collections
from footnote.cli.documents import document_table, stored_document
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import ChangedDocuments, RefusedDocument
from footnote.cli.terminal import output, printable

SHORTEST_POLL_S = 0.2
POLL_SHARE = 4
"""Polling takes at most a fifth of the time."""

Place = tuple[Collection, Attachment]


Action = Literal["cancel", "retry", "process"]
"""What is done to a document; the words of the API."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which documents are meant: those that are named, and those in one of the states."""

    names: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()


def require_choice(chosen: Chosen) -> None:
    """Refuse a command that names nothing.

    Raises:
        CommandFailed: neither a file nor a state is named.
    """
    if not chosen.names and not chosen.states:
        raise CommandFailed("No document is named.", hint="Give names or ids, or an option that means many.", exit_status=WRONG_USAGE)


def act(client: ApiClient, action: Action, chosen: Chosen, *, collection: str | None, wait: bool = False) -> ChangedDocuments:
    """Do something to the documents that are meant; one that is refused keeps no other from it.

    Args:
        client: the server.
        action: what is done.
        chosen: to which documents.
        collection: where they are looked for; None looks in all collections.
        wait: stay until each has come to an end.

    Raises:
        CommandFailed: a name is unknown or stands for several documents, or the server does not answer.
    """
    places = existing_collections(client, collection)
    there = [(place, attachment) for place in places for attachment in client.attachments(place.id)]
    changed: list[Place] = []
    refused: list[RefusedDocument] = []
    for place, attachment in meant(there, chosen):
        try:
            changed.append((place, client.act(place.id, attachment.id, action)))
        except CommandFailed as error:
            refused.append(RefusedDocument(file_id=attachment.id, filename=attachment.filename, collection=place, message=error.message))
    if wait:
        changed = _ended(client, changed)
    return ChangedDocuments(action=action, changed=[stored_document(each, place) for place, each in changed], refused=refused)


def meant(there: Sequence[Place], chosen: Chosen) -> list[Place]:
    """Return the documents that are meant, each once, in the order in which they are there.

    Raises:
        CommandFailed: a name is unknown or stands for several documents.
    """
    ids = {_named(there, name) for name in chosen.names}
    return [(place, each) for place, each in there if (place.id, each.id) in ids or each.status in chosen.states]


def show_changed(document: ChangedDocuments) -> None:
    """Print the table of what was changed, and what was refused."""
    console = output()
    if document.changed:
        console.print(document_table(document.changed))
    for each in document.refused:
        console.print(f"{printable(each.filename)}: {printable(each.message)}", markup=False, soft_wrap=True)
    if not document.changed and not document.refused:
        console.print(f"There is nothing to {document.action}.")


def _named(there: Sequence[Place], name: str) -> tuple[str, str]:
    found = [(place, each) for place, each in there if each.id == name] or [(place, each) for place, each in there if each.filename == name]
    if not found:
        raise CommandFailed(f"There is no document {name}.", hint="`footnote documents` lists those that there are.")
    if len(found) > 1:
        ids = ", ".join(f"{each.id} in {place.name}" for place, each in found)
        raise CommandFailed(f"{len(found)} documents are called {name}: {ids}.", hint="Give id and collection.", exit_status=WRONG_USAGE)
    place, attachment = found[0]
    return place.id, attachment.id


def _ended(client: ApiClient, changed: Sequence[Place]) -> list[Place]:
    latest = list(changed)
    while any(each.status == "in_progress" for _, each in latest):
        began = time.monotonic()
        latest = [(place, client.attachment(place.id, each.id) if each.status == "in_progress" else each) for place, each in latest]
        time.sleep(max(SHORTEST_POLL_S, POLL_SHARE * (time.monotonic() - began)))
    return latest
