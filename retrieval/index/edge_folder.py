"""The folder of an Edge index, and how one shard takes the place of another so that a crash at any moment leaves a whole one.

index.json        the stamp: schema, recipe, and the name of the current shard; replaced in one step
shard-000001/     the current shard
building-…/       a shard that is being made; never read, removed when the index is next opened
"""

import errno
import json
import os
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from footnote.core.errors import IndexSchemaMismatch
from footnote.core.types import EmbeddingRecipe
from retrieval.index.schema import REBUILD_HINT, SCHEMA_VERSION, IndexStamp

STAMP = "index.json"
_SHARD = "shard-"
_BUILDING = "building-"
_WRITE_AHEAD_LOG = "wal"
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EdgeFolder:
    """Paths and small files; it never opens a shard. All methods block."""

    path: Path

    def read_stamp(self, recipe: EmbeddingRecipe) -> IndexStamp:
        """Return the stamp, and write the first one where the folder is empty.

        Raises:
            IndexSchemaMismatch: the index was built under another schema or recipe, or there are shards without a stamp.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        stamp_file = self.path / STAMP
        if stamp_file.exists():
            stamp = IndexStamp.from_json(stamp_file.read_text(encoding="utf-8"))
            stamp.check(recipe)
            return stamp
        if any(self.path.glob(f"{_SHARD}*")):
            raise IndexSchemaMismatch(f"{self.path} holds an index without {STAMP}.", hint=REBUILD_HINT)
        stamp = IndexStamp(shard=f"{_SHARD}{1:06d}", schema_version=SCHEMA_VERSION, recipe=recipe)
        self.write_stamp(stamp)
        return stamp

    def write_stamp(self, stamp: IndexStamp) -> None:
        """Replace the stamp in one step; it is on disk when this returns."""
        temporary = self.path / f"{STAMP}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(stamp.to_json())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / STAMP)
        self._sync()

    def shard(self, stamp: IndexStamp) -> Path:
        return self.path / stamp.shard

    def new_building(self) -> Path:
        """Return a path for a shard that is to be made, with a name of its own: an orphaned builder may still write to an older one."""
        return self.path / f"{_BUILDING}{uuid.uuid4().hex}"

    def copy_shard(self, stamp: IndexStamp, destination: Path) -> None:
        """Copy the current shard, which must be flushed and not written to meanwhile.

        Its write-ahead log stays behind: after a flush the segments hold everything, and the log still holds what was deleted.
        """
        source = self.shard(stamp)

        def skip_log(folder: str, names: list[str]) -> list[str]:
            return [name for name in names if name == _WRITE_AHEAD_LOG and Path(folder) == source]

        shutil.copytree(source, destination, ignore=skip_log, copy_function=_copy_without_holes)

    def copy_to(self, destination: Path, stamp: IndexStamp) -> None:
        """Make another index of this one, in a new folder; the shard is as ``copy_shard`` wants it."""
        destination.mkdir(mode=0o700, parents=True)
        self.copy_shard(stamp, destination / stamp.shard)
        EdgeFolder(destination).write_stamp(stamp)

    def copy_closed(self, destination: Path) -> None:
        """Make another index of this one, which nobody has open, in a new folder; with its log, as it may not have been flushed."""
        stamp = IndexStamp.from_json((self.path / STAMP).read_text(encoding="utf-8"))
        destination.mkdir(mode=0o700, parents=True)
        shutil.copytree(self.shard(stamp), destination / stamp.shard, copy_function=_copy_without_holes)
        EdgeFolder(destination).write_stamp(stamp)

    def n_operations_behind(self, stamp: IndexStamp) -> int:
        """Return by how much the number of the shard's next operation is below that of the newest one in its segments.

        Not 0 after ``copy_shard``: see ``edge_shard.skip_operations``.
        """
        shard = self.shard(stamp)
        acknowledged = shard / _WRITE_AHEAD_LOG / "first-index"
        n_logged = json.loads(acknowledged.read_text(encoding="utf-8"))["ack_index"] if acknowledged.exists() else 0
        segments = [json.loads(file.read_text(encoding="utf-8")) for file in (shard / "segments").glob("*/segment.json")]
        newest = max((segment["version"] or 0 for segment in segments), default=0)
        return max(0, newest + 1 - n_logged)

    def adopt(self, building: Path, stamp: IndexStamp) -> IndexStamp:
        """Give a shard that was made, and is closed, the name of the next shard; return the stamp that will make it current."""
        number = int(stamp.shard.removeprefix(_SHARD)) + 1
        successor = replace(stamp, shard=f"{_SHARD}{number:06d}")
        shutil.rmtree(self.shard(successor), ignore_errors=True)  # of a takeover that failed before its stamp was written
        building.rename(self.shard(successor))
        self._sync()
        return successor

    def remove_leftovers(self, stamp: IndexStamp) -> None:
        """Remove every shard but the current one: what a crash left behind."""
        for pattern in (f"{_BUILDING}*", f"{_SHARD}*"):
            for folder in self.path.glob(pattern):
                if folder.name != stamp.shard:
                    shutil.rmtree(folder, ignore_errors=True)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def used_bytes(self, stamp: IndexStamp) -> int:
        """Return the bytes that the current shard takes on disk; sparse files count for what is written of them."""
        return sum(file.stat().st_blocks * 512 for file in self.shard(stamp).rglob("*") if file.is_file())

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _copy_without_holes(source: str, destination: str) -> None:
    """Copy what is written of a file, and leave its holes as they are: the engine reserves a hundred times what few points need."""
    with Path(source).open("rb", buffering=0) as old, Path(destination).open("xb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        start = 0
        while start < size:
            try:
                start = os.lseek(old.fileno(), start, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return  # nothing but a hole is left
            end = os.lseek(old.fileno(), start, os.SEEK_HOLE)
            while start < end:
                piece = os.pread(old.fileno(), min(_PIECE_BYTES, end - start), start)
                start += os.pwrite(new.fileno(), piece, start)
