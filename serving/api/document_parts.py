"""A document's text in parts: by page where its format has pages, else in groups of elements. Joined, the parts are the text. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from footnote.core.types import Document

GROUP_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """``document.text[start:end]``; ``page`` where it is known."""

    start: int
    end: int
    page: int | None


def parts_of(document: Document) -> list[DocumentPart]:
    """Return the parts in order, without gaps and overlaps; none for an empty text.

    A page begins where its first element begins, so that what lies between two elements belongs to the page before.
    """
    starts = list(_page_starts(document)) or list(_group_starts(document))
    if not document.text:
        return []
    cuts = [(0, starts[0][1] if starts else None), *((start, page) for start, page in starts if start > 0)]
    ends = [*(start for start, _ in cuts[1:]), len(document.text)]
    return [DocumentPart(start=start, end=end, page=page) for (start, page), end in zip(cuts, ends, strict=True)]


def _page_starts(document: Document) -> Iterator[tuple[int, int | None]]:
    current: int | None = None
    for element in document.elements:
        if element.page is not None and element.page != current and element.end > element.start:
            current = element.page
            yield element.start, current


def _group_starts(document: Document) -> Iterator[tuple[int, int | None]]:
    last = 0
    for element in document.elements:
        if element.start - last >= GROUP_CHARS:
            last = element.start
            yield last, None
