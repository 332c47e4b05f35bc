"""``footnote search``: the chunks that a question would find, best first."""

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Collection, SearchHit
from footnote.cli.collection_choice import existing_collections
from footnote.cli.json_documents import SearchDocument, SearchHitDocument
from footnote.cli.terminal import output, printable

SHOWN_CHARS = 300


def search(client: ApiClient, query: str, *, collection: str | None, limit: int) -> SearchDocument:
    """Search one collection, or all of them.

    One collection's hits come in its own order, by meaning and by words together. The ranks of different collections cannot be compared,
    so hits of several are put in the order of their cosine with the query, which is also the score that is shown.

    Raises:
        CommandFailed: there is no such collection, or the server does not answer.
    """
    places = existing_collections(client, collection)
    found = [(hit, place) for place in places for hit in client.search(place.id, query, limit=limit)]
    if len({place.id for _, place in found}) > 1:
        found.sort(key=lambda pair: -pair[0].similarity)
    hits = [_document(n, hit, place) for n, (hit, place) in enumerate(found[:limit], start=1)]
    return SearchDocument(query=query, hits=hits)


def show_search(document: SearchDocument) -> None:
    """Print the table of hits."""
    console = output()
    if not document.hits:
        console.print("Nothing was found. `footnote documents` lists what there is to search.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("file", overflow="fold", ratio=1)
    table.add_column("page", justify="right")
    table.add_column("text", overflow="fold", ratio=3)
    for hit in document.hits:
        page = "" if hit.page is None else str(hit.page)
        table.add_row(str(hit.n), f"{hit.score:.3f}", escape(printable(hit.filename)), page, escape(_beginning(hit.text)))
    console.print(table)


def _document(n: int, hit: SearchHit, place: Collection) -> SearchHitDocument:
    return SearchHitDocument(
        n=n,
        score=hit.similarity,
        file_id=hit.file_id,
        filename=hit.filename,
        collection=place,
        page=next((piece.page for piece in hit.content), None),
        text="".join(piece.text for piece in hit.content),
    )


def _beginning(text: str) -> str:
    """Return the first words on one line."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1].rstrip() + "…"
