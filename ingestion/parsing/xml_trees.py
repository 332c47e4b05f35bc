"""XML of documents as a tree, read so that it can neither reach for other files or the network, nor blow up by entities."""

import zipfile
from typing import Any, cast

import lxml.etree

from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS

Node = Any
"""An element of lxml's tree, whose stubs know no types of children."""


def tree_of(content: bytes) -> Node:
    """Return the root of an XML document; entities that it defines are left unresolved, comments and instructions out.

    Raises:
        SyntaxError: it is not well-formed, or nested deeper than documents are.
    """
    etree = cast("Any", lxml.etree)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False
    )
    return etree.fromstring(content, parser)


def member_tree(archive: zipfile.ZipFile, name: str) -> Node | None:
    """Return the root of an archive's member; None where it is not there or not well-formed."""
    try:
        return tree_of(archive.read(name))
    except MALFORMED_INPUT_ERRORS:
        return None


def local_name(node: Node) -> str:
    """Return an element's name without its namespace."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
