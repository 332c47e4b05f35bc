import asyncio
import socket
import time
from contextlib import aclosing, asynccontextmanager

import pytest

from footnote.core.errors import FootnoteError, GenerationTimeout, InvalidInput, ModelUnavailable, Overloaded
from footnote.core.settings import GeneratorSettings
from footnote.core.types import Message
from serving.generator.deadline import Patience
from serving.generator.factory import create_generator
from serving.generator.openai_compatible import DEFAULT_CONTEXT_TOKENS, OpenAiGenerator
from tests.serving.generator.contract import GeneratorContract, draft_of, make_request
from tests.serving.generator.scripted_server import ANSWER, answer, chunk, scripted_server


@asynccontextmanager
async def asking(server, **options):
    """A generator that asks this server, impatient so that tests are quick."""
    settings = {"model": "base", "patience": Patience(first_token_s=5, next_token_s=5), **options}
    generator = OpenAiGenerator(base_url=server.base_url, **settings)
    try:
        yield generator
    finally:
        await generator.close()


class TestOpenAiGenerator(GeneratorContract):
    @pytest.fixture
    async def generator(self):
        async with scripted_server() as server, asking(server) as generator:
            yield generator

    @pytest.fixture
    def too_long(self):
        return make_request(messages=(Message("user", "word " * 2000),))


