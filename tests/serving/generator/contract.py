"""What every generator promises, as tests: ``serving/generator/port.py``."""

import asyncio
from contextlib import aclosing

import pytest

from footnote.core.errors import InvalidInput
from footnote.core.types import Message
from serving.generator.port import GenerationRequest, GenerationSettings
from tests.serving.passages import make_passage

MESSAGES = (Message("system", "Answer from the passages."), Message("user", "How many days of leave do staff have?"))


def make_request(question="How many days of leave do staff have?", *, messages=MESSAGES, adapter=None, passages=None, **settings):
    return GenerationRequest(
        messages=messages,
        question=question,
        passages=(make_passage(),) if passages is None else passages,
        settings=GenerationSettings(**{"max_tokens": 12, **settings}),
        adapter=adapter,
    )


async def draft_of(generator, request):
    """Returns (text, last delta)."""
    async with aclosing(generator.generate(request)) as deltas:
        pieces = [delta async for delta in deltas]
    assert pieces, "a generator yields at least the end"
    assert [delta.finish_reason for delta in pieces[:-1]] == [None] * (len(pieces) - 1)
    return "".join(delta.text for delta in pieces), pieces[-1]


class GeneratorContract:
    """Each generator's tests inherit it and give it two fixtures: ``generator``, and ``too_long``, a request that is refused, or None."""

    async def test_a_draft_comes_in_pieces_and_ends_with_reason_and_usage(self, generator):
        async with aclosing(generator.generate(make_request())) as deltas:
            pieces = [delta async for delta in deltas]
        assert len(pieces) > 2
        assert "".join(delta.text for delta in pieces).strip()
        assert pieces[-1].finish_reason in ("stop", "length")
        assert pieces[-1].usage.prompt_tokens > 0
        assert 0 < pieces[-1].usage.completion_tokens <= 12

    async def test_max_tokens_ends_it_for_length(self, generator):
        _, last = await draft_of(generator, make_request(max_tokens=3))
        assert last.finish_reason == "length"
        assert last.usage.completion_tokens == 3

    async def test_greedy_drafts_repeat(self, generator):
        first, _ = await draft_of(generator, make_request())
        assert first == (await draft_of(generator, make_request()))[0]

    async def test_a_stop_sequence_ends_it_and_is_not_part_of_it(self, generator):
        text, _ = await draft_of(generator, make_request())
        word = text.split()[2]
        cut, last = await draft_of(generator, make_request(stop=(word,)))
        assert cut == text[: text.index(word)]
        assert last.finish_reason == "stop"

    async def test_leaving_early_leaves_it_ready_for_the_next(self, generator):
        async with aclosing(generator.generate(make_request(max_tokens=200))) as deltas:
            await anext(deltas)
        async with asyncio.timeout(20):
            text, _ = await draft_of(generator, make_request())
        assert text

    async def test_several_at_once_do_not_mix(self, generator):
        alone = await draft_of(generator, make_request())
        together = await asyncio.gather(*(draft_of(generator, make_request()) for _ in range(3)))
        assert together == [alone] * 3

    async def test_counting_covers_the_whole_prompt(self, generator):
        longer = (MESSAGES[0], Message("user", f"{MESSAGES[1].content} And how many of sick leave?"))
        assert 15 < generator.count_prompt_tokens(MESSAGES) < generator.count_prompt_tokens(longer)
        _, last = await draft_of(generator, make_request())
        assert generator.count_prompt_tokens(MESSAGES) >= last.usage.prompt_tokens

    async def test_a_prompt_that_is_too_long_is_refused(self, generator, too_long):
        if too_long is None:
            pytest.skip("it reads prompts of any length")
        with pytest.raises(InvalidInput):
            await draft_of(generator, too_long)

    async def test_it_says_what_it_is(self, generator):
        assert generator.model
        assert generator.context_tokens > 0
        assert (await generator.health()).ready

    async def test_closing_twice_is_closing_once(self, generator):
        await generator.close()
        await generator.close()
