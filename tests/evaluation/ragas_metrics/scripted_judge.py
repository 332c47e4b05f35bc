"""A judge's server: answers by what is asked for, and does what it is told for the prompts that hold certain words."""

import asyncio
import json
from contextlib import asynccontextmanager

from tests.serving.generator.scripted_server import scripted_server

MODEL = "judge-7b"


def asked(exchange):
    """The name of the form that is asked for, and RAGAS's input to this question, which stands behind its examples."""
    prompt = exchange.body["messages"][0]["content"]
    return exchange.body["response_format"]["json_schema"]["name"], prompt.rsplit("Now perform the same", 1)[1]


async def say(exchange, content, *, refusal=None, finish_reason="stop"):
    text = content if isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
    await exchange.reply(
        200,
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        },
    )


class Judge:
    """Statements are the sentences said to it beforehand; a statement is supported where it is among the true ones.

    ``faults`` maps a word to what happens to questions of which the prompt holds it: ``stall``, ``broken``, ``refuse``, a status, or a
    function. ``gate``, where there is one, holds all answers back until it is set.
    """

    def __init__(self, *, statements=None, true=(), faults=None, only=None):
        self.statements = statements or {}
        self.true = set(true)
        self.faults = faults or {}
        self.only = only
        self.calls = []
        self.n_now = 0
        self.n_most = 0
        self.gate = None
        self.entered = asyncio.Semaphore(0)

    async def __call__(self, exchange):
        schema, question = asked(exchange)
        self.calls.append((schema, question))
        self.n_now += 1
        self.n_most = max(self.n_most, self.n_now)
        self.entered.release()
        try:
            if self.gate is not None:
                await self.gate.wait()
            for word, fault in self.faults.items():
                if word in question and (self.only is None or schema == self.only):
                    return await self._do(fault, exchange)
            return await say(exchange, self.answer(schema, question))
        finally:
            self.n_now -= 1

    async def _do(self, fault, exchange):
        if callable(fault):
            return await fault(exchange)
        if fault == "stall":
            return await asyncio.Event().wait()
        if fault == "broken":
            return await say(exchange, '{"statements": [{"statement": "x"')
        if fault == "refuse":
            return await say(exchange, "", refusal="I cannot help with that.")
        return await exchange.refuse(fault, "scripted")

    def answer(self, schema, question):
        if schema == "StatementGeneratorOutput":
            return {"statements": next((made for text, made in self.statements.items() if text in question), ["It is so."])}
        if schema == "NLIStatementOutput":
            given = [made for several in self.statements.values() for made in several if made in question]
            return {"statements": [{"statement": s, "reason": "r", "verdict": int(s in self.true)} for s in given]}
        if schema == "AnswerRelevanceOutput":
            return {"question": "When is high tide?", "noncommittal": 0}
        if schema == "ContextPrecisionOutput":
            return {"reason": "r", "verdict": int("useful" in question)}
        if schema == "ContextRecallOutput":
            return {
                "classifications": [
                    {"statement": "a", "reason": "r", "attributed": 1},
                    {"statement": "b", "reason": "r", "attributed": 0},
                ]
            }
        if schema == "ClassificationWithReason":
            given, _ = json.JSONDecoder().raw_decode(question, question.index("{"))
            verdicts = [(statement in self.true, {"statement": statement, "reason": "r"}) for statement in given["answer"]]
            return {"TP": [one for true, one in verdicts if true], "FP": [one for true, one in verdicts if not true], "FN": []}
        raise AssertionError(schema)


@asynccontextmanager
async def judge_server(judge):
    async with scripted_server(judge) as server:
        yield server
