"""The index in this process: Qdrant Edge, Qdrant's own engine, in a folder of the data directory.

Every call of the engine runs in one thread. The engine holds the interpreter's lock while it works, so a second thread would gain nothing,
and one thread means that no shard is closed under a query. What takes long is cut into pieces, between which queries get their turn; what
cannot be cut, building the graph, runs in another process on a copy (``edge_rebuild``), which then takes the old shard's place:
writes that came meanwhile are kept in a journal and written to the new shard before it becomes current.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog
from qdrant_edge import EdgeShard, UpdateOperation

from footnote.core.errors import FootnoteError, IndexUnavailable, StorageUnavailable
from footnote.core.offload import offload, offload_to
from footnote.core.types import Access, Attributes, EmbeddingRecipe, PartHealth
from retrieval.index import edge_shard
from retrieval.index.bm25 import Bm25Encoder
from retrieval.index.edge_config import shard_config
from retrieval.index.edge_errors import engine_errors
from retrieval.index.edge_filter import edge_filter
from retrieval.index.edge_folder import EdgeFolder
from retrieval.index.edge_rebuild import optimize_in_process
from retrieval.index.filters import AllOf, OneOf, visible
from retrieval.index.hits import ordered
from retrieval.index.points import check_points
from retrieval.index.port import HybridHits, IndexQuery, Point
from retrieval.index.schema import ATTACHMENT, COLLECTION, VERSION, IndexStamp, changeable_payload

Params = ParamSpec("Params")
Result = TypeVar("Result")

SLICE_POINTS = 64
"""Points written in one call of the engine: about 3 ms, which is what a query may have to wait."""

RESERVED_BYTES = 256 * 1024 * 1024
"""Writing stops when the disk has less room. The engine writes through memory maps: on a full disk the kernel ends the whole process."""


class EdgeIndex:
    """An ``Index`` in a folder.

    Args:
        folder: the index's own folder; one process at a time may have it open.
        recipe: the embedder whose vectors it holds.
        hnsw_ef: breadth of the graph search.
        optimize_after_points: after so many points written the graph is built, in the background.
        reserved_bytes: room on the disk that is left alone.
    """

    def __init__(
        self,
        folder: Path,
        *,
        recipe: EmbeddingRecipe,
        hnsw_ef: int = 256,
        optimize_after_points: int = 5_000,
        reserved_bytes: int = RESERVED_BYTES,
    ) -> None:
        self._folder = EdgeFolder(folder)
        self._recipe = recipe
        self._config = shard_config(dimension=recipe.dimension, graph_from_points=optimize_after_points)
        self._hnsw_ef = hnsw_ef
        self._optimize_after_points = optimize_after_points
        self._reserved_bytes = reserved_bytes
        self._bm25 = Bm25Encoder()
        self._engine = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")
        self._writing = asyncio.Lock()
        self._optimizing = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None
        self._n_written = 0
        self._journal: list[UpdateOperation] | None = None
        self._stamp: IndexStamp | None = None
        self._shard: EdgeShard | None = None
        self._closed = False

    async def open(self) -> None:
        await self._call("Opening the index", self._open)

    async def upsert(self, points: Sequence[Point]) -> None:
        check_points(points, dimension=self._recipe.dimension)
        if not points:
            return
        async with self._writing:
            for start in range(0, len(points), SLICE_POINTS):
                await self._call("Writing to the index", self._upsert, points[start : start + SLICE_POINTS])
            await self._call("Writing to the index", self._flush)
        self._n_written += len(points)
        self._optimize_when_due()

    async def search(self, query: IndexQuery, access: Access) -> HybridHits:
        condition = visible(
            access,
            excluded_versions=query.excluded_versions,
            editions=query.editions,
            other_editions=query.other_editions,
            attribute_filter=query.filter,
        )
        if condition is None or query.limit < 1:
            return ordered([])
        return await self._call("Searching", self._search, query, condition)

    async def count(self, access: Access | None = None, *, version_id: str | None = None) -> int:
        if access is None:
            condition = None if version_id is None else AllOf((OneOf(VERSION, (version_id,)),))
            return await self._call("Counting", self._count, condition)
        condition = visible(access, version_id=version_id)
        return 0 if condition is None else await self._call("Counting", self._count, condition)

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        payload = changeable_payload(principals=principals, attributes=attributes)
        await self._write(UpdateOperation.set_payload_by_filter(_where(ATTACHMENT, attachment_id), dict(payload)))

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        if version_ids:
            await self._write(UpdateOperation.delete_points_by_filter(_where(VERSION, *version_ids)))

    async def delete_collection(self, collection_id: str) -> None:
        await self._write(UpdateOperation.delete_points_by_filter(_where(COLLECTION, collection_id)))

    async def optimize(self) -> None:
        """Build the graphs and rewrite whatever holds deleted points."""
        await self._optimize(drop_deleted=True)

    async def purge(self) -> bool:
        """As the port says, always certain: the whole shard is copied, without its write-ahead log, and what was deleted stays behind."""
        await self._optimize(drop_deleted=True, always_replace=True)
        return True

    @property
    def path(self) -> Path:
        """The index's own folder."""
        return self._folder.path

    async def snapshot(self, destination: Path) -> None:
        """Make another index of this one, as it is at this moment, in a new folder. Writes wait meanwhile, searches do not.

        Raises:
            StorageUnavailable: there is no room for it; nothing of it is left.
        """
        async with self._writing:
            stamp, _ = self._opened()
            await self._call("Copying the index", self._flush)
            try:
                with engine_errors("Copying the index"):
                    await offload(self._require_room, self._folder.used_bytes(stamp))
                    await offload(self._folder.copy_to, destination, stamp)
            except BaseException:
                shutil.rmtree(destination, ignore_errors=True)
                raise

    async def health(self) -> PartHealth:
        try:
            n_points = await self.count()
        except FootnoteError as error:
            return PartHealth(name="index", ready=False, detail=str(error), facts={"kind": "edge"})
        return PartHealth(
            name="index",
            ready=True,
            detail=f"Qdrant Edge with {n_points} points.",
            facts={"kind": "edge", "points": n_points, "optimizing": self._optimizing.locked()},
        )

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        async with self._writing:
            await offload_to(self._engine, self._close)
        self._engine.shutdown(wait=False)

    # ---------------------------------------------------------------------------------------------------------- building the graph

    def _optimize_when_due(self) -> None:
        if self._n_written < self._optimize_after_points or (self._background is not None and not self._background.done()):
            return
        self._background = asyncio.create_task(self._optimize_in_background(), name="optimize the index")

    async def _optimize_in_background(self) -> None:
        try:
            await self._optimize(drop_deleted=False)
        except FootnoteError as error:
            structlog.get_logger(__name__).warning("index_not_optimized", error=str(error))

    async def _optimize(self, *, drop_deleted: bool, always_replace: bool = False) -> None:
        async with self._optimizing:
            self._n_written = 0
            building = self._folder.new_building()
            try:
                await self._begin_journal_and_copy(building)
                changed = await optimize_in_process(
                    building,
                    dimension=self._recipe.dimension,
                    graph_from_points=self._optimize_after_points,
                    drop_deleted=drop_deleted,
                )
                if changed or always_replace:
                    await self._take_over(building)
            finally:
                self._journal = None
                await offload(shutil.rmtree, building, ignore_errors=True)

    async def _begin_journal_and_copy(self, building: Path) -> None:
        """Copy the shard while nothing is written to it; from then on every write also goes into the journal."""
        async with self._writing:
            stamp, _ = self._opened()
            await self._call("Optimizing the index", self._flush)
            with engine_errors("Optimizing the index"):
                await offload(self._require_room, self._folder.used_bytes(stamp) * 2)
                await offload(self._folder.copy_shard, stamp, building)
            self._journal = []

    async def _take_over(self, building: Path) -> None:
        """Bring the optimized copy up to date and make it current; the old shard answers queries until the last step."""
        async with self._writing:
            stamp, old = self._opened()
            with engine_errors("Optimizing the index"):
                successor = await offload(self._folder.adopt, building, stamp)
            shard = await self._call("Optimizing the index", self._load, successor)
            for operation in self._journal or ():
                await self._call("Optimizing the index", shard.update, operation)
            await self._call("Optimizing the index", shard.flush)
            with engine_errors("Optimizing the index"):
                await offload(self._folder.write_stamp, successor)
            self._stamp, self._shard = successor, shard
            await self._call("Optimizing the index", old.close)
        await offload(shutil.rmtree, self._folder.shard(stamp), ignore_errors=True)

    # ------------------------------------------------------------------------------------------------------- in the engine's thread

    async def _call(self, doing: str, function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            with engine_errors(doing):
                return await offload_to(self._engine, function, *args, **kwargs)
        except RuntimeError as error:
            if not self._closed:
                raise
            raise IndexUnavailable(f"{doing} failed: the index is closed.") from error  # its thread takes no more work

    async def _write(self, operation: UpdateOperation) -> None:
        async with self._writing:
            await self._call("Writing to the index", self._apply, operation)
            await self._call("Writing to the index", self._flush)

    def _open(self) -> None:
        stamp = self._folder.read_stamp(self._recipe)
        if not self._folder.shard(stamp).exists():
            building = self._folder.new_building()
            edge_shard.create_shard(building, self._config)
            building.rename(self._folder.shard(stamp))
        self._shard = self._load(stamp)
        edge_shard.index_fields(self._shard)
        self._stamp = stamp
        self._folder.remove_leftovers(stamp)

    def _load(self, stamp: IndexStamp) -> EdgeShard:
        shard = EdgeShard.load(str(self._folder.shard(stamp)), self._config)
        edge_shard.skip_operations(shard, self._folder.n_operations_behind(stamp))
        return shard

    def _opened(self) -> tuple[IndexStamp, EdgeShard]:
        if self._shard is None or self._stamp is None:
            raise IndexUnavailable("The index is not open.")
        return self._stamp, self._shard

    def _upsert(self, points: Sequence[Point]) -> None:
        self._require_room(0)
        self._apply(edge_shard.upserting(points, self._bm25))

    def _apply(self, operation: UpdateOperation) -> None:
        _, shard = self._opened()
        shard.update(operation)
        if self._journal is not None:
            self._journal.append(operation)

    def _flush(self) -> None:
        _, shard = self._opened()
        shard.flush()

    def _search(self, query: IndexQuery, condition: AllOf) -> HybridHits:
        _, shard = self._opened()
        return edge_shard.search(shard, query, condition, bm25=self._bm25, hnsw_ef=self._hnsw_ef)

    def _count(self, condition: AllOf | None) -> int:
        _, shard = self._opened()
        return edge_shard.count(shard, condition)

    def _close(self) -> None:
        shard, self._shard = self._shard, None
        if shard is not None:
            with engine_errors("Closing the index"):
                shard.flush()
                shard.close()

    def _require_room(self, n_bytes: int) -> None:
        free = self._folder.free_bytes()
        if free < n_bytes + self._reserved_bytes:
            raise StorageUnavailable(
                f"The disk of the index has {free // 2**20} MiB left; {(n_bytes + self._reserved_bytes) // 2**20} MiB are needed.",
                hint=f"Make room on the disk that holds {self._folder.path}.",
            )


def _where(field: str, *words: str) -> "edge_shard.EdgeFilter":
    return edge_filter(AllOf((OneOf(field, words),)))
