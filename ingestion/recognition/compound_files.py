"""Compound files (OLE), the format of Office before 2007. Encrypted files of today's Office are such, too."""

from pathlib import Path

from footnote.core.errors import UnreadableDocument
from ingestion.media_type import MediaType, unsupported

COMPOUND_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_PASSWORD_HINT = "Save a copy without the password and upload that."  # noqa: S105 - what to do about one

_MESSAGE_STREAM = "__properties_version1.0"
_NOT_READ_BY_STREAM = (
    ("WordDocument", "an old Word document (.doc)", "Save it as DOCX or PDF."),
    ("Workbook", "an old Excel workbook (.xls)", "Save it as XLSX."),
    ("Book", "an old Excel workbook (.xls)", "Save it as XLSX."),
    ("PowerPoint Document", "an old PowerPoint presentation (.ppt)", "Save it as PPTX or PDF."),
    ("VisioDocument", "a Visio drawing (.vsd)", "Save it as PDF."),
)


def type_of_compound_file(path: Path) -> MediaType:
    """Return which of the formats a file is.

    Raises:
        UnreadableDocument: it is encrypted or damaged.
        UnsupportedMediaType: it is one of the others.
    """
    import olefile  # noqa: PLC0415 - rarely needed

    try:
        with olefile.OleFileIO(str(path)) as container:  # pyright: ignore[reportUnknownVariableType]
            if container.exists("EncryptedPackage"):
                raise UnreadableDocument("The file is protected by a password.", hint=_PASSWORD_HINT, code="password")
            if container.exists(_MESSAGE_STREAM):
                return MediaType.OUTLOOK
            for stream, looks_like, hint in _NOT_READ_BY_STREAM:
                if container.exists(stream):
                    raise unsupported(looks_like, hint=hint)
    except (OSError, ValueError, IndexError) as error:
        raise UnreadableDocument(
            f"The file is a damaged office file: {error}.", hint="Save it again and upload the new copy.", code="damaged"
        ) from error
    raise unsupported("an old office file", hint="Save it in a format of today.")
