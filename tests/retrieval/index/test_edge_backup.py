"""Edge indexes in backups: copied while they are open, and pruned to what a catalog knows."""

import asyncio
from pathlib import Path

import pytest

from footnote.core.errors import StorageUnavailable
from retrieval.index import edge
from retrieval.index.edge import EdgeIndex
from retrieval.index.edge_backup import SNAPSHOT, files_of, index_folders, keep_only, snapshot_open
from tests.retrieval.index.points import EVERYBODY, RECIPE, axis, point, query


async def opened(folder: Path) -> EdgeIndex:
    index = EdgeIndex(folder, recipe=RECIPE)
    await index.open()
    return index


async def test_a_snapshot_holds_what_was_there_and_nothing_later(tmp_path: Path):
    index = await opened(tmp_path / "index")
    await index.upsert([point(f"c{n}", dense=axis(n), version="ver_1") for n in range(5)])
    folder = await snapshot_open([index], data_dir=tmp_path)
    await index.upsert([point("late", version="ver_2")])
    assert folder == tmp_path / SNAPSHOT
    copy = await opened(folder / "index")
    assert await copy.count() == 5
    found = await copy.search(query(axis(3), limit=1), EVERYBODY)
    assert [hit.chunk_id for hit in found.hits] == ["c3"]
    assert await index.count() == 6
    await copy.close()
    await index.close()


async def test_writes_wait_for_a_snapshot_and_are_in_it_whole_or_not(tmp_path: Path):
    index = await opened(tmp_path / "index")
    writes = [asyncio.create_task(index.upsert([point(f"{n}-{m}", version=f"ver_{n}") for m in range(150)])) for n in range(6)]
    await asyncio.sleep(0.01)
    folder = await snapshot_open([index], data_dir=tmp_path)
    await asyncio.gather(*writes)
    kept, n_dropped = keep_only(folder / "index", [f"ver_{n}" for n in range(6)])
    assert set(kept.values()) <= {150}
    assert n_dropped == 0
    await index.close()


async def test_indexes_that_are_not_open_are_copied_too(tmp_path: Path):
    kept = await opened(tmp_path / "index" / "kept")
    await kept.upsert([point(f"c{n}") for n in range(3)])
    await kept.close()
    index = await opened(tmp_path / "index" / "current")
    folder = await snapshot_open([index], data_dir=tmp_path)
    await index.close()
    assert index_folders(folder) == [folder / "index" / "current", folder / "index" / "kept"]
    copy = await opened(folder / "index" / "kept")
    assert await copy.count() == 3
    await copy.close()


async def test_a_snapshot_takes_no_more_room_than_the_index(tmp_path: Path):
    index = await opened(tmp_path / "index")
    await index.upsert([point("c")])
    folder = await snapshot_open([index], data_dir=tmp_path)
    await index.close()

    def used(place: Path) -> int:
        return sum(path.stat().st_blocks * 512 for path in files_of(place) if "wal" not in path.parts)

    assert used(folder / "index") <= used(tmp_path / "index") * 1.2


async def test_the_next_snapshot_replaces_what_was_left(tmp_path: Path):
    (tmp_path / SNAPSHOT / "index").mkdir(parents=True)
    (tmp_path / SNAPSHOT / "index" / "leftover").write_text("")
    index = await opened(tmp_path / "index")
    folder = await snapshot_open([index], data_dir=tmp_path)
    assert not (folder / "index" / "leftover").exists()
    await index.close()


async def test_without_room_nothing_is_left_and_the_index_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    index = await opened(tmp_path / "index")
    monkeypatch.setattr(edge.EdgeFolder, "free_bytes", lambda _: 0)
    with pytest.raises(StorageUnavailable):
        await snapshot_open([index], data_dir=tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / SNAPSHOT / "index").exists()
    await index.upsert([point("c")])
    assert await index.count() == 1
    await index.close()


async def test_files_are_those_of_the_current_shard(tmp_path: Path):
    index = await opened(tmp_path / "index")
    await index.upsert([point("c")])
    await index.close()
    (tmp_path / "index" / "building-1").mkdir()
    (tmp_path / "index" / "building-1" / "half").write_text("")
    (tmp_path / SNAPSHOT / "index").mkdir(parents=True)
    (tmp_path / SNAPSHOT / "index" / "index.json").write_text("{}")
    assert index_folders(tmp_path) == [tmp_path / "index"]
    names = {path.relative_to(tmp_path / "index").parts[0] for path in files_of(tmp_path / "index")}
    assert names == {"index.json", "shard-000001"}


async def test_points_of_unknown_versions_are_dropped_and_the_rest_is_counted(tmp_path: Path):
    index = await opened(tmp_path / "index")
    await index.upsert([point(f"{version}-{n}", version=version) for version in ("ver_1", "ver_2", "ver_3") for n in range(4)])
    await index.close()
    kept, n_dropped = keep_only(tmp_path / "index", ["ver_1", "ver_3", "ver_never_indexed"])
    assert (kept, n_dropped) == ({"ver_1": 4, "ver_3": 4}, 4)
    index = await opened(tmp_path / "index")
    assert [await index.count(version_id=f"ver_{n}") for n in (1, 2, 3)] == [4, 0, 4]
    await index.close()
    assert keep_only(tmp_path / "index", []) == ({}, 8)


async def test_points_are_dropped_from_a_snapshot_too(tmp_path: Path):
    """A snapshot has no write-ahead log, and the engine passes over operations with numbers that it has seen."""
    index = await opened(tmp_path / "index")
    for n in range(20):
        await index.upsert([point(f"c{n}", version=f"ver_{n % 2}")])
    folder = await snapshot_open([index], data_dir=tmp_path)
    await index.close()
    assert keep_only(folder / "index", ["ver_0"]) == ({"ver_0": 10}, 10)
    copy = await opened(folder / "index")
    assert (await copy.count(), await copy.count(version_id="ver_1")) == (10, 0)
    await copy.close()
