"""``footnote documents``: what the collections hold, and how far each document is."""

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Attachment, Collection
from footnote.cli.collection_choice import existing_collections
from footnote.cli.json_documents import DocumentsDocument, StoredDocument
from footnote.cli.terminal import output

COLOURS = {"completed": "green", "in_progress": "yellow", "failed": "red", "cancelled": "dim"}


def documents(client: ApiClient, *, collection: str | None) -> DocumentsDocument:
    """List one collection, or all of them.

    Raises:
        CommandFailed: there is no such collection, or the server does not answer.
    """
    places = existing_collections(client, collection)
    return DocumentsDocument(documents=[_document(each, place) for place in places for each in client.attachments(place.id)])


def show_documents(document: DocumentsDocument) -> None:
    """Print the table."""
    console = output()
    if not document.documents:
        console.print("There are no documents yet. `footnote ingest PATH` brings some in.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("collection", "file", "state"):
        table.add_column(title, overflow="fold")
    for title in ("pages", "chunks", "kB"):
        table.add_column(title, justify="right")
    table.add_column("", overflow="fold")
    for each in document.documents:
        state = f"[{COLOURS[each.state]}]{each.stage if each.state == 'in_progress' else each.state}[/]"
        cells = (_or_blank(each.pages), _or_blank(each.chunks), f"{each.bytes / 1000:.1f}", escape(each.error or ""))
        table.add_row(escape(each.collection.name), escape(each.filename), state, *cells)
    console.print(table)


def _document(attachment: Attachment, place: Collection) -> StoredDocument:
    return StoredDocument(
        file_id=attachment.id,
        filename=attachment.filename,
        collection=place,
        state=attachment.status,
        stage=attachment.job.state,
        bytes=attachment.usage_bytes,
        pages=attachment.job.counts.get("pages") or None,
        chunks=attachment.job.counts.get("chunks"),
        error=attachment.last_error.message if attachment.last_error else None,
        attached_at=attachment.created_at,
    )


def _or_blank(number: int | None) -> str:
    return "" if number is None else str(number)
