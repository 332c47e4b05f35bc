"""Archives that unpack to far more than they weigh are refused by their directory, before anything is unpacked.

Directories that lie gain nothing: zipfile reads no more of a member than its directory says. Archives inside an archive are parts like
others: no parser unpacks them.
"""

import zipfile
from pathlib import Path

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS

_RATIO_MATTERS_BYTES = 100 * 1024 * 1024
_MAX_RATIO = 200
"""Large sheets of few words shrink to a fiftieth; what shrinks further was made to."""


def check_expansion(path: Path, *, limits: ParsingLimits) -> None:
    """Refuse an archive that has too many parts, or unpacks to too much: altogether, or for its size.

    Raises:
        DocumentTooLarge: it does.
        UnreadableDocument: it is no archive that can be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [member.file_size for member in archive.infolist()]
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument(
            "The file is a damaged or truncated archive.", hint="Save it again and upload the new copy.", code="damaged"
        ) from error
    if len(sizes) > limits.max_archive_members:
        raise DocumentTooLarge(
            f"The file is an archive of {len(sizes):,} parts; at most {limits.max_archive_members:,} are read.",
            hint="Split it, or raise ingestion.max_archive_members.",
            code="expansion_limit",
        )
    expanded, packed = sum(sizes), path.stat().st_size
    if expanded > limits.max_expanded_bytes:
        raise DocumentTooLarge(
            f"The file unpacks to {expanded / 2**20:,.0f} MB; at most {limits.max_expanded_bytes / 2**20:,.0f} MB are read.",
            hint="Split it, take out large pictures, or raise ingestion.max_expanded_bytes.",
            code="expansion_limit",
        )
    if expanded > max(_RATIO_MATTERS_BYTES, _MAX_RATIO * packed):
        raise DocumentTooLarge(
            f"The file unpacks to {expanded / packed:,.0f} times its size ({expanded / 2**20:,.0f} MB), as documents do not.",
            hint="Open it in the program that made it, save it again, and upload the new copy.",
            code="expansion_limit",
        )
