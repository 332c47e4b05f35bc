"""Documents of the catalog for rules and models to look at: those that the caller may read, one at a time, and out of answers' way."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from evaluation.generating.source import Source, label_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.live_documents import LiveDocument
from footnote.core.types import Caller

GiveWay = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is to read.

    Args:
        asked_of: the documents that questions are made of, in the order that the seed draws.
        searched: all that the caller may read: in none of the others may an answer stand twice.
        labels: what questions call each version's document.
        n_same_name: documents left out because another one's file has the same name: a quote would not say which of them it is of.
    """

    asked_of: tuple[LiveDocument, ...]
    searched: tuple[LiveDocument, ...]
    labels: dict[str, str]
    n_same_name: int


def shelf_of(documents: Sequence[LiveDocument], *, collection_id: str | None, seed: int) -> Shelf:
    """Return the documents in order; the same bytes under the same name are read once, wherever they are attached."""
    once: dict[tuple[str, str], LiveDocument] = {}
    for document in documents:
        known = once.get((document.filename, document.content_sha256))
        if known is None or (known.collection_id != collection_id and document.collection_id == collection_id):
            once[document.filename, document.content_sha256] = document
    searched = tuple(once.values())
    names = Counter(document.filename for document in searched)
    titles = Counter(label_of(document.title, document.filename) for document in searched)
    labels = {
        document.version_id: label if titles[label := label_of(document.title, document.filename)] == 1 else document.filename
        for document in searched
    }
    wanted = [document for document in searched if collection_id is None or document.collection_id == collection_id]
    asked_of = sorted((document for document in wanted if names[document.filename] == 1), key=lambda document: _lot(document, seed))
    return Shelf(asked_of=tuple(asked_of), searched=searched, labels=labels, n_same_name=len(wanted) - len(asked_of))


async def sources(
    catalog: Catalog, documents: Sequence[LiveDocument], *, shelf: Shelf, caller: Caller, give_way: GiveWay
) -> AsyncIterator[tuple[LiveDocument, Source | None]]:
    """Yield documents with their text, one at a time; None for what is gone, or may not be read any more."""
    for each in documents:
        await give_way()
        document = await catalog.live_documents.read(each.version_id, caller=caller)
        found = None if document is None else Source(name=each.filename, label=shelf.labels[each.version_id], document=document)
        yield each, found


def _lot(document: LiveDocument, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{document.filename}:{document.content_sha256}".encode()).digest()
