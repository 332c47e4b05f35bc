"""Snapshots of a Qdrant server, against a scripted one that keeps to the documented requests: what is asked for, and what is refused."""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from footnote.core.errors import Conflict, IndexUnavailable, InvalidSettings
from footnote.core.settings import IndexSettings
from retrieval.index.server_backup import QdrantSnapshots, qdrant_snapshots

OURS = "footnote-0123456789abcdef"


class ScriptedQdrant:
    """Collections with bytes for content and points by version; a snapshot of it are those bytes."""

    def __init__(self) -> None:
        self.collections = {OURS: b"segments", "of-somebody-else": b""}
        self.points = {"ver_1": 3, "ver_2": 2}
        self.snapshots: dict[str, bytes] = {}
        self.remote_shards: list[dict] = []
        self.changes_on_the_way = False
        self.keys: set[str | None] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.add(request.headers.get("api-key"))
        path, method = request.url.path, request.method
        if (method, path) == ("GET", "/collections"):
            return result({"collections": [{"name": name} for name in self.collections]})
        name, place = re.fullmatch(r"/collections/([^/]+)(/.*|)", path).groups()
        if place == "/snapshots/upload":
            content = re.search(rb"\r\n\r\n(.*)\r\n--", request.read(), re.DOTALL)
            self.collections[name] = content[1]
            return result(True)
        if name not in self.collections:
            return httpx.Response(404, json={"status": {"error": "Not found"}})
        if (method, place) == ("DELETE", ""):
            del self.collections[name]
            return result(True)
        if place == "/cluster":
            return result({"local_shards": [{}], "remote_shards": self.remote_shards})
        if (method, place) == ("POST", "/snapshots"):
            data = self.collections[name]
            self.snapshots["one.snapshot"] = data
            return result({"name": "one.snapshot", "size": len(data), "checksum": hashlib.sha256(data).hexdigest()})
        if place == "/snapshots/one.snapshot":
            data = self.snapshots["one.snapshot"] if method == "GET" else self.snapshots.pop("one.snapshot")
            return httpx.Response(200, content=data[:-1] if self.changes_on_the_way else data) if method == "GET" else result(True)
        if place == "/facet":
            assert json.loads(request.content)["key"] == "version_id"
            return result({"hits": [{"value": version, "count": n} for version, n in self.points.items()]})
        if place == "/points/delete":
            (condition,) = json.loads(request.content)["filter"]["must"]
            for version in condition["match"]["any"]:
                del self.points[version]
            return result({"status": "completed"})
        raise AssertionError(f"{method} {path}")


def result(value: object) -> httpx.Response:
    return httpx.Response(200, json={"result": value, "status": "ok", "time": 0.0})


@pytest.fixture
def qdrant() -> ScriptedQdrant:
    return ScriptedQdrant()


@pytest.fixture
async def snapshots(qdrant: ScriptedQdrant) -> AsyncIterator[QdrantSnapshots]:
    async with httpx.AsyncClient(base_url="http://qdrant:6333", transport=httpx.MockTransport(qdrant)) as http:
        yield QdrantSnapshots(http)


async def fetched(snapshots: QdrantSnapshots) -> bytes:
    return b"".join([piece async for piece in snapshots.fetch(OURS)])


async def test_only_footnotes_collections_are_taken(snapshots: QdrantSnapshots):
    assert await snapshots.collections() == [OURS]


async def test_a_snapshot_is_fetched_and_removed_from_the_server(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant):
    await snapshots.require_one_node(OURS)
    assert await fetched(snapshots) == b"segments"
    assert qdrant.snapshots == {}


async def test_a_snapshot_that_arrives_otherwise_is_refused(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant):
    qdrant.changes_on_the_way = True
    with pytest.raises(IndexUnavailable, match="changed on its way"):
        await fetched(snapshots)
    assert qdrant.snapshots == {}


async def test_a_collection_on_several_nodes_is_refused(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant):
    qdrant.remote_shards = [{"shard_id": 1}]
    with pytest.raises(Conflict, match="--without-index"):
        await snapshots.require_one_node(OURS)


async def test_a_snapshot_makes_a_collection_that_is_not_there(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant, tmp_path: Path):
    (tmp_path / "snapshot").write_bytes(b"segments\r\nof another")
    with pytest.raises(Conflict, match="already"):
        await snapshots.restore(OURS, tmp_path / "snapshot")
    del qdrant.collections[OURS]
    await snapshots.restore(OURS, tmp_path / "snapshot")
    assert qdrant.collections[OURS] == b"segments\r\nof another"


async def test_a_collection_is_dropped_where_it_is_there(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant):
    for _ in range(2):
        await snapshots.drop(OURS)
    assert set(qdrant.collections) == {"of-somebody-else"}


async def test_points_of_unknown_versions_are_dropped(snapshots: QdrantSnapshots, qdrant: ScriptedQdrant):
    assert await snapshots.keep_only(OURS, ["ver_1", "ver_3"]) == ({"ver_1": 3}, 2)
    assert qdrant.points == {"ver_1": 3}


async def test_a_server_that_refuses_or_is_not_there_is_said(snapshots: QdrantSnapshots):
    with pytest.raises(IndexUnavailable, match="status 404"):
        await snapshots.require_one_node("footnote-unknown")
    async with qdrant_snapshots(IndexSettings(kind="qdrant", url="http://127.0.0.1:9", api_key="a-key")) as away:
        assert away._http.headers["api-key"] == "a-key"
        with pytest.raises(IndexUnavailable, match="does not answer"):
            await away.collections()
    with pytest.raises(InvalidSettings):
        async with qdrant_snapshots(IndexSettings()):
            pass
