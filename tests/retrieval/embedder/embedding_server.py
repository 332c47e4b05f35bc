"""A small embeddings server on loopback, with the real MiniLM behind it, that fails when it is told to."""

import asyncio
import base64
import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response


@dataclass
class EmbeddingServer:
    """``faults`` are answered first, one each; ``requests`` holds the texts of each request that was embedded.

    A request that ``holds`` says yes to sets ``held`` and waits until it is ``let_go``.
    """

    embed: Callable[[list[str]], np.ndarray]
    max_model_len: int | None = 256
    faults: deque[Response] = field(default_factory=deque)
    requests: list[list[str]] = field(default_factory=list)
    reorder: bool = False
    change: Callable[[np.ndarray], np.ndarray] = lambda vectors: vectors
    delay_s: float = 0.0
    holds: Callable[[list[str]], bool] = lambda texts: False
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    in_flight: int = 0
    most_in_flight: int = 0
    base_url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models/{name:path}")
        def model(name: str):
            if self.max_model_len is None:
                return JSONResponse({"error": {"message": "not found"}}, status_code=404)
            return {"id": name, "object": "model", "created": 0, "owned_by": "test", "max_model_len": self.max_model_len}

        @app.post("/v1/embeddings")
        async def embeddings(request: Request):
            body = await request.json()
            if self.faults:
                return self.faults.popleft()
            return await self.answer(body)

        return app

    async def answer(self, body: dict):
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.delay_s)
            if self.holds(body["input"]):
                self.held.set()
                while not self.let_go.is_set():
                    await asyncio.sleep(0.02)
            self.requests.append(body["input"])
            vectors = self.change(await asyncio.to_thread(self.embed, body["input"]))
        finally:
            self.in_flight -= 1
        data = [{"object": "embedding", "index": index, "embedding": self.coded(row, body)} for index, row in enumerate(vectors)]
        return {"object": "list", "model": body["model"], "data": data[::-1] if self.reorder else data, "usage": {}}

    @staticmethod
    def coded(row: np.ndarray, body: dict):
        if body.get("encoding_format") == "base64":
            return base64.b64encode(row.astype("<f4").tobytes()).decode()
        return row.tolist()

    @contextlib.contextmanager
    def running(self) -> Iterator["EmbeddingServer"]:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        server = uvicorn.Server(uvicorn.Config(self.app(), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()
