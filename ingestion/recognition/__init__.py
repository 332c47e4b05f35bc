"""What a file is, by its content. Its name only tells kinds of text apart: a ``.pdf`` that is really a DOCX is read as DOCX."""

import re
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from ingestion.media_type import MediaType, suffix_of, unsupported
from ingestion.recognition.archives import ZIP_SIGNATURES, type_of_archive
from ingestion.recognition.compound_files import COMPOUND_SIGNATURE, type_of_compound_file
from ingestion.recognition.images import image_type_of
from ingestion.recognition.texts import kind_of_text, text_of_head

__all__ = ["media_type_of"]

_HEAD_BYTES = 64 * 1024
_TAIL_BYTES = 2 * 1024

_PDF_AT_START = re.compile(rb"[\s\x00]*(?:\xef\xbb\xbf)?%PDF-")
_PDF_HEADER = re.compile(rb"%PDF-\d")
_PDF_HEADER_WITHIN = 1024
"""Readers of PDF look for its header in so many bytes; some files carry a mail's or a server's words before it."""


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
        raise UnreadableDocument("The file is empty.", hint="Upload it again; the transfer may have been cut off.", code="empty")
    if head.startswith(ZIP_SIGNATURES):
        return type_of_archive(path)
    if head.startswith(COMPOUND_SIGNATURE):
        return type_of_compound_file(path)
    image_type = image_type_of(head)
    if image_type is not None:
        return image_type
    text = text_of_head(head)
    if _is_pdf(path, head, is_text=text is not None):
        return MediaType.PDF
    if text is not None:
        return kind_of_text(text, suffix=suffix_of(filename))
    raise unsupported(_description_of_binary(head))


def _is_pdf(path: Path, head: bytes, *, is_text: bool) -> bool:
    """Whether it is a PDF: its header comes first, or soon after something else and the end is a PDF's too.

    A text that only mentions ``%PDF-1.7`` has another end.
    """
    if _PDF_AT_START.match(head):
        return True
    if not _PDF_HEADER.search(head[:_PDF_HEADER_WITHIN]):
        return False
    return not is_text or _last_line(path).startswith(b"%%EOF")


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().rstrip().splitlines()[-1]


def _description_of_binary(head: bytes) -> str:
    import filetype  # noqa: PLC0415 - rarely needed; its table of types is built at import

    if not head.strip(b"\x00"):
        return "nothing but zeros"
    kind = filetype.guess(head)  # pyright: ignore[reportUnknownVariableType]
    return f"a file of type {kind.mime}" if kind is not None else "binary data of an unknown type"
