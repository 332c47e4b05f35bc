"""What a file is, by its content. Its name only tells kinds of text apart: a ``.pdf`` that is really a DOCX is read as DOCX."""

import re
import zipfile
from enum import StrEnum
from pathlib import Path, PurePath

from footnote.core.errors import UnreadableDocument, UnsupportedMediaType

_HEAD_BYTES = 64 * 1024
_PDF_HEADER_BYTES = 1024
_MAX_CONTROL_SHARE = 0.005
_MAX_TYPE_BYTES = 100

_ZIP_SIGNATURE = b"PK\x03\x04"
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXT_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROL_BYTES = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}) + b"\x7f"

_MAIL_HEADER = re.compile(
    rb"^(return-path|received|from|to|subject|date|message-id|mime-version|delivered-to|content-type):[ \t]*\S",
    re.IGNORECASE | re.MULTILINE,
)
_HTML_START = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(rb"</(p|div|table|body|html|h[1-6]|ul|ol|li|span|a|article|section|td)>", re.IGNORECASE)


class MediaType(StrEnum):
    """The types that can be read."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    CSV = "text/csv"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    MAIL = "message/rfc822"


SUPPORTED = "PDF, DOCX, PPTX, XLSX, CSV, HTML, Markdown, plain text and e-mail (EML)"

_TEXT_KIND_BY_SUFFIX = {
    ".csv": MediaType.CSV,
    ".tsv": MediaType.CSV,
    ".md": MediaType.MARKDOWN,
    ".markdown": MediaType.MARKDOWN,
    ".mdx": MediaType.MARKDOWN,
    ".txt": MediaType.TEXT,
}
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_XML_SUFFIXES = (".xml", ".rss", ".atom", ".xsd", ".svg")

_MARKUP_THAT_IS_NOT_READ = (
    (re.compile(rb"\{\\rtf"), "Rich Text (RTF)"),
    (re.compile(rb"%!PS"), "PostScript"),
    (
        re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*)*(<!doctype\s+svg[^>]*>\s*)?<svg\b", re.IGNORECASE | re.DOTALL),
        "an SVG drawing",
    ),
    (re.compile(rb"\s*<\?xml\b"), "XML"),
    (re.compile(rb"WEBVTT"), "subtitles (WebVTT)"),
)

_OFFICE_MEMBERS = (
    ("word/", "word/document", MediaType.DOCX),
    ("ppt/", "ppt/presentation", MediaType.PPTX),
    ("xl/", "xl/workbook.xml", MediaType.XLSX),
)
_OLE_STREAMS = (
    ("WordDocument", "an old Word document (.doc)", "Save it as .docx."),
    ("Workbook", "an old Excel workbook (.xls)", "Save it as .xlsx."),
    ("Book", "an old Excel workbook (.xls)", "Save it as .xlsx."),
    ("PowerPoint Document", "an old PowerPoint presentation (.ppt)", "Save it as .pptx."),
    ("__properties_version1.0", "an Outlook message (.msg)", "Save it as .eml."),
)


def media_type_of(path: Path, *, filename: str) -> MediaType:
    """Return what the file at ``path`` is.

    Args:
        path: the bytes, under any name.
        filename: the name that it was uploaded under.

    Raises:
        UnreadableDocument: the file is empty, a broken archive, or an encrypted office file.
        UnsupportedMediaType: it is something that cannot be read; the message names it.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise UnreadableDocument("The file is empty.", hint="Upload it again; the transfer may have been cut off.")
    if b"%PDF-" in head[:_PDF_HEADER_BYTES]:
        return MediaType.PDF
    if head.startswith(_ZIP_SIGNATURE):
        return _type_of_archive(path)
    if head.startswith(_OLE_SIGNATURE):
        raise _refusal_of_ole(path)
    if _is_text(head):
        return _kind_of_text(head, suffix=PurePath(filename).suffix.lower())
    raise _unsupported(_description_of_binary(head))


def telling_suffix(filename: str) -> str:
    """Return the end of a name where it can decide what bytes are taken for, in lower case; else nothing."""
    suffix = PurePath(filename).suffix.lower()
    return suffix if suffix in (*_TEXT_KIND_BY_SUFFIX, ".eml", *_HTML_SUFFIXES, *_XML_SUFFIXES) else ""