async def test_what_is_asked_of_the_server():
    async with scripted_server() as server, asking(server, api_key="secret") as generator:
        await draft_of(generator, make_request(temperature=0.5, top_p=0.9, seed=3, stop=("END",)))
        await draft_of(generator, make_request(adapter="adapter-1"))
    first, second = server.requests
    assert first.authorization == "Bearer secret"
    assert first.body == {
        "model": "base",
        "messages": [
            {"role": "system", "content": "Answer from the passages."},
            {"role": "user", "content": "How many days of leave do staff have?"},
        ],
        "max_tokens": 12,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert second.body["model"] == "adapter-1"
    assert "seed" not in second.body
    assert "stop" not in second.body


async def test_the_server_says_how_long_its_context_is():
    async with scripted_server() as server:
        settings = GeneratorSettings(kind="openai", base_url=server.base_url, model="base")
        for setting, expected in ((None, 2048), (512, 512), (9000, 2048)):
            generator = await create_generator(settings.model_copy(update={"context_tokens": setting}), data_dir=None)
            assert generator.context_tokens == expected
            await generator.close()


async def test_a_server_that_does_not_say_gets_a_modest_prompt():
    async with scripted_server() as server, asking(server, model="adapter-1") as generator:
        assert (await generator.health()).ready
        assert generator.context_tokens == DEFAULT_CONTEXT_TOKENS


# ------------------------------------------------------------------------------------------------------------------------ faults


def refusing(status, message="no", *, extra=""):
    return lambda exchange: exchange.refuse(status, message, extra=extra)


async def hang(exchange):
    await asyncio.sleep(60)


async def stall(exchange):
    await exchange.begin()
    await exchange.event(chunk({"content": "Staff have"}))
    await asyncio.sleep(60)


async def break_off(exchange):
    await exchange.begin()
    await exchange.event(chunk({"content": "Staff have"}))
    exchange.writer.transport.abort()


async def end_without_reason(exchange):
    await exchange.begin()
    await exchange.event(chunk({"content": "Staff have"}))
    await exchange.event("[DONE]")
    exchange.writer.write(b"0\r\n\r\n")


async def fail_inside(exchange):
    await exchange.begin()
    await exchange.event(chunk({"content": "Staff have"}))
    await exchange.event({"error": {"message": "engine dead", "type": "server_error", "code": 500}})


async def send_nonsense(exchange):
    await exchange.begin()
    await exchange.event(chunk({"content": "Staff have"}))
    await exchange.event("{not json")


async def break_before_text(exchange):
    await exchange.begin()
    exchange.writer.transport.abort()


async def received(generator, request=None):
    """Returns (text that came, error that ended it)."""
    texts = []
    try:
        async with aclosing(generator.generate(request or make_request())) as deltas:
            async for delta in deltas:
                texts.append(delta.text)  # noqa: PERF401 - a comprehension would lose what came before the error
    except FootnoteError as error:
        return "".join(texts), error
    return pytest.fail(f"the draft ended well: {texts}")


async def test_a_server_that_is_down_does_not_stop_the_start():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    settings = GeneratorSettings(kind="openai", base_url=base_url, model="base", n_retries=1)
    generator = await create_generator(settings, data_dir=None)
    assert generator.context_tokens == DEFAULT_CONTEXT_TOKENS
    health = await generator.health()
    assert not health.ready
    assert "cannot be reached" in health.detail
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await draft_of(generator, make_request())
    await generator.close()


@pytest.mark.parametrize("fault", [refusing(500), refusing(503), refusing(429), break_before_text])
async def test_what_fails_before_the_first_piece_is_tried_again(fault):
    async with scripted_server(fault, fault, answer) as server, asking(server) as generator:
        text, _ = await draft_of(generator, make_request(max_tokens=100))
    assert text == ANSWER
    assert len(server.requests) == 3


@pytest.mark.parametrize(("n_retries", "n_requests"), [(0, 1), (2, 3)])
async def test_tries_are_limited(n_retries, n_requests):
    async with scripted_server(refusing(500, "engine dead")) as server, asking(server, n_retries=n_retries) as generator:
        with pytest.raises(ModelUnavailable, match=r"500.*engine dead"):
            await draft_of(generator, make_request())
    assert len(server.requests) == n_requests


@pytest.mark.parametrize("fault", [break_off, end_without_reason, fail_inside, send_nonsense])
async def test_what_fails_after_the_first_piece_is_not_tried_again(fault):
    async with scripted_server(fault) as server, asking(server) as generator:
        text, error = await received(generator)
    assert text == "Staff have"
    assert isinstance(error, ModelUnavailable)
    assert "broke off" in error.message
    assert len(server.requests) == 1


async def test_a_slow_first_piece_is_a_timeout_and_hangs_up():
    async with scripted_server(hang) as server, asking(server, patience=Patience(0.2, 5)) as generator:
        _, error = await received(generator)
        assert isinstance(error, GenerationTimeout)
        async with asyncio.timeout(5):
            await server.disconnected.wait()
    assert len(server.requests) == 1


async def test_a_stalled_stream_is_a_timeout_and_hangs_up():
    async with scripted_server(stall) as server, asking(server, patience=Patience(5, 0.2)) as generator:
        text, error = await received(generator)
        assert text == "Staff have"
        assert isinstance(error, GenerationTimeout)
        async with asyncio.timeout(5):
            await server.disconnected.wait()


async def test_closing_the_iterator_hangs_up():
    async with scripted_server(stall) as server, asking(server) as generator:
        async with aclosing(generator.generate(make_request())) as deltas:
            assert (await anext(deltas)).text == "Staff have"
            assert not server.disconnected.is_set()
        async with asyncio.timeout(5):
            await server.disconnected.wait()


@pytest.mark.parametrize("script", [hang, stall])
async def test_cancelling_the_task_hangs_up(script):
    async with scripted_server(script) as server, asking(server) as generator:
        task = asyncio.create_task(draft_of(generator, make_request()))
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await server.disconnected.wait()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_named(status):
    async with scripted_server(refusing(status)) as server, asking(server) as generator:
        _, error = await received(generator)
    assert isinstance(error, ModelUnavailable)
    assert "generator.api_key" in error.hint
    assert len(server.requests) == 1


async def test_an_unknown_model_names_those_that_there_are():
    async with scripted_server(refusing(404)) as server, asking(server, model="bsae") as generator:
        _, error = await received(generator)
        health = await generator.health()
    assert isinstance(error, ModelUnavailable)
    assert "no model bsae; it has base, adapter-1" in error.message
    assert not health.ready
    assert "it has base, adapter-1" in health.detail


async def test_too_much_to_do_says_when_to_come_back():
    async with scripted_server(refusing(429, extra="retry-after: 7\r\n")) as server, asking(server, n_retries=0) as generator:
        _, error = await received(generator)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 7


async def test_another_bad_request_is_not_the_askers_fault():
    async with scripted_server(refusing(400, "unknown field stream_options")) as server, asking(server) as generator:
        _, error = await received(generator)
    assert isinstance(error, ModelUnavailable)
    assert not isinstance(error, InvalidInput)
    assert "stream_options" in error.message


async def test_tries_share_one_patience():
    async with scripted_server(refusing(500)) as server, asking(server, n_retries=50, patience=Patience(0.6, 5)) as generator:
        began = time.perf_counter()
        _, error = await received(generator)
    assert isinstance(error, GenerationTimeout)
    assert time.perf_counter() - began < 3
