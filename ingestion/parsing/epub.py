"""EPUB: web pages in an archive, read in the order of the book's spine by the same way as other web pages."""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.decoding import decoded
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.archives import check_expansion
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.web_pages import add_page
from ingestion.parsing.xml_trees import Node, local_name, member_tree

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGE_TYPES = frozenset({"application/xhtml+xml", "text/html"})
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_MAX_NOTED = 5


def parse_epub(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a book; its navigation page is left out, as its headings stand in the chapters.

    Raises:
        UnreadableDocument: it is damaged, lists no chapters, or is protected by DRM.
    """
    check_expansion(path, limits=limits)
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    notes: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_protected(archive)
            package = _package(archive)
            for name in _chapters(package):
                _add_chapter(builder, archive, name, notes=notes)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise _damaged("The book's archive is damaged.") from error
    title, language = _metadata(package, "title"), _metadata(package, "language")
    return builder.build(
        media_type=MediaType.EPUB,
        title=title,
        language=language.partition("-")[0].lower() if language else None,
        notes=tuple(notes[:_MAX_NOTED]),
    )


def _damaged(message: str) -> UnreadableDocument:
    return UnreadableDocument(message, hint="Export or download the book again, or convert it to PDF.", code="damaged")


def _refuse_protected(archive: zipfile.ZipFile) -> None:
    encryption = member_tree(archive, _ENCRYPTION)
    if encryption is None:
        return
    methods = [node.get("Algorithm", "") for node in encryption.iter() if local_name(node) == "EncryptionMethod"]
    if any(method not in _FONT_OBFUSCATION for method in methods):
        raise UnreadableDocument("The book is protected by DRM.", hint="Only a copy without the protection can be read.", code="password")


def _package(archive: zipfile.ZipFile) -> tuple[str, Node]:
    """Return the folder and the tree of the package document, which lists all parts and their order."""
    container = member_tree(archive, CONTAINER)
    roots = [] if container is None else [node for node in container.iter() if local_name(node) == "rootfile"]
    names = [node.get("full-path", "") for node in roots] or [name for name in archive.namelist() if name.endswith(".opf")]
    for name in names:
        tree = member_tree(archive, name)
        if tree is not None:
            return posixpath.dirname(name), tree
    raise _damaged("The book does not list its parts.")


def _chapters(package: tuple[str, Node]) -> Iterator[str]:
    """Yield the members that hold the book's text, in the order of reading; one that is not there is told by its reading."""
    folder, tree = package
    items = {node.get("id"): node for node in tree.iter() if local_name(node) == "item"}
    seen: set[str] = set()
    for reference in (node for node in tree.iter() if local_name(node) == "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGE_TYPES or "nav" in (item.get("properties") or "").split():
            continue
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        if name not in seen:
            seen.add(name)
            yield name
    if not seen:
        raise _damaged("The book lists no chapters.")


def _add_chapter(builder: DocumentBuilder, archive: zipfile.ZipFile, name: str, *, notes: list[str]) -> None:
    try:
        text = decoded(archive.read(name))
    except (KeyError, UnreadableDocument, *MALFORMED_INPUT_ERRORS):
        notes.append(f"The chapter {posixpath.basename(name)} is missing or damaged and was left out.")
        return
    add_page(builder, text)


def _metadata(package: tuple[str, Node], name: str) -> str | None:
    for node in package[1].iter():
        if local_name(node) == name and (text := " ".join("".join(node.itertext()).split())):
            return text
    return None
