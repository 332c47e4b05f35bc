"""Documents for tests, written as lines: ``# heading``, ``- item``, a table's rows with ``|``, all else a paragraph."""

import hashlib

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import FileRecord
from footnote.core.types import Caller, Document, Element, ElementKind
from tests.core.catalog.story import ANN, PARSER, attach, chunks, claim, upload


def parsed(*blocks: str, title: str | None = "House rules", language: str | None = "en", page: int | None = None) -> Document:
    """Return the document that a parser makes of blocks; a table is one block with a line for each row, the first one its header."""
    text, elements = "", list[Element]()
    for block in blocks:
        kind, level, plain = _kind(block)
        n_header_rows = int(kind is ElementKind.TABLE)
        elements.append(
            Element(kind=kind, start=len(text), end=len(text) + len(plain), page=page, level=level, n_header_rows=n_header_rows)
        )
        text += plain + "\n\n"
    return Document(text=text, elements=tuple(elements), media_type="text/markdown", title=title, language=language)


async def publish(catalog: Catalog, collection_id: str, document: Document, *, filename: str, by: Caller = ANN) -> FileRecord:
    """Upload, attach and ingest a document as a worker does."""
    file = await upload(catalog, by, text=document.text, filename=filename)
    await attach(catalog, collection_id, file, by)
    job, lease = await claim(catalog)
    sha256 = hashlib.sha256(document.text.encode()).hexdigest()
    document_id = await catalog.versions.store_document(document, owner=by.owner, blob_sha256=sha256, parser=PARSER, lease=lease)
    version = await catalog.versions.begin(
        attachment_id=job.attachment_id, document_id=document_id, content_sha256=sha256, recipe={}, recipe_sha256="recipe-1", lease=lease
    )
    await catalog.versions.store_chunks(version.id, chunks(version.id, document.text), lease=lease)
    await catalog.versions.publish(version.id, n_points=1, lease=lease)
    return file


def _kind(block: str) -> tuple[ElementKind, int | None, str]:
    if block.startswith("# "):
        return ElementKind.TITLE, 2, block[2:]
    if block.startswith("- "):
        return ElementKind.LIST_ITEM, None, block[2:]
    return (ElementKind.TABLE if " | " in block else ElementKind.TEXT), None, block
