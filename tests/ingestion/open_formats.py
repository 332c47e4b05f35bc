"""OpenDocument and EPUB files, made part by part."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing"),
        ("presentation", "presentation"),
    )
)  # fmt: skip


def write_opendocument(path: Path, kind: str, body: str, *, styles: str = "", parts: Mapping[str, str] = {}) -> Path:
    """Write an ODT (``text``), ODS (``spreadsheet``) or ODP (``presentation``) with this XML as its body."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMESPACES}>'
            f"<office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        )
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def table(rows: list[list[str]], *, n_header_rows: int = 1, name: str = "Table1") -> str:
    """A table whose cells hold a paragraph each."""
    lines = [
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    ]
    header = f"<table:table-header-rows>{''.join(lines[:n_header_rows])}</table:table-header-rows>" if n_header_rows else ""
    return f'<table:table table:name="{name}">{header}{"".join(lines[n_header_rows:])}</table:table>'


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def write_epub(
    path: Path,
    chapters: Mapping[str, str],
    *,
    title: str = "A Book",
    spine: list[str] | None = None,
    parts: Mapping[str, str] = {},
    left_out: tuple[str, ...] = (),
) -> Path:
    """Write a book; ``spine`` gives the order of reading, ``left_out`` the chapters that are listed but not there."""
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters)
    order = "".join(f'<itemref idref="{name}"/>' for name in spine or list(chapters))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr(
            "OEBPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
            f"<dc:title>{title}</dc:title><dc:language>en-GB</dc:language></metadata><manifest>{items}"
            '<item id="toc" href="toc.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
            f'<spine><itemref idref="toc"/>{order}</spine></package>',
        )
        for name, body in {**chapters, "toc": "<h1>Contents</h1>"}.items():
            if name not in left_out:
                archive.writestr(
                    f"OEBPS/{name}.xhtml",
                    '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
                    f"<head><title>x</title></head><body>{body}</body></html>",
                )
        for name, content in parts.items():
            archive.writestr(name, content)
    return path
