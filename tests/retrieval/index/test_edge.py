"""The contract on Qdrant Edge, and what Edge alone has to promise: a folder that survives kill -9, and a graph built beside queries."""

import asyncio
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from qdrant_edge import EdgeShard, UpdateOperation

from footnote.core.errors import IndexSchemaMismatch, IndexUnavailable, StorageUnavailable
from footnote.core.settings import IndexSettings
from retrieval.index.edge import EdgeIndex
from retrieval.index.edge_config import shard_config
from retrieval.index.factory import create_index
from retrieval.index.port import Index
from retrieval.index.schema import INDEXED
from tests.retrieval.index.contract import IndexContract, chunks
from tests.retrieval.index.points import EVERYBODY, RECIPE, axis, point, query


class TestEdge(IndexContract):
    @pytest.fixture
    async def index(self, tmp_path):
        index = create_index(IndexSettings(), data_dir=tmp_path, recipe=RECIPE)
        await index.open()
        yield index
        await index.close()

    @pytest.fixture
    async def reopen(self, index, tmp_path):
        opened: list[Index] = []

        async def reopened() -> Index:
            await index.close()
            opened.append(create_index(IndexSettings(), data_dir=tmp_path, recipe=RECIPE))
            await opened[-1].open()
            return opened[-1]

        yield reopened
        for again in opened:
            await again.close()


def edge(folder: Path, **settings: object) -> EdgeIndex:
    return EdgeIndex(folder, recipe=settings.pop("recipe", RECIPE), **settings)


async def opened(folder: Path, **settings: object) -> EdgeIndex:
    index = edge(folder, **settings)
    await index.open()
    return index


# ------------------------------------------------------------------------------------------------------------------ the folder


@pytest.mark.parametrize("change", [{"revision": "2"}, {"dimension": 9}, {"max_tokens": 100}, {"query_prefix": "query: "}])
async def test_a_folder_built_with_another_recipe_is_refused(tmp_path, change):
    await (await opened(tmp_path)).close()
    other = edge(tmp_path, recipe=dataclasses.replace(RECIPE, **change))
    with pytest.raises(IndexSchemaMismatch, match=next(iter(change))):
        await other.open()
    await other.close()


@pytest.mark.parametrize("stamp", ["", "{}", "[1]", '{"shard": "x", "schema_version": 1, "recipe": {"model": "m"}}'])
async def test_a_stamp_that_cannot_be_read_is_refused(tmp_path, stamp):
    await (await opened(tmp_path)).close()
    (tmp_path / "index.json").write_text(stamp)
    with pytest.raises(IndexSchemaMismatch):
        await opened(tmp_path)


async def test_an_older_schema_is_refused(tmp_path):
    await (await opened(tmp_path)).close()
    stamp = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(stamp | {"schema_version": 0}))
    with pytest.raises(IndexSchemaMismatch, match="schema 0"):
        await opened(tmp_path)


