"""Edge indexes in backups: copies of those that are open, which files make one, and bringing a restored one into line with its catalog."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from qdrant_edge import EdgeShard, FacetRequest, UpdateOperation

from footnote.core.data_directory import INDEX_SNAPSHOT
from footnote.core.offload import offload
from retrieval.index import edge_shard
from retrieval.index.edge import EdgeIndex
from retrieval.index.edge_config import shard_config
from retrieval.index.edge_errors import engine_errors
from retrieval.index.edge_filter import edge_filter
from retrieval.index.edge_folder import STAMP, EdgeFolder
from retrieval.index.filters import AllOf, OneOf
from retrieval.index.port import Index
from retrieval.index.schema import VERSION, IndexStamp

SNAPSHOT = INDEX_SNAPSHOT

_DEPTH = 3
VERSIONS_PER_CALL = 1_000


def index_folders(folder: Path) -> list[Path]:
    """Return the folders of indexes in a data directory, or in a copy of one."""
    stamps = (stamp for depth in range(1, _DEPTH + 1) for stamp in folder.glob("*/" * depth + STAMP))
    return sorted(stamp.parent for stamp in stamps if SNAPSHOT not in stamp.relative_to(folder).parts)


def files_of(index: Path) -> Iterator[Path]:
    """Yield the files of an index: its stamp and the shard that is current, not what a crash has left beside it."""
    yield index / STAMP
    yield from (path for path in sorted((index / _stamp(index).shard).rglob("*")) if path.is_file())


async def snapshot_open(indexes: Iterable[Index], *, data_dir: Path) -> Path | None:
    """Copy all Edge indexes of a data directory into the folder ``SNAPSHOT``, each to where it lies.

    Those that are open copy themselves; of the others, which nobody writes to, the files are copied. The folder is the caller's to remove;
    what an earlier call left there is removed first. None where none of the open indexes is of this kind.

    Raises:
        StorageUnavailable: there is no room.
    """
    destination = data_dir / SNAPSHOT
    await offload(shutil.rmtree, destination, ignore_errors=True)
    edge = [index for index in indexes if isinstance(index, EdgeIndex)]
    for index in edge:
        await index.snapshot(destination / index.path.relative_to(data_dir))
    is_open = {index.path for index in edge}
    for closed in index_folders(data_dir) if edge else ():
        if closed not in is_open:
            await offload(EdgeFolder(closed).copy_closed, destination / closed.relative_to(data_dir))
    return destination if edge else None


def keep_only(index: Path, version_ids: Collection[str]) -> tuple[Mapping[str, int], int]:
    """Delete the points of all other versions; return the number of points of each version that is left, and how many went.

    Nobody else may have the index open.

    Raises:
        IndexUnavailable: the index cannot be opened.
        StorageUnavailable: it cannot be written.
    """
    stamp = _stamp(index)
    with engine_errors("Checking the restored index"):
        shard = EdgeShard.load(str(index / stamp.shard), shard_config(dimension=stamp.recipe.dimension, graph_from_points=1))
        try:
            edge_shard.skip_operations(shard, EdgeFolder(index).n_operations_behind(stamp))
            found = _points_by_version(shard)
            unknown = sorted(found.keys() - set(version_ids))
            for start in range(0, len(unknown), VERSIONS_PER_CALL):
                condition = AllOf((OneOf(VERSION, tuple(unknown[start : start + VERSIONS_PER_CALL])),))
                shard.update(UpdateOperation.delete_points_by_filter(edge_filter(condition)))
            shard.flush()
        finally:
            shard.close()
    kept = {version: n for version, n in found.items() if version not in unknown}
    return kept, sum(found.values()) - sum(kept.values())


def _points_by_version(shard: EdgeShard) -> dict[str, int]:
    # More hits than points there cannot be.
    n_points = edge_shard.count(shard, None)
    hits = shard.facet(FacetRequest(VERSION, limit=max(1, n_points), exact=True)).hits
    return {str(hit.value): hit.count for hit in hits}


def _stamp(index: Path) -> IndexStamp:
    return IndexStamp.from_json((index / STAMP).read_text(encoding="utf-8"))
