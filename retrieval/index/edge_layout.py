"""Where Edge indexes lie in the data directory: one folder for each space, ``index/<space>/``.

An earlier footnote had one index, in ``index/`` itself. It is moved to its space's folder when an index is first opened: first its shard,
then its stamp, each by renaming. Whenever that is cut off, it is finished the next time, and nothing is embedded again.
"""

import os
import shutil
from pathlib import Path

from footnote.core.types import EmbeddingRecipe
from retrieval.index.edge_errors import engine_errors
from retrieval.index.edge_folder import STAMP
from retrieval.index.schema import IndexStamp

FOLDER = "index"


def space_folder(data_dir: Path, recipe: EmbeddingRecipe) -> Path:
    """Return the folder of the index that holds a recipe's vectors."""
    return data_dir / FOLDER / recipe.space


def move_single_index(data_dir: Path) -> None:
    """Bring a data directory from before there were spaces to the present layout; otherwise change nothing.

    Raises:
        IndexSchemaMismatch: there is an index whose stamp cannot be read; it is left where it is.
        StorageUnavailable, IndexUnavailable: the folders cannot be renamed.
    """
    with engine_errors("Moving the index to its own folder"):
        _move(data_dir / FOLDER)


def _move(folder: Path) -> None:
    if not (folder / STAMP).exists():
        return
    stamp = IndexStamp.from_json((folder / STAMP).read_text(encoding="utf-8"))
    destination = folder / stamp.recipe.space
    if (destination / STAMP).exists():
        return  # an earlier footnote has run on this directory since: what it wrote is read again from the catalog
    destination.mkdir(mode=0o700, exist_ok=True)
    if (folder / stamp.shard).exists():
        (folder / stamp.shard).rename(destination / stamp.shard)
    _sync(destination)
    (folder / STAMP).rename(destination / STAMP)
    _sync(destination)
    _sync(folder)
    for pattern in ("building-*", "shard-*"):  # what a crash had left there
        for leftover in folder.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