async def test_shards_without_a_stamp_are_refused_and_left_alone(tmp_path):
    index = await opened(tmp_path)
    await index.upsert([point("a")])
    await index.close()
    (tmp_path / "index.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(IndexSchemaMismatch):
        await opened(tmp_path)
    (tmp_path / "elsewhere.json").rename(tmp_path / "index.json")
    again = await opened(tmp_path)
    assert await again.count() == 1
    await again.close()


async def test_a_folder_that_another_index_has_open_is_refused(tmp_path):
    index = await opened(tmp_path)
    second = edge(tmp_path)
    with pytest.raises(IndexUnavailable, match="another process"):
        await second.open()
    await second.close()
    await index.upsert([point("a")])
    assert await index.count() == 1
    await index.close()


async def test_leftovers_of_a_crash_are_removed(tmp_path):
    index = await opened(tmp_path)
    await index.upsert([point("a")])
    await index.close()
    (tmp_path / "building-0123").mkdir()
    (tmp_path / "shard-000009").mkdir()
    again = await opened(tmp_path)
    assert await again.count() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.json", "shard-000001"]
    await again.close()


async def test_an_index_of_an_earlier_footnote_gets_the_payload_indexes_that_came_later(tmp_path):
    index = await opened(tmp_path)
    await index.upsert([point("a"), point("b", edition="r1")])
    await index.close()
    config = shard_config(dimension=RECIPE.dimension, graph_from_points=5_000)
    shard = EdgeShard.load(str(tmp_path / "shard-000001"), config)
    shard.update(UpdateOperation.delete_field_index("edition"))
    shard.close()
    again = await opened(tmp_path)
    assert await again.count() == 2
    await again.close()
    shard = EdgeShard.load(str(tmp_path / "shard-000001"), config)
    indexed = shard.info().payload_schema
    shard.close()
    assert set(indexed) == set(INDEXED)


async def test_a_closed_index_says_so(tmp_path):
    index = edge(tmp_path)
    with pytest.raises(IndexUnavailable, match="not open"):
        await index.count()
    assert not (await index.health()).ready
    await index.close()


async def test_a_call_after_closing_says_so(tmp_path):
    index = await opened(tmp_path)
    await index.close()
    for call in (index.search(query(axis(0)), EVERYBODY), index.upsert([point("a")]), index.delete_versions(["ver_1"]), index.optimize()):
        with pytest.raises(IndexUnavailable):
            await call
    assert not (await index.health()).ready


async def test_a_full_disk_refuses_writes_and_goes_on_answering(tmp_path):
    index = await opened(tmp_path)
    await index.upsert([point("a")])
    await index.close()
    full = await opened(tmp_path, reserved_bytes=2**62)
    with pytest.raises(StorageUnavailable, match="MiB left"):
        await full.upsert([point("b")])
    with pytest.raises(StorageUnavailable):
        await full.optimize()
    assert chunks(await full.search(query(axis(0)), EVERYBODY)) == ["a"]
    await full.close()


async def test_a_disk_that_takes_no_more_bytes(tmp_path):
    """The file system's own refusal, by a limit on file size in a process of its own."""
    script = """
        import asyncio, resource, signal, sys
        from pathlib import Path
        from footnote.core.errors import StorageUnavailable
        from retrieval.index.edge import EdgeIndex
        from tests.retrieval.index.points import RECIPE

        async def main():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            index = EdgeIndex(Path(sys.argv[1]), recipe=RECIPE)
            try:
                await index.open()
            except StorageUnavailable as error:
                print("refused:", error.hint)
            await index.close()

        asyncio.run(main())
    """
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "i")], capture_output=True, text=True, timeout=60
    )
    assert result.stdout.startswith("refused: Make room"), result.stderr


# -------------------------------------------------------------------------------------------------------------------- kill -9


WRITER = """
    import asyncio, sys
    from pathlib import Path
    from retrieval.index.edge import EdgeIndex
    from tests.retrieval.index.points import RECIPE, axis, point

    async def main():
        index = EdgeIndex(Path(sys.argv[1]), recipe=RECIPE, optimize_after_points=int(sys.argv[2]))
        await index.open()
        for n in range(1_000_000):
            await index.upsert([point(f"chunk_{n}_{m}", dense=axis(n), text=f"word{n}", version=f"ver_{n}") for m in range(100)])
            print(n, flush=True)

    asyncio.run(main())
"""


@pytest.mark.parametrize(("batches", "optimize_after_points"), [(1, 10**9), (7, 10**9), (25, 500)])
async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, batches, optimize_after_points):
    """The writer is killed in the middle of writing, in the last case also while graphs are built and shards change places."""
    with subprocess.Popen(  # noqa: ASYNC220  # to be killed at a moment of our choosing
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), str(optimize_after_points)], stdout=subprocess.PIPE, text=True
    ) as writer:
        acknowledged = [int(await asyncio.to_thread(writer.stdout.readline)) for _ in range(batches)]
        os.kill(writer.pid, signal.SIGKILL)
        rest = await asyncio.to_thread(writer.stdout.read)
    acknowledged += [int(line) for line in rest.split()]

    index = await opened(tmp_path)
    for n in acknowledged:
        assert await index.count(version_id=f"ver_{n}") == 100, n
    assert chunks(await index.search(query(text=f"word{acknowledged[-1]}", limit=1), EVERYBODY))
    assert await index.count() in range(len(acknowledged) * 100, len(acknowledged) * 100 + 101)  # what was in flight may be there or not
    await index.upsert([point("after", dense=axis(1), version="ver_after")])
    assert await index.count(version_id="ver_after") == 1
    await index.close()


