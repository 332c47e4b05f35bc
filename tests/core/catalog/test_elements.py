"""Elements as JSON: nothing is lost, and those of a long document keep nobody waiting."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable

import pytest

from footnote.core.catalog import elements as module
from footnote.core.catalog.elements import element_to_json, elements_from_json, elements_to_json
from footnote.core.types import Box, Element, ElementKind

TABLE = Element(
    kind=ElementKind.TABLE, start=5, end=9, page=2, box=Box(1.04, 2, 3, 4.5), level=3, n_header_rows=1, caption='[1, "2"] \\ ] [ π'
)
TEXT = Element(kind=ElementKind.TEXT, start=0, end=5)
N_MANY = 40_000


@pytest.mark.parametrize("elements", [(), (TEXT,), (TABLE, TEXT, TABLE)])
async def test_what_is_written_is_read(elements: tuple[Element, ...]) -> None:
    text = await elements_to_json(elements)
    assert json.loads(text) == [element_to_json(element) for element in elements]
    read = await elements_from_json(text)
    assert [element_to_json(element) for element in read] == [element_to_json(element) for element in elements]
    assert await elements_from_json(json.dumps(json.loads(text), separators=(",", ":"))) == read


async def longest_gap_s(work: Awaitable[object]) -> tuple[float, float]:
    """Return for how long the loop stood still at most while work was done, and how long that took."""
    gaps, ended = [0.0], False

    async def tick() -> None:
        last = time.perf_counter()
        while not ended:
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await work
    took_s, ended = time.perf_counter() - began, True
    await ticking
    return max(gaps), took_s


async def test_the_loop_goes_on_while_elements_of_a_long_document_are_written_and_read() -> None:
    many = (TABLE, TEXT) * (N_MANY // 2)
    text = await elements_to_json(many)
    for work in (elements_to_json(many), elements_from_json(text)):
        gap_s, took_s = await longest_gap_s(work)
        assert gap_s < took_s / 3


async def test_elements_of_a_long_document_are_not_made_in_the_loops_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.Thread] = []
    write, read = module.element_to_json, module.element_from_json
    monkeypatch.setattr(module, "element_to_json", lambda element: (seen.append(threading.current_thread()), write(element))[1])
    monkeypatch.setattr(module, "element_from_json", lambda values: (seen.append(threading.current_thread()), read(values))[1])
    text = await elements_to_json((TEXT, TABLE) * 1_000)
    await elements_from_json(text)
    assert len(seen) == 4_000
    assert threading.main_thread() not in seen
