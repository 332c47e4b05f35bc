"""A model server that does as it is told, on a free port of this machine: for the faults that a real one shows only on bad days."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ANSWER = "Staff have 28 days of paid leave in each calendar year, and more after ten years."


@dataclass
class Exchange:
    """One request, and the way to answer it."""

    path: str
    body: dict
    authorization: str
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    async def head(self, status, *, content_type="application/json", length=None, extra=""):
        size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        lines = f"HTTP/1.1 {status} Scripted", f"content-type: {content_type}", size, "connection: close"
        self.writer.write("\r\n".join([*lines, f"{extra}\r\n"]).encode())
        await self.writer.drain()

    async def reply(self, status, content, *, extra=""):
        data = json.dumps(content).encode()
        await self.head(status, length=len(data), extra=extra)
        self.writer.write(data)
        await self.writer.drain()

    async def refuse(self, status, message, *, extra=""):
        await self.reply(status, {"error": {"message": message, "type": "scripted", "param": None, "code": None}}, extra=extra)

    async def event(self, data):
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        await self.writer.drain()

    async def begin(self):
        await self.head(200, content_type="text/event-stream")
        await self.event(chunk({"role": "assistant", "content": ""}))

    async def end(self, *, finish_reason, usage):
        await self.event(chunk({}, finish_reason=finish_reason))
        await self.event({**chunk({}), "choices": [], "usage": usage})
        await self.event("[DONE]")
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


def chunk(delta, *, finish_reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


async def answer(exchange):
    """Answers as a model does: word by word, with stop sequences, a limit and a count."""
    body = exchange.body
    n_prompt = sum(len(message["content"].split()) for message in body["messages"])
    if n_prompt > 1000:
        return await exchange.refuse(400, f"This model's maximum context length is 1000 tokens. You asked for {n_prompt}.")
    text = ANSWER
    for stop in body.get("stop") or ():
        text = text.partition(stop)[0]
    words = [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))]
    await exchange.begin()
    for word in words[: body["max_tokens"]]:
        await exchange.event(chunk({"content": word}))
        await asyncio.sleep(0)
    n_written = min(len(words), body["max_tokens"])
    usage = {"prompt_tokens": n_prompt, "completion_tokens": n_written, "total_tokens": n_prompt + n_written}
    await exchange.end(finish_reason="length" if n_written < len(words) else "stop", usage=usage)
    return None


@dataclass
class ScriptedServer:
    """Serves `GET /v1/models`, and answers each `POST /v1/chat/completions` with the next script, the last one for ever."""

    base_url: str
    models: list = field(default_factory=lambda: [{"id": "base", "max_model_len": 2048}, {"id": "adapter-1"}])
    scripts: list[Callable[[Exchange], Awaitable[None]]] = field(default_factory=lambda: [answer])
    requests: list[Exchange] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader, writer):
        try:
            exchange = await self._read(reader, writer)
            if exchange.path == "/v1/models":
                models = [{"object": "model", "created": 1, "owned_by": "test", **model} for model in self.models]
                await exchange.reply(200, {"object": "list", "data": models})
                return
            self.requests.append(exchange)
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            await self._watched(script(exchange), reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()

    async def _watched(self, scripted, reader):
        """Runs a script until the client hangs up."""
        script, hung_up = asyncio.ensure_future(scripted), asyncio.ensure_future(reader.read(1))
        done, pending = await asyncio.wait({script, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if script in done:
            script.result()
        else:
            self.disconnected.set()

    async def _read(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Exchange(first.split()[1], json.loads(body or b"{}"), headers.get("authorization", ""), writer, reader)


@asynccontextmanager
async def scripted_server(*scripts):
    server = ScriptedServer(base_url="")
    if scripts:
        server.scripts = list(scripts)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()
