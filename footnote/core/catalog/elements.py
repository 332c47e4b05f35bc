"""Elements as JSON: a short list for each, since a long document has tens of thousands."""

from typing import Any

from footnote.core.types import Box, Element, ElementKind


def element_to_json(element: Element) -> list[Any]:
    """Return ``[kind, start, end, page, [left, top, right, bottom], level, n_header_rows, caption]``, coordinates to a tenth of a point."""
    box = element.box
    corners = None if box is None else [round(value, 1) for value in (box.left, box.top, box.right, box.bottom)]
    return [element.kind.value, element.start, element.end, element.page, corners, element.level, element.n_header_rows, element.caption]


def element_from_json(values: list[Any]) -> Element:
    """Return the element that ``element_to_json`` wrote."""
    kind, start, end, page, corners, level, n_header_rows, caption = values
    return Element(
        kind=ElementKind(kind),
        start=start,
        end=end,
        page=page,
        box=None if corners is None else Box(*corners),
        level=level,
        n_header_rows=n_header_rows,
        caption=caption,
    )
