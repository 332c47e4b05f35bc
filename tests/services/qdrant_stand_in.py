"""A server that speaks as much of Qdrant's REST interface as footnote uses, over qdrant-client's in-memory engine.

It stands in where several processes have to share one index and no Qdrant server is at hand: exact search, nothing on disk. What it
shows of footnote's processes holds; what it shows of Qdrant does not.

    python -m tests.services.qdrant_stand_in PORT
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models


def create_stand_in() -> FastAPI:
    app = FastAPI()
    warnings.simplefilter("ignore")  # payload indexes and graphs do nothing here
    client = QdrantClient(":memory:")

    @app.get("/")
    async def version() -> dict[str, str]:
        return {"title": "stand-in for qdrant", "version": "1.20.0"}

    @app.get("/collections")
    async def collections() -> Any:
        return answer(client.get_collections())

    @app.get("/collections/{name}/exists")
    async def exists(name: str) -> Any:
        return answer({"exists": client.collection_exists(name)})

    @app.get("/collections/{name}")
    async def get(name: str) -> Any:
        return not_found(name) if not client.collection_exists(name) else answer(client.get_collection(name))

    @app.put("/collections/{name}")
    async def create(name: str, request: Request) -> Any:
        if client.collection_exists(name):
            return failure(409, f"Wrong input: Collection `{name}` already exists!")
        wanted = await read(request, models.CreateCollection)
        client.create_collection(name, vectors_config=wanted.vectors or {}, sparse_vectors_config=wanted.sparse_vectors)
        return answer(True)

    @app.delete("/collections/{name}")
    async def drop(name: str) -> Any:
        return answer(client.delete_collection(name))

    @app.put("/collections/{name}/index")
    async def index(name: str) -> Any:
        return done()

    @app.put("/collections/{name}/points")
    async def upsert(name: str, request: Request) -> Any:
        client.upsert(name, points=(await read(request, models.PointsList)).points)
        return done()

    @app.post("/collections/{name}/points/query")
    async def query(name: str, request: Request) -> Any:
        wanted = await read(request, models.QueryRequest)
        found = client.query_points(
            name,
            query=wanted.query,
            prefetch=wanted.prefetch,
            using=wanted.using,
            query_filter=wanted.filter,
            limit=wanted.limit or 10,
            with_payload=True if wanted.with_payload is None else wanted.with_payload,
            with_vectors=False if wanted.with_vector is None else wanted.with_vector,
        )
        return answer(found)

    @app.post("/collections/{name}/points/scroll")
    async def scroll(name: str, request: Request) -> Any:
        wanted = await read(request, models.ScrollRequest)
        points, following = client.scroll(
            name, scroll_filter=wanted.filter, limit=wanted.limit or 10, offset=wanted.offset, with_payload=True, with_vectors=False
        )
        return answer({"points": [point.model_dump(mode="json") for point in points], "next_page_offset": following})

    @app.post("/collections/{name}/points/count")
    async def count(name: str, request: Request) -> Any:
        return answer(client.count(name, count_filter=(await read(request, models.CountRequest)).filter, exact=True))

    @app.post("/collections/{name}/points/payload")
    async def set_payload(name: str, request: Request) -> Any:
        wanted = await read(request, models.SetPayload)
        client.set_payload(name, payload=wanted.payload, points=wanted.points or wanted.filter, key=wanted.key)
        return done()

    @app.post("/collections/{name}/points/delete")
    async def delete(name: str, request: Request) -> Any:
        client.delete(name, points_selector=await read(request, models.PointsSelector))
        return done()

    return app


async def read(request: Request, kind: Any) -> Any:
    return TypeAdapter(kind).validate_json(await request.body())


def answer(result: Any) -> Any:
    plain = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
    return {"result": plain, "status": "ok", "time": 0.0}


def done() -> Any:
    return answer({"operation_id": 0, "status": "completed"})


def failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": {"error": message}, "time": 0.0}, status_code=status)


def not_found(name: str) -> JSONResponse:
    return failure(404, f"Not found: Collection `{name}` doesn't exist!")


@contextmanager
def stand_in_process(port: int) -> Iterator[str]:
    """Run the stand-in in a process of its own; yield its address."""
    import subprocess
    import time

    import httpx

    process = subprocess.Popen([sys.executable, "-m", "tests.services.qdrant_stand_in", str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(url, trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the stand-in ended"
                assert time.monotonic() < until, "the stand-in does not answer"
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    uvicorn.run(create_stand_in(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
