"""Elements as JSON: nothing is lost, and those of a long document keep nobody waiting."""

import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from footnote.core.catalog import elements as module
from footnote.core.catalog.elements import element_to_json, elements_from_json, elements_to_json
from footnote.core.types import Box, Element, ElementKind

TABLE = Element(
    kind=ElementKind.TABLE, start=5, end=9, page=2, box=Box(1.04, 2, 3, 4.5), level=3, n_header_rows=1, caption='[1, "2"] \\ ] [ π'
)
TEXT = Element(kind=ElementKind.TEXT, start=0, end=5)
N_MANY = 4_000


@pytest.mark.parametrize("elements", [(), (TEXT,), (TABLE, TEXT, TABLE)])
async def test_what_is_written_is_read(elements: tuple[Element, ...]) -> None:
    text = await elements_to_json(elements)
    assert json.loads(text) == [element_to_json(element) for element in elements]
    read = await elements_from_json(text)
    assert [element_to_json(element) for element in read] == [element_to_json(element) for element in elements]
    assert await elements_from_json(json.dumps(json.loads(text), separators=(",", ":"))) == read


async def test_no_call_makes_json_of_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call holds the interpreter's lock from its beginning to its end, so that the event loop would stand still with it."""
    written: list[str] = []
    read: list[object] = []
    dumps, decode = json.dumps, json.JSONDecoder().raw_decode

    def noted_dumps(value: object) -> str:
        written.append(dumps(value))
        return written[-1]

    def noted_decode(text: str, place: int) -> tuple[Any, int]:
        value, end = decode(text, place)
        read.append(value)
        return value, end

    monkeypatch.setattr(module, "json", SimpleNamespace(dumps=noted_dumps))
    monkeypatch.setattr(module, "_decode", noted_decode)
    many = (TABLE, TEXT) * (N_MANY // 2)
    assert len(await elements_from_json(await elements_to_json(many))) == N_MANY
    assert written == [dumps(element_to_json(element)) for element in many]
    assert read == [element_to_json(element) for element in many]


async def test_elements_of_a_long_document_are_not_made_in_the_loops_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.Thread] = []
    write, read = module.element_to_json, module.element_from_json

    def noted_write(element: Element) -> list[Any]:
        seen.append(threading.current_thread())
        return write(element)

    def noted_read(values: list[Any]) -> Element:
        seen.append(threading.current_thread())
        return read(values)

    monkeypatch.setattr(module, "element_to_json", noted_write)
    monkeypatch.setattr(module, "element_from_json", noted_read)
    text = await elements_to_json((TEXT, TABLE) * 1_000)
    await elements_from_json(text)
    assert len(seen) == 4_000
    assert threading.main_thread() not in seen
