"""What one document may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParsingLimits:
    """Bounds on one document, checked before and while it is read.

    Args:
        max_pages: pages of a PDF, slides of a presentation.
        max_text_chars: code points of the text that comes out.
        max_expanded_bytes: what the parts of a zipped format (DOCX, PPTX, XLSX) may unpack to, together.
    """

    max_pages: int = 5_000
    max_text_chars: int = 20_000_000
    max_expanded_bytes: int = 1024 * 1024 * 1024