# ---------------------------------------------------------------------------------------------------------- building the graph


N_POINTS = 20_000
WIDE = dataclasses.replace(RECIPE, dimension=384)


@pytest.mark.slow
async def test_queries_and_writes_go_on_while_the_graph_is_built(tmp_path):
    index = await opened(tmp_path, recipe=WIDE, optimize_after_points=N_POINTS)
    random = np.random.default_rng(7)
    vectors = random.standard_normal((N_POINTS, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    await index.upsert([point(f"chunk_{n}", dense=vectors[n], text=f"word{n % 500}") for n in range(N_POINTS)])

    latencies: list[float] = []
    n_written = 0
    while (await index.health()).facts["optimizing"]:
        started = time.perf_counter()
        found = await index.search(query(vectors[len(latencies)], limit=5), EVERYBODY)
        latencies.append(time.perf_counter() - started)
        assert found.similarities[0] == pytest.approx(1.0, abs=1e-4)
        await index.upsert([point(f"late_{n_written}", dense=vectors[n_written], text="latecomer", version="ver_late")])
        n_written += 1
        await asyncio.sleep(0.05)

    assert (tmp_path / "shard-000002").exists()
    assert len(latencies) > 20
    assert np.median(latencies) < 0.2
    assert max(latencies) < 2.0  # the build takes several seconds; no query waits for it
    assert await index.count(version_id="ver_late") == n_written
    assert await index.count() == N_POINTS + n_written
    asked = query(vectors[11], limit=3)
    by_graph, exactly = await index.search(asked, EVERYBODY), await index.search(dataclasses.replace(asked, exact=True), EVERYBODY)
    assert by_graph.hits[0].score == pytest.approx(exactly.hits[0].score, abs=1e-4)
    await index.close()
    again = await opened(tmp_path, recipe=WIDE)
    assert await again.count() == N_POINTS + n_written
    await again.close()


async def test_the_graph_is_built_by_itself_after_enough_points(tmp_path):
    index = await opened(tmp_path, optimize_after_points=50)
    await index.upsert([point(f"chunk_{n}", dense=axis(n), text="word") for n in range(60)])
    for _ in range(200):
        if not (tmp_path / "shard-000001").exists():
            break
        await asyncio.sleep(0.05)
    assert (tmp_path / "shard-000002").exists()
    assert await index.count() == 60
    await index.close()


async def test_closing_ends_a_build_that_is_under_way(tmp_path):
    index = await opened(tmp_path, optimize_after_points=50)
    await index.upsert([point(f"chunk_{n}", dense=axis(n), text="word") for n in range(60)])
    await asyncio.sleep(0.05)
    await index.close()
    again = await opened(tmp_path)
    assert await again.count() == 60
    assert not list(tmp_path.glob("building-*"))
    await again.close()


async def test_optimizing_leaves_nothing_of_deleted_points_on_the_disk(tmp_path):
    index = await opened(tmp_path)
    await index.upsert([point(f"chunk_{n}", dense=axis(n), text="word") for n in range(50)])
    await index.upsert([point("chunk_secret", version="ver_secret", attachment="att_confidential", codename="Bluebird")])
    await index.delete_versions(["ver_secret"])
    await index.optimize()
    assert await index.count() == 50
    await index.close()
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for trace in (b"att_confidential", b"Bluebird", b"chunk_secret"):
            assert trace not in content, file


async def test_what_was_written_before_the_graph_was_built_can_be_changed_and_deleted_after_it(tmp_path):
    """The engine leaves out operations that are older than a point, by numbers which begin anew in the shard that takes over."""
    index = await opened(tmp_path)
    for n in range(40):
        await index.upsert([point(f"chunk_{n}", version=f"ver_{n % 2}", attachment=f"att_{n % 2}")])
    await index.optimize()
    await index.update_payload("att_0", principals=frozenset({"others"}), attributes={})
    assert await index.count(EVERYBODY) == 20
    await index.delete_versions(["ver_1"])
    assert await index.count() == 20
    await index.close()
    again = await opened(tmp_path)
    await again.delete_versions(["ver_0"])
    assert await again.count() == 0
    await again.close()


@pytest.mark.parametrize(("n_kept", "n_gone", "graph_first"), [(0, 5, False), (30, 1, False), (30, 1, True), (3, 30, True)])
async def test_purging_leaves_nothing_of_deleted_points_on_the_disk(tmp_path, n_kept: int, n_gone: int, graph_first: bool):
    index = await opened(tmp_path, optimize_after_points=10)
    # Graphs are built when the test says so: each takes a process, and whether one is under way when files are read would be chance.
    index._optimize_when_due = lambda: None
    kept = [point(f"kept_{n}", dense=axis(n, tilt=0.1 + n / 100), team="green") for n in range(n_kept)]
    gone = [
        point(f"gone_{n}", dense=axis(n, tilt=0.5 + n / 100), version="ver_2", attachment="att_confidential", codename="Bluebird")
        for n in range(n_gone)
    ]
    for each in [each for pair in zip_longest(kept, gone) for each in pair if each is not None]:
        await index.upsert([each])
    if graph_first:
        await index.optimize()
    await index.update_payload("att_confidential", principals=frozenset({"everyone"}), attributes={"codename": "Redstart"})
    traces = (b"att_confidential", b"Bluebird", b"Redstart", *(each.dense.tobytes() for each in gone))
    assert any(trace in content for content in contents(tmp_path) for trace in traces)
    await index.delete_versions(["ver_2"])
    assert await index.purge()
    assert await index.count() == n_kept
    for _ in ("open", "closed"):
        for content in contents(tmp_path):
            assert not [trace for trace in traces if trace in content]
        await index.close()
    left = contents(tmp_path)
    assert all(any(each.dense.tobytes() in content for content in left) for each in kept)


async def test_purging_while_a_graph_is_built_leaves_nothing_of_deleted_points_either(tmp_path):
    """The build has copied the points before they were deleted; the journal deletes them in what takes over, and the purge follows."""
    index = await opened(tmp_path, optimize_after_points=10)
    gone = [point(f"gone_{n}", dense=axis(n, tilt=0.5 + n / 100), version="ver_2", attachment="att_confidential") for n in range(12)]
    await index.upsert([point(f"kept_{n}", dense=axis(n, tilt=0.1 + n / 100)) for n in range(4)])
    await index.upsert(gone)
    async with asyncio.timeout(60):
        while not list(tmp_path.glob("building-*")):
            await asyncio.sleep(0.005)
    await index.delete_versions(["ver_2"])
    assert await index.purge()
    assert index._background is not None
    assert index._background.done()
    for _ in ("open", "closed"):
        assert not [content for content in contents(tmp_path) if b"att_confidential" in content or gone[0].dense.tobytes() in content]
        await index.close()
    assert not list(tmp_path.glob("building-*"))


def contents(folder: Path) -> list[bytes]:
    """Return what is in the files. Of long runs of zeros little is left: write-ahead logs are megabytes of them, and looking through
    those for vectors that are mostly zeros themselves takes minutes. What is left is longer than any vector here."""
    return [path.read_bytes().replace(bytes(4096), bytes(256)) for path in folder.rglob("*") if path.is_file()]


async def test_a_build_that_fails_leaves_the_index_as_it_was(tmp_path, monkeypatch):
    index = await opened(tmp_path)
    await index.upsert([point("a")])
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(IndexUnavailable, match="status 1"):
        await index.optimize()
    await index.upsert([point("b")])
    assert await index.count() == 2
    assert [path.name for path in tmp_path.glob("*-*")] == ["shard-000001"]
    await index.close()


async def test_a_takeover_that_fails_does_not_stand_in_the_way_of_the_next_one(tmp_path, monkeypatch):
    index = await opened(tmp_path)
    await index.upsert([*(point(f"kept {n}") for n in range(4)), *(point(f"gone {n}", version="ver_2") for n in range(4))])
    await index.delete_versions(["ver_2"])

    def full(folder, stamp):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("retrieval.index.edge_folder.EdgeFolder.write_stamp", full)
        with pytest.raises(StorageUnavailable):
            await index.optimize()
    assert await index.count() == 4
    await index.optimize()
    assert await index.count() == 4
    assert [path.name for path in tmp_path.glob("*-*")] == ["shard-000002"]
    await index.close()