def _unsupported(looks_like: str, *, hint: str | None = None) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        f"The file looks like {looks_like}, which cannot be read.", hint=f"{hint or ''} Supported are {SUPPORTED}.".strip()
    )


# --------------------------------------------------------------------------------------------------------------------------- archives


def _type_of_archive(path: Path) -> MediaType:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            declared = _declared_type(archive) if "mimetype" in names else None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableDocument("The file is a damaged or truncated archive.", hint="Save it again and upload the new copy.") from error
    if declared:
        raise _unsupported(f"a file of type {declared.strip()}")
    for folder, main_part, media_type in _OFFICE_MEMBERS:
        if any(name.startswith(main_part) for name in names):
            return media_type
        if folder == "xl/" and "xl/workbook.bin" in names:
            raise _unsupported("a binary Excel workbook (.xlsb)", hint="Save it as .xlsx.")
    raise _unsupported("a ZIP archive", hint="Upload the files that it contains.")


def _declared_type(archive: zipfile.ZipFile) -> str:
    with archive.open("mimetype") as member:
        return member.read(_MAX_TYPE_BYTES).decode("ascii", errors="replace")  # no more: it may unpack to gigabytes


def _refusal_of_ole(path: Path) -> UnreadableDocument | UnsupportedMediaType:
    import olefile  # noqa: PLC0415 - rarely needed

    try:
        with olefile.OleFileIO(str(path)) as container:  # pyright: ignore[reportUnknownVariableType]
            if container.exists("EncryptedPackage"):
                return UnreadableDocument("The file is protected by a password.", hint="Save a copy without the password and upload that.")
            for stream, name, hint in _OLE_STREAMS:
                if container.exists(stream):
                    return _unsupported(name, hint=hint)
    except (OSError, ValueError, IndexError) as error:
        return UnreadableDocument(f"The file is a damaged office file: {error}.", hint="Save it again and upload the new copy.")
    return _unsupported("an old office file")


# ------------------------------------------------------------------------------------------------------------------------------- text


def _is_text(head: bytes) -> bool:
    """Whether bytes are text in some encoding: no NUL (but in UTF-16 and UTF-32, which start with a mark), hardly any controls."""
    if head.startswith(_TEXT_BOMS):
        return True
    if b"\x00" in head:
        return False
    n_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    return n_controls <= _MAX_CONTROL_SHARE * len(head)


def _kind_of_text(head: bytes, *, suffix: str) -> MediaType:
    start = head.removeprefix(_TEXT_BOMS[0])
    if _HTML_START.match(start):
        return MediaType.HTML
    for pattern, name in _MARKUP_THAT_IS_NOT_READ:
        if pattern.match(start):
            raise _unsupported(name)
    if suffix in _TEXT_KIND_BY_SUFFIX:
        return _TEXT_KIND_BY_SUFFIX[suffix]
    if suffix == ".eml" or _has_mail_headers(start):
        return MediaType.MAIL
    tags = _HTML_TAG.findall(start)
    if (suffix in _HTML_SUFFIXES and tags) or (start.lstrip().startswith(b"<") and len(tags) >= 3):
        return MediaType.HTML
    if suffix in _XML_SUFFIXES:
        raise _unsupported("XML")
    return MediaType.TEXT


def _has_mail_headers(head: bytes) -> bool:
    """Whether the first paragraph has a sender and two more of the headers that every message carries."""
    first_paragraph = re.split(rb"\r?\n\r?\n", head.lstrip(), maxsplit=1)[0]
    if not _MAIL_HEADER.match(first_paragraph):
        return False
    found = {match.lower() for match in _MAIL_HEADER.findall(first_paragraph)}
    return bool(found & {b"from", b"return-path", b"received"}) and len(found) >= 3


def _description_of_binary(head: bytes) -> str:
    import filetype  # noqa: PLC0415 - rarely needed; its table of types is built at import

    if not head.strip(b"\x00"):
        return "nothing but zeros"
    kind = filetype.guess(head)  # pyright: ignore[reportUnknownVariableType]
    return f"a file of type {kind.mime}" if kind is not None else "binary data of an unknown type"
