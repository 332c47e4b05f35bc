"""Documents give way to answers, but not for ever."""

import asyncio

import pytest

from footnote.core import attention
from footnote.core.attention import Attention


async def test_documents_wait_until_the_last_answer_is_there() -> None:
    people = Attention()
    await people.give_way()
    with people.given():
        with people.given():
            waiting = asyncio.create_task(people.give_way())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting


async def test_answers_without_a_pause_do_not_hold_documents_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "PATIENCE_S", 0.01)
    people = Attention()
    with people.given():
        async with asyncio.timeout(5):
            await people.give_way()
