"""PPTX, by unstructured; what the zipped formats of Office that vendors read have in common."""

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.archives import check_expansion
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.partitioning import NO_LANGUAGE_DETECTION, add_pieces, level_by_depth, partitioned

if TYPE_CHECKING:
    from unstructured.documents.elements import Element as Piece

_STRICT_NAMESPACE = b"http://purl.oclc.org/ooxml/"
_BEGINNING_BYTES = 4_096
_SLIDE = re.compile(r"^ppt/slides/slide\d+\.xml$")


def check_archive(path: Path, *, main_part: str, limits: ParsingLimits) -> None:
    """Refuse an archive that unpacks to too much, before anything is unpacked, and one that the parsers do not know.

    Raises:
        DocumentTooLarge: as ``check_expansion`` says.
        UnreadableDocument: it is no archive that can be read, or in the strict variant of the format.
    """
    check_expansion(path, limits=limits)
    try:
        with zipfile.ZipFile(path) as archive:
            is_strict = _STRICT_NAMESPACE in _beginning_of(archive, main_part)
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument(
            "The file is a damaged or truncated archive.", hint="Save it again and upload the new copy.", code="damaged"
        ) from error
    if is_strict:
        raise UnreadableDocument("The file is saved as Strict Open XML, which cannot be read.", hint="Save it in the ordinary format.")


def _beginning_of(archive: zipfile.ZipFile, member: str) -> bytes:
    if member not in archive.namelist():
        return b""
    with archive.open(member) as file:
        return file.read(_BEGINNING_BYTES)


def parse_pptx(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a presentation; a slide's title is a heading, its notes follow it, and pages are slides."""

    def partition() -> "list[Piece]":
        from unstructured.partition.pptx import partition_pptx  # noqa: PLC0415

        return partition_pptx(str(path), languages=NO_LANGUAGE_DETECTION, include_slide_notes=False)

    check_archive(path, main_part="ppt/presentation.xml", limits=limits)
    with zipfile.ZipFile(path) as archive:
        n_slides = sum(1 for name in archive.namelist() if _SLIDE.match(name))
    if n_slides > limits.max_pages:
        raise DocumentTooLarge(
            f"The presentation has {n_slides:,} slides; at most {limits.max_pages:,} are read.",
            hint="Split it, or raise ingestion.max_pages.",
        )
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    pieces = partitioned(partition, what="presentation")
    for slide, notes in enumerate(_notes_of_slides(path), start=1):
        on_slide = (piece for piece in pieces if piece.metadata.page_number == slide)
        add_pieces(builder, on_slide, heading_level=_level_on_slide, with_pages=True)
        builder.add(ElementKind.TEXT, notes, page=slide)
    return builder.build(media_type=MediaType.PPTX, n_pages=n_slides)


def _notes_of_slides(path: Path) -> list[str]:
    """Return each slide's notes, empty where it has none. unstructured puts them before the slide that they explain."""
    from pptx import Presentation  # noqa: PLC0415

    frames = [slide.notes_slide.notes_text_frame if slide.has_notes_slide else None for slide in Presentation(str(path)).slides]
    return [frame.text if frame is not None else "" for frame in frames]


def _level_on_slide(piece: "Piece") -> int | None:
    """Only the title placeholder is a heading: unstructured also takes short bullets for titles, one level deeper."""
    return 1 if level_by_depth(piece) == 1 else None
