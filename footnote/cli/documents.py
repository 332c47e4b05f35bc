"""``footnote documents``: what the collections hold, and how far each document is."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Attachment, Collection
from footnote.cli.collection_choice import existing_collections
from footnote.cli.json_documents import DocumentsDocument, StoredDocument
from footnote.cli.terminal import output, printable

COLOURS = {"completed": "green", "in_progress": "yellow", "failed": "red", "cancelled": "dim"}

REDACTED = "redacted_"
"""How the names of those counts of a job begin that say how much personal data was marked."""


def documents(client: ApiClient, *, collection: str | None) -> DocumentsDocument:
    """List one collection, or all of them.

    Raises:
        CommandFailed: there is no such collection, or the server does not answer.
    """
    places = existing_collections(client, collection)
    return DocumentsDocument(documents=[stored_document(each, place) for place in places for each in client.attachments(place.id)])


def show_documents(document: DocumentsDocument) -> None:
    """Print the table."""
    console = output()
    if not document.documents:
        console.print("There are no documents yet. `footnote ingest PATH` brings some in.")
        return
    console.print(document_table(document.documents))


def document_table(documents: Sequence[StoredDocument]) -> Table:
    """Return a table of documents: where they are, how far, and why they failed or what there is to know of them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("collection", "file", "state"):
        table.add_column(title, overflow="fold")
    for title in ("pages", "chunks", "kB"):
        table.add_column(title, justify="right")
    table.add_column("", overflow="fold")
    for each in documents:
        state = f"[{COLOURS[each.state]}]{progress_of(each)}[/]"
        remark = printable(each.error or " ".join([*each.notes, *_redactions(each.redacted)]))
        cells = (_or_blank(each.pages), _or_blank(each.chunks), f"{each.bytes / 1000:.1f}", escape(remark))
        table.add_row(escape(printable(each.collection.name)), escape(printable(each.filename)), state, *cells)
    return table


def progress_of(document: StoredDocument) -> str:
    """Say in a few words how far a document is: ``embedding 40 of 120``, ``parsing, attempt 2``."""
    if document.state != "in_progress":
        return f"{document.state}, still found" if document.state == "failed" and document.searchable else document.state
    done = f" {document.chunks_done or 0} of {document.chunks}" if document.stage in ("embedding", "writing") and document.chunks else ""
    attempt = f", attempt {document.attempt}" if document.attempt > 1 else ""
    return document.stage + done + attempt


def stored_document(attachment: Attachment, place: Collection) -> StoredDocument:
    """Return an attachment as ``--json`` prints it."""
    counts = attachment.job.counts
    return StoredDocument(
        file_id=attachment.id,
        filename=attachment.filename,
        collection=place,
        state=attachment.status,
        stage=attachment.job.state,
        attempt=attachment.job.attempt,
        searchable=attachment.job.searchable,
        bytes=attachment.usage_bytes,
        pages=counts.get("pages") or None,
        chunks=counts.get("chunks"),
        chunks_done=counts.get("chunks_done"),
        replaces=attachment.job.replaces,
        replaced_by=attachment.job.replaced_by,
        error=attachment.last_error.message if attachment.last_error else None,
        notes=attachment.job.notes,
        redacted={name.removeprefix(REDACTED): n for name, n in sorted(counts.items()) if name.startswith(REDACTED)},
        attached_at=attachment.created_at,
    )


def _redactions(redacted: Mapping[str, int]) -> list[str]:
    """Say how much was marked in one sentence, such as ``Redacted: 2 email address, 1 iban code.``, or in none."""
    counted = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in redacted.items())
    return [f"Redacted: {counted}."] if counted else []


def _or_blank(number: int | None) -> str:
    return "" if number is None else str(number)
