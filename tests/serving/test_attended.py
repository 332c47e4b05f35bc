"""Somebody counts as waiting from the question to the end of the answer, however that comes."""

import asyncio
from typing import Any

from footnote.core.attention import Attention
from serving.attended import Attended


class Endless:
    """Yields until it is closed."""

    def __init__(self) -> None:
        self.closed = False

    async def answer(self, question: Any):
        try:
            while True:
                yield question
        finally:
            self.closed = True


async def test_a_reader_who_leaves_is_not_waited_for_any_longer() -> None:
    people, endless = Attention(), Endless()
    answers = Attended(endless, people)  # type: ignore[arg-type]
    events = answers.answer("why?")  # type: ignore[arg-type]
    assert await anext(events) == "why?"
    waiting = asyncio.create_task(people.give_way())
    await asyncio.sleep(0)
    assert not waiting.done()
    await events.aclose()
    async with asyncio.timeout(5):
        await waiting
    assert endless.closed
