"""Events flow, silence is filled, and whatever ends a stream ends what it is made from."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from serving.api.event_stream import PING, EventStream, data_line
from serving.api.pump import N_WAITING, Pump


class Connection:
    """The server's side of a request, by hand."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.left = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            self.sent.append(message["body"].decode())

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def run(lines: AsyncGenerator[str], connection: Connection, *, ping_interval_s: float = 15.0) -> bool:
    closed = False

    async def close() -> None:
        nonlocal closed
        closed = True

    await EventStream(lines, close=close, ping_interval_s=ping_interval_s)({"type": "http"}, connection.receive, connection.send)
    return closed


async def test_silence_is_filled_with_comments_and_talk_is_not() -> None:
    async def lines() -> AsyncGenerator[str]:
        yield "a"
        await asyncio.sleep(0.35)
        for _ in range(5):
            await asyncio.sleep(0.03)
            yield "b"

    connection = Connection()
    assert await run(lines(), connection, ping_interval_s=0.1)
    assert connection.sent[0] == "a"
    assert 2 <= connection.sent.count(PING) <= 3
    assert connection.sent[-5:].count("b") >= 4


async def test_a_client_that_leaves_ends_the_stream() -> None:
    ended = asyncio.Event()

    async def lines() -> AsyncGenerator[str]:
        try:
            yield "a"
            await asyncio.sleep(3600)
        finally:
            ended.set()

    connection = Connection()
    streaming = asyncio.create_task(run(lines(), connection))
    await asyncio.sleep(0.02)
    connection.left.set()
    assert await asyncio.wait_for(streaming, 1)
    assert ended.is_set()


async def test_what_lines_are_made_from_is_closed_though_none_was_read() -> None:
    async def lines() -> AsyncGenerator[str]:
        yield "a"

    connection = Connection()
    connection.left.set()
    assert await asyncio.wait_for(run(lines(), connection), 1)


async def test_an_error_of_the_lines_goes_on_to_the_server() -> None:
    async def lines() -> AsyncGenerator[str]:
        yield "a"
        raise ZeroDivisionError

    connection = Connection()
    with pytest.raises(ZeroDivisionError):
        await run(lines(), connection)
    assert connection.sent == ["a"]


async def test_a_pump_gives_everything_in_order_and_ends() -> None:
    async def numbers() -> AsyncGenerator[int]:
        for number in range(3 * N_WAITING):
            yield number

    assert [number async for number in Pump(numbers())] == list(range(3 * N_WAITING))


async def collect(pump: Pump[int], seen: list[int]) -> None:
    async for number in pump:
        seen.append(number)  # noqa: PERF401 - what came before an error is kept


@pytest.mark.parametrize("n_before", [0, 1, N_WAITING - 1, N_WAITING, N_WAITING + 1])
async def test_a_pump_passes_an_error_on_after_what_came_before_it(n_before: int) -> None:
    async def breaking() -> AsyncGenerator[int]:
        for number in range(n_before):
            yield number
        raise ZeroDivisionError

    pump, seen = Pump(breaking()), list[int]()
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await collect(pump, seen)
    assert seen == list(range(n_before))


async def test_a_source_begins_and_ends_in_one_task() -> None:
    tasks = list[Any]()

    async def source() -> AsyncGenerator[int]:
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(60):
                for number in range(1_000):
                    yield number
        finally:
            tasks.append(asyncio.current_task())

    pump = Pump(source())
    assert await anext(pump) == 0
    await pump.aclose()
    assert len(tasks) == 2
    assert tasks[0] is tasks[1] is not asyncio.current_task()


async def test_a_source_waits_for_a_slow_reader() -> None:
    made = 0

    async def eager() -> AsyncGenerator[int]:
        nonlocal made
        for number in range(10 * N_WAITING):
            made = number
            yield number

    pump = Pump(eager())
    await anext(pump)
    await asyncio.sleep(0.02)
    assert made <= N_WAITING + 2
    await pump.aclose()


def test_an_event_is_one_line_to_every_client() -> None:
    text = "a\u2028b\u2029c\x85d\re\nf"
    (line,) = data_line(json.dumps({"text": text}, ensure_ascii=False)).strip().splitlines()
    assert json.loads(line.removeprefix("data: ")) == {"text": text}
