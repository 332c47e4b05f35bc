"""The types of files that can be read, and what is said of others. ``ingestion.recognition`` tells which of them a file is."""

from enum import StrEnum
from pathlib import PurePath

from footnote.core.errors import UnsupportedMediaType


class MediaType(StrEnum):
    """The types that can be read."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    CSV = "text/csv"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    MAIL = "message/rfc822"
    OUTLOOK = "application/vnd.ms-outlook"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    BMP = "image/bmp"
    GIF = "image/gif"


SUPPORTED = (
    "PDF, DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB, RTF, CSV, HTML, Markdown, plain text, e-mail (EML, MSG) "
    "and images with text (PNG, JPEG, TIFF, WebP, BMP, GIF)"
)

TEXT_KIND_BY_SUFFIX = {
    ".csv": MediaType.CSV,
    ".tsv": MediaType.CSV,
    ".md": MediaType.MARKDOWN,
    ".markdown": MediaType.MARKDOWN,
    ".mdx": MediaType.MARKDOWN,
    ".txt": MediaType.TEXT,
}
HTML_SUFFIXES = (".html", ".htm", ".xhtml")
XML_SUFFIXES = (".xml", ".rss", ".atom", ".xsd", ".svg")


def telling_suffix(filename: str) -> str:
    """Return the end of a name where it can decide what bytes are taken for, in lower case; else nothing."""
    suffix = suffix_of(filename)
    return suffix if suffix in (*TEXT_KIND_BY_SUFFIX, ".eml", *HTML_SUFFIXES, *XML_SUFFIXES) else ""


def suffix_of(filename: str) -> str:
    """Return the end of a name from its last dot on, in lower case."""
    return PurePath(filename).suffix.lower()


def unsupported(looks_like: str, *, hint: str | None = None) -> UnsupportedMediaType:
    """Return the error that says what a file is, that it is not read, and what is."""
    return UnsupportedMediaType(
        f"The file looks like {looks_like}, which cannot be read.", hint=f"{hint or ''} Supported are {SUPPORTED}.".strip()
    )
