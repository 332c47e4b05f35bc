"""Joining: what comes meanwhile goes together, and what one item breaks the others do not suffer."""

import asyncio
from collections.abc import Sequence

import pytest

from ingestion.joined import Joined


class Recorder:
    """Doubles numbers; a call waits until it is let go, an odd number is refused, and 13 breaks the whole call."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(items))
        self.begun.set()
        await self.go_on.wait()
        if 13 in items:
            raise RuntimeError("thirteen")
        return [ValueError(f"{item} is odd") if item % 2 else item * 2 for item in items]


async def test_what_comes_during_a_call_goes_together_in_the_next_one() -> None:
    recorder = Recorder()
    joined: Joined[int, int] = Joined(recorder, at_most=3)
    first = asyncio.create_task(joined.add(0))
    await recorder.begun.wait()
    others = [asyncio.create_task(joined.add(item)) for item in (2, 4, 6, 8)]
    await asyncio.sleep(0)
    recorder.go_on.set()
    assert await asyncio.gather(first, *others) == [0, 4, 8, 12, 16]
    assert recorder.calls == [[0], [2, 4, 6], [8]]


async def test_a_call_waits_for_those_who_come_while_it_may_linger_and_not_for_more_than_it_takes() -> None:
    recorder = Recorder()
    recorder.go_on.set()
    joined: Joined[int, int] = Joined(recorder, at_most=2, linger_s=lambda: 0.2)
    first = asyncio.create_task(joined.add(0))
    await asyncio.sleep(0.02)
    assert not recorder.begun.is_set()
    assert await asyncio.gather(joined.add(2), first) == [4, 0]
    assert recorder.calls == [[0, 2]]
    joined = Joined(recorder, at_most=2, linger_s=lambda: 1_000.0)
    async with asyncio.timeout(10):
        assert await asyncio.gather(joined.add(4), joined.add(6)) == [8, 12]


async def test_a_refused_item_is_its_own_callers_alone() -> None:
    recorder = Recorder()
    recorder.go_on.set()
    joined: Joined[int, int] = Joined(recorder, at_most=10)
    outcomes = await asyncio.gather(*(joined.add(item) for item in (2, 3, 4)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [4, 8]
    assert isinstance(outcomes[1], ValueError)
    assert recorder.calls == [[2, 3, 4]]


async def test_a_call_that_breaks_is_made_again_for_each_item() -> None:
    recorder = Recorder()
    recorder.go_on.set()
    joined: Joined[int, int] = Joined(recorder, at_most=10)
    outcomes = await asyncio.gather(*(joined.add(item) for item in (2, 13, 4)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [4, 8]
    assert isinstance(outcomes[1], RuntimeError)
    assert recorder.calls == [[2, 13, 4], [2], [13], [4]]


async def test_a_cancelled_caller_takes_back_an_item_whose_turn_has_not_come() -> None:
    recorder = Recorder()
    joined: Joined[int, int] = Joined(recorder, at_most=10)
    first = asyncio.create_task(joined.add(0))
    await recorder.begun.wait()
    cancelled, kept = asyncio.create_task(joined.add(2)), asyncio.create_task(joined.add(4))
    await asyncio.sleep(0)
    cancelled.cancel()
    first.cancel()
    recorder.go_on.set()
    assert await kept == 8
    assert recorder.calls == [[0], [4]]


async def test_a_cancelled_caller_waits_for_the_end_of_the_call_that_does_its_item() -> None:
    recorder, ended = Recorder(), asyncio.Event()
    joined: Joined[int, int] = Joined(recorder, at_most=10)

    async def add(item: int) -> None:
        try:
            await joined.add(item)
        finally:
            ended.set()

    adding = asyncio.create_task(add(3))
    await recorder.begun.wait()
    for _ in range(2):  # a cancellation that comes while it waits does not hurry it
        adding.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not ended.is_set()
    recorder.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await joined.add(4) == 8


async def test_closing_ends_what_is_under_way_and_what_waits() -> None:
    recorder = Recorder()
    joined: Joined[int, int] = Joined(recorder, at_most=1)
    waiting = [asyncio.create_task(joined.add(item)) for item in (0, 2)]
    await recorder.begun.wait()
    await joined.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert recorder.calls == [[0]]
    recorder.go_on.set()
    with pytest.raises(ValueError, match="odd"):
        await joined.add(1)
