"""Page numbers as people write them."""

from collections.abc import Iterable

_MAX_RANGES = 20


def page_ranges(pages: Iterable[int]) -> str:
    """Return ``page 4`` or ``pages 1–3, 7``; what comes after twenty ranges is left out."""
    ranges: list[list[int]] = []
    for page in sorted(set(pages)):
        if ranges and page == ranges[-1][1] + 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in ranges[:_MAX_RANGES]]
    word = "page" if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else "pages"
    return f"{word} {', '.join(shown)}{' …' if len(ranges) > _MAX_RANGES else ''}"
