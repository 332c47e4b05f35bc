"""Asking a judge: when it is asked again, how long that waits, and when it is left alone."""

from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel

from evaluation.ragas_metrics.failures import FailureCode, JudgeFailure
from evaluation.ragas_metrics.judge_model import MAX_GIVEN_UP_IN_A_ROW, REST_S, RETRY_TEMPERATURE, JudgeModel, JudgeUsage
from evaluation.ragas_metrics.structured_output import parse, response_format
from footnote.core.settings import JudgeSettings
from tests.evaluation.ragas_metrics.scripted_judge import MODEL, say
from tests.serving.generator.scripted_server import scripted_server


class Inner(BaseModel):
    verdict: int


class Verdicts(BaseModel):
    verdicts: list[Inner]


RIGHT = {"verdicts": [{"verdict": 1}]}


class Script:
    """Does one step for each question, the last one for ever."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.bodies = []

    async def __call__(self, exchange):
        self.bodies.append(exchange.body)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, int):
            return await exchange.refuse(step, "scripted", extra="retry-after: 7\r\n" if step == 429 else "")
        return await (step(exchange) if callable(step) else say(exchange, step))


class Clock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self):
        return self.now


@asynccontextmanager
async def asking(script, **changes):
    async with scripted_server(script) as server:
        clock = Clock()
        settings = JudgeSettings(kind="openai_compatible", base_url=server.base_url, model=MODEL, **changes)
        model = JudgeModel(settings, sleep=clock.sleep, clock=clock)
        try:
            yield model, clock
        finally:
            await model.close()


async def failure_of(model):
    with pytest.raises(JudgeFailure) as caught:
        await model.ask("?", Verdicts, usage=JudgeUsage())
    return caught.value.code


async def test_it_asks_for_the_form_and_for_the_likeliest_answer():
    script = Script(RIGHT)
    async with asking(script, seed=11, max_tokens=77) as (model, _):
        usage = JudgeUsage()
        assert (await model.ask("Is it so?", Verdicts, usage=usage)).verdicts[0].verdict == 1
    (body,) = script.bodies
    assert (body["temperature"], body["seed"], body["max_tokens"], body["model"]) == (0, 11, 77, MODEL)
    assert body["messages"] == [{"role": "user", "content": "Is it so?"}]
    schema = body["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"], schema["schema"]["additionalProperties"]) == ("Verdicts", True, False)
    assert schema["schema"]["$defs"]["Inner"]["additionalProperties"] is False
    assert usage == JudgeUsage(n_calls=1, prompt_tokens=100, completion_tokens=10)


async def test_an_answer_that_does_not_fit_is_asked_for_again_otherwise():
    script = Script("no JSON", '{"verdicts": 3}', RIGHT)
    async with asking(script, n_retries=2) as (model, clock):
        usage = JudgeUsage()
        await model.ask("?", Verdicts, usage=usage)
    assert [body["temperature"] for body in script.bodies] == [0, RETRY_TEMPERATURE, RETRY_TEMPERATURE]
    assert len({body["seed"] for body in script.bodies}) == 3
    assert clock.slept == []
    assert usage.n_calls == 3  # what was thrown away was paid for too


async def test_a_busy_server_is_asked_again_when_it_says():
    script = Script(429, 503, 503, RIGHT)
    async with asking(script, n_retries=3) as (model, clock):
        await model.ask("?", Verdicts, usage=JudgeUsage())
    assert clock.slept[0] == 7.0
    assert 0.5 <= clock.slept[1] <= 1.0
    assert 1.0 <= clock.slept[2] <= 2.0
    assert {body["temperature"] for body in script.bodies} == {0}


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(404, "no such model", "judge_unavailable"), (400, "maximum context length is 4096 tokens", "judge_prompt_too_long")],
    ids=str,
)
async def test_what_stays_wrong_is_asked_once(status, message, code):
    script = Script(lambda exchange: exchange.refuse(status, message))
    async with asking(script) as (model, _):
        assert await failure_of(model) == code
    assert len(script.bodies) == 1


async def test_a_refusal_is_asked_once():
    script = Script(lambda exchange: say(exchange, "", refusal="No."))
    async with asking(script) as (model, _):
        assert await failure_of(model) == FailureCode.JUDGE_REFUSED
    assert len(script.bodies) == 1


async def a_page(exchange):
    await exchange.head(200, content_type="text/html", length=13)
    exchange.writer.write(b"<html></html>")


async def no_choice(exchange):
    await exchange.reply(200, {"id": "c", "object": "chat.completion"})


async def no_message(exchange):
    await exchange.reply(200, {"id": "c", "object": "chat.completion", "choices": [{"index": 0}], "usage": {}})


@pytest.mark.parametrize("script", [a_page, no_choice, no_message])
async def test_what_is_no_chat_completion_is_no_answer(script):
    async with asking(Script(script), n_retries=0) as (model, _):
        assert await failure_of(model) == FailureCode.JUDGE_INVALID_OUTPUT


async def test_a_server_that_is_away_is_left_alone_for_a_while_and_then_tried_again():
    script = Script(*[500] * MAX_GIVEN_UP_IN_A_ROW, RIGHT)
    async with asking(script, n_retries=0) as (model, clock):
        for _ in range(MAX_GIVEN_UP_IN_A_ROW + 3):
            assert await failure_of(model) == FailureCode.JUDGE_UNAVAILABLE
        assert len(script.bodies) == MAX_GIVEN_UP_IN_A_ROW
        clock.now += REST_S
        assert (await model.ask("?", Verdicts, usage=JudgeUsage())).verdicts


async def test_bad_answers_are_no_sign_that_it_is_away():
    script = Script("no JSON")
    async with asking(script, n_retries=0) as (model, _):
        for _ in range(MAX_GIVEN_UP_IN_A_ROW + 2):
            assert await failure_of(model) == FailureCode.JUDGE_INVALID_OUTPUT
    assert len(script.bodies) == MAX_GIVEN_UP_IN_A_ROW + 2


async def test_a_server_that_is_not_there_is_unavailable():
    settings = JudgeSettings(kind="openai_compatible", base_url="http://127.0.0.1:9/v1", model=MODEL, n_retries=0)
    model = JudgeModel(settings)
    assert await failure_of(model) == FailureCode.JUDGE_UNAVAILABLE
    await model.close()


def test_json_is_found_in_what_stands_around_it():
    assert parse('Here it is:\n```json\n{"verdicts": []}\n```', Verdicts) == Verdicts(verdicts=[])


def test_what_does_not_fit_names_no_text():
    with pytest.raises(JudgeFailure) as caught:
        parse('{"verdicts": "a secret of a document"}', Verdicts)
    assert str(caught.value) == "judge_invalid_output"
    assert caught.value.__cause__ is None


def test_a_form_keeps_what_the_model_says_of_it():
    assert response_format(Inner)["json_schema"]["schema"]["properties"] == {"verdict": {"title": "Verdict", "type": "integer"}}
