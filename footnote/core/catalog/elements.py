"""Elements as JSON: a short list for each, since a long document has tens of thousands.

Those of a long document are written and read beside the event loop, one by one: a thread that makes all of them in one call keeps the
others from running as well.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from footnote.core.catalog.json_text import JsonText
from footnote.core.offload import offload
from footnote.core.types import Box, Element, ElementKind

LONG = 1_000
"""Elements from which on a thread is worth it: writing so many takes about ten milliseconds."""

_CHARS_PER_ELEMENT = 60

_decode = json.JSONDecoder().raw_decode


async def elements_to_json(elements: Sequence[Element]) -> JsonText:
    """Return a list of ``element_to_json``."""
    return await offload(_written, elements) if len(elements) >= LONG else _written(elements)


async def elements_from_json(text: str) -> tuple[Element, ...]:
    """Return the elements of what ``elements_to_json`` wrote."""
    return await offload(_read, text) if len(text) >= LONG * _CHARS_PER_ELEMENT else _read(text)


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


def _written(elements: Sequence[Element]) -> JsonText:
    return JsonText(f"[{', '.join(json.dumps(element_to_json(element)) for element in elements)}]")


def _read(text: str) -> tuple[Element, ...]:
    return tuple(element_from_json(values) for values in _items(text))


def _items(text: str) -> Iterator[list[Any]]:
    """Yield the lists of a JSON list, each decoded by itself."""
    place = text.find("[", text.find("[") + 1)
    while place >= 0:
        values, end = _decode(text, place)
        yield values
        place = text.find("[", end)
