"""ZIP archives: most office formats are one. Which, they say in a member called ``mimetype``, or by the names of their parts."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from ingestion.media_type import MediaType, unsupported

ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""Of an archive with members, without any, and in several volumes."""

_MAX_TYPE_BYTES = 100
_MAX_NAMES = 5

_EPUB_CONTAINER = "META-INF/container.xml"
_TYPE_BY_MAIN_PART = (
    ("word/document", MediaType.DOCX),
    ("ppt/presentation", MediaType.PPTX),
    ("xl/workbook.xml", MediaType.XLSX),
)
_TYPE_BY_DECLARATION = {
    "application/vnd.oasis.opendocument.text": MediaType.ODT,
    "application/vnd.oasis.opendocument.text-template": MediaType.ODT,
    "application/vnd.oasis.opendocument.text-master": MediaType.ODT,
    "application/vnd.oasis.opendocument.spreadsheet": MediaType.ODS,
    "application/vnd.oasis.opendocument.spreadsheet-template": MediaType.ODS,
    "application/vnd.oasis.opendocument.presentation": MediaType.ODP,
    "application/vnd.oasis.opendocument.presentation-template": MediaType.ODP,
    "application/epub+zip": MediaType.EPUB,
}
_NOT_READ_BY_PART = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)", "Save it as .xlsx."),
    ("visio/document.xml", "a Visio drawing (.vsdx)", "Save it as PDF."),
    ("Index/Document.iwa", "an Apple iWork document (Pages, Numbers or Keynote)", "Export it as PDF or in an Office format."),
    ("Index.zip", "an Apple iWork document (Pages, Numbers or Keynote)", "Export it as PDF or in an Office format."),
    ("META-INF/MANIFEST.MF", "a Java archive", None),
    ("AndroidManifest.xml", "an Android package", None),
)


def type_of_archive(path: Path) -> MediaType:
    """Return which of the zipped formats a file is.

    Raises:
        UnreadableDocument: it is damaged.
        UnsupportedMediaType: it is another archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            declared = _declared_type(archive) if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableDocument(
            "The file is a damaged or truncated archive.", hint="Save it again and upload the new copy.", code="damaged"
        ) from error
    for main_part, media_type in _TYPE_BY_MAIN_PART:
        if any(name.startswith(main_part) for name in names):
            return media_type
    if declared in _TYPE_BY_DECLARATION:
        return _TYPE_BY_DECLARATION[declared]
    if _EPUB_CONTAINER in names:
        return MediaType.EPUB
    if declared:
        raise unsupported(f"a file of type {declared}")
    for part, looks_like, hint in _NOT_READ_BY_PART:
        if part in names:
            raise unsupported(looks_like, hint=hint)
    raise unsupported(f"a ZIP archive{_listing(names)}", hint="Upload the files that it contains.")


def _declared_type(archive: zipfile.ZipFile) -> str:
    with archive.open("mimetype") as member:
        return member.read(_MAX_TYPE_BYTES).decode("ascii", errors="replace").strip()  # no more: it may unpack to gigabytes


def _listing(names: Sequence[str]) -> str:
    if not names:
        return " without files"
    return f" ({', '.join(names[:_MAX_NAMES])}{' …' if len(names) > _MAX_NAMES else ''})"
