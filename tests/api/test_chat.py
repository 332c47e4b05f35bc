"""Chat completions over HTTP, by the stock client; answers are scripted."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import openai
import pytest

from footnote.core.errors import GenerationTimeout, ModelUnavailable, Overloaded
from footnote.core.types import Comparison, Message
from serving.answer import AnswerEvent, ClaimJudged, Question, TextAdded
from tests.api.events import CLAIMS, STARTED, TEXT, finished
from tests.api.library import Library, Served

QUESTION = "How cold is it?"


async def whole_answer(_question: Question) -> AsyncGenerator[AnswerEvent]:
    yield STARTED
    for piece in (TEXT[:10], TEXT[10:]):
        await asyncio.sleep(0)
        yield TextAdded(piece)
    for claim in CLAIMS:
        yield ClaimJudged(claim)
    yield finished()


async def breaks_in_the_middle(_question: Question) -> AsyncGenerator[AnswerEvent]:
    yield STARTED
    yield TextAdded("It is ")
    raise ModelUnavailable("The model server closed the connection.", hint="Look at its log.")


async def has_a_defect(_question: Question) -> AsyncGenerator[AnswerEvent]:
    yield STARTED
    yield TextAdded("It is ")
    raise ZeroDivisionError("secret text")


async def never_ends(_question: Question) -> AsyncGenerator[AnswerEvent]:
    yield STARTED
    yield TextAdded("It is ")
    await asyncio.sleep(3600)


async def never_starts(_question: Question) -> AsyncGenerator[AnswerEvent]:
    raise ModelUnavailable("The model server cannot be reached.", hint="Start it.")
    yield STARTED


async def is_overloaded(_question: Question) -> AsyncGenerator[AnswerEvent]:
    raise Overloaded("Too many answers are being written.", retry_after_s=2.5)
    yield STARTED


async def is_slow(_question: Question) -> AsyncGenerator[AnswerEvent]:
    raise GenerationTimeout("The model did not begin within 60 s.")
    yield STARTED


@pytest.fixture(autouse=True)
def scripts(library: Library) -> None:
    library.answers.scripts = {
        QUESTION: whole_answer,
        "break": breaks_in_the_middle,
        "defect": has_a_defect,
        "hang": never_ends,
        "down": never_starts,
        "busy": is_overloaded,
        "slow": is_slow,
    }
    library.answers.questions.clear()
    library.answers.ended.clear()


def ask(client: openai.OpenAI, text: str = QUESTION, **parameters: Any) -> Any:
    return client.chat.completions.create(model="footnote", messages=[{"role": "user", "content": text}], **parameters)


def body(text: str = QUESTION, **parameters: Any) -> dict[str, Any]:
    return {"model": "footnote", "messages": [{"role": "user", "content": text}], **parameters}


# ---------------------------------------------------------------------------------------------------------------------------- answers


def test_an_answer_in_one_piece(client: openai.OpenAI) -> None:
    completion = ask(client)
    message = completion.choices[0].message
    assert (message.content, completion.choices[0].finish_reason, completion.object) == (TEXT, "stop", "chat.completion")
    assert completion.usage.total_tokens == 25
    assert message.annotations[0].url_citation.url.startswith(str(client.base_url).removesuffix("/v1/") + "/sources/vs_1/file-1?")
    assert message.annotations[1].model_extra["file_citation"]["quote"] == "The cellar is kept at eleven degrees."
    assert completion.model_extra["footnote"]["turn_id"] == "turn_1"
    for claim in completion.model_extra["footnote"]["claims"]:
        assert 0 <= claim["start"] < claim["end"] <= len(message.content)


def test_a_stream_in_plain_iteration(client: openai.OpenAI) -> None:
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == TEXT
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 25
    assert chunks[1].model_extra["footnote"]["passages"][0]["n"] == 1
    assert [
        chunk.model_extra["footnote"]["claim"]["verdict"] for chunk in chunks if "claim" in (chunk.model_extra or {}).get("footnote", {})
    ] == [
        "supported",
        "unchecked",
    ]


def test_the_stream_helper_collects_text_and_annotations(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="footnote", messages=[{"role": "user", "content": QUESTION}]) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.content == TEXT
    assert len(message.annotations or []) == 6


async def test_the_asynchronous_client_streams(served: Served) -> None:
    async with served.async_client() as client:
        stream = await client.chat.completions.create(model="footnote", messages=[{"role": "user", "content": QUESTION}], stream=True)
        text = "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])
    assert text == TEXT


def test_the_lines_of_a_stream(served: Served) -> None:
    with served.http() as client, client.stream("POST", "/v1/chat/completions", json=body(stream=True)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-request-id"]
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    for line in lines[:-1]:
        assert isinstance(json.loads(line.removeprefix("data: "))["choices"], list)


# --------------------------------------------------------------------------------------------------------------------------- questions


def test_a_dialogue_reaches_the_assistant(client: openai.OpenAI, library: Library) -> None:
    client.chat.completions.create(
        model="footnote",
        messages=[
            {"role": "system", "content": "Talk like a pirate."},
            {"role": "user", "content": [{"type": "text", "text": "Is there"}, {"type": "text", "text": "a cellar?"}]},
            {"role": "assistant", "content": "Yes [1]."},
            {"role": "user", "content": QUESTION},
        ],
        max_completion_tokens=50,
        temperature=0.5,
        top_p=0.9,
        seed=4,
        stop=["\n"],
        extra_body={"filters": {"type": "eq", "key": "year", "value": 2024}, "conversation": "c1"},
    )
    asked = library.answers.questions[-1]
    assert asked.text == QUESTION
    assert asked.history == (Message(role="user", content="Is there\na cellar?"), Message(role="assistant", content="Yes [1]."))
    assert (asked.max_tokens, asked.temperature, asked.top_p, asked.seed, asked.stop) == (50, 0.5, 0.9, 4, ("\n",))
    assert asked.filter == Comparison(operator="eq", key="year", value=2024.0)
    assert (asked.collection_ids, asked.conversation) == (None, "c1")
    assert asked.caller.owner == "local"
    assert asked.caller.principals == {"everyone", "owner:local"}


def test_an_answer_can_be_sent_back_as_it_came(client: openai.OpenAI, library: Library) -> None:
    answer = ask(client).choices[0].message.model_dump()
    client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": "a"}, answer, {"role": "user", "content": QUESTION}]
    )
    assert library.answers.questions[-1].history[1].content == TEXT


@pytest.mark.parametrize(
    ("model", "extra", "expected"),
    [
        ("footnote", {}, None),
        ("footnote", {"vector_store_ids": ["vs_1", "default"]}, ("vs_1", "default")),
        ("kb:vs_1", {}, ("vs_1",)),
        ("kb:vs_1", {"vector_store_ids": ["vs_1"]}, ("vs_1",)),
    ],
)
def test_where_to_look(client: openai.OpenAI, library: Library, model: str, extra: dict[str, Any], expected: object) -> None:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}], extra_body=extra)
    assert library.answers.questions[-1].collection_ids == expected


def test_the_present_release_has_a_name_and_no_other(client: openai.OpenAI, library: Library) -> None:
    name = f"footnote@{library.services.release.id}"
    assert client.chat.completions.create(model=name, messages=[{"role": "user", "content": QUESTION}]).model == name
    for unknown in ("footnote@rel_0", "gpt-5", "kb:", ""):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=unknown, messages=[{"role": "user", "content": QUESTION}])
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    "harmless",
    [
        {"n": 1, "user": "u", "metadata": {"a": "b"}, "store": False, "frequency_penalty": 0, "presence_penalty": 0.0},
        {"logit_bias": {}, "logprobs": False, "top_logprobs": 0, "response_format": {"type": "text"}, "modalities": ["text"]},
        {"tools": [], "tool_choice": "none", "parallel_tool_calls": True, "service_tier": "auto", "reasoning_effort": "low"},
        {"n": None, "tools": None, "stream": None, "stop": None, "max_tokens": None, "filters": None, "vector_store_ids": None},
    ],
)
def test_parameters_that_ask_for_nothing_are_accepted(served: Served, harmless: dict[str, Any]) -> None:
    with served.http() as client:
        assert client.post("/v1/chat/completions", json=body(**harmless)).status_code == 200


@pytest.mark.parametrize(
    ("refused", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"vector_store_id": "vs_1"}, "vector_store_id"),
        ({"vector_store_ids": []}, "vector_store_ids"),
        ({"vector_store_ids": "vs_1"}, "vector_store_ids"),
        ({"model": "kb:vs_1", "vector_store_ids": ["vs_2"]}, "vector_store_ids"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"filters": {"type": "eq", "key": "a"}}, "filters.value"),
        ({"filters": "team=legal"}, "filters"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "Hello"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages[0].content[0].type"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_name(served: Served, refused: dict[str, Any], param: str) -> None:
    with served.http() as client:
        answer = client.post(
            "/v1/chat/completions", content=json.dumps({**body(), **refused}), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


def test_a_question_of_100_000_characters_is_refused_in_plain_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"100,000 characters is too long; at most 20,000") as caught:
        ask(client, "ä" * 100_000)
    assert caught.value.param == "messages"


# ----------------------------------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_first_byte_has_its_own_status(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.InternalServerError, match="cannot be reached") as caught:
        ask(client, "down", stream=stream)
    assert (caught.value.status_code, caught.value.code) == (503, "model_unavailable")
    with pytest.raises(openai.RateLimitError) as overloaded:
        ask(client, "busy", stream=stream)
    assert overloaded.value.response.headers["retry-after"] == "3"
    with pytest.raises(openai.InternalServerError) as slow:
        ask(client, "slow", stream=stream)
    assert (slow.value.status_code, slow.value.code) == (504, "generation_timeout")


def test_an_error_in_the_middle_of_a_stream_reaches_the_client(client: openai.OpenAI) -> None:
    pieces: list[str] = []
    with pytest.raises(openai.APIError, match=r"closed the connection\. Look at its log") as caught:
        pieces.extend(choice.delta.content or "" for chunk in ask(client, "break", stream=True) for choice in chunk.choices)
    assert "".join(pieces) == "It is "
    assert caught.value.code == "model_unavailable"


def test_a_defect_in_the_middle_of_a_stream_tells_no_internals(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="inside footnote") as caught:
        list(ask(client, "defect", stream=True))
    assert "secret" not in str(caught.value)


def test_an_error_in_the_middle_without_a_stream_has_its_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "break")
    assert caught.value.code == "model_unavailable"
    with pytest.raises(openai.InternalServerError) as defect:
        ask(client, "defect")
    assert defect.value.code == "internal_error"
    assert "secret" not in str(defect.value)


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_stops_when_the_client_leaves(served: Served, library: Library, stream: bool) -> None:
    with served.http() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=body("hang", stream=stream), timeout=0.3)
    deadline = time.monotonic() + 5
    while "hang" not in library.answers.ended:
        assert time.monotonic() < deadline, "the answer went on"
        time.sleep(0.01)


def test_the_server_answers_on_after_all_that(client: openai.OpenAI) -> None:
    for text in ("down", "break", "defect"):
        with pytest.raises(openai.APIError):
            ask(client, text)
    assert ask(client).choices[0].message.content == TEXT
