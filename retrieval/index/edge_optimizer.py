"""Optimizes one shard, in a process of its own: ``python -m retrieval.index.edge_optimizer --shard FOLDER …``.

Started by ``edge_rebuild`` on a copy of the shard. Exit status 0: the shard was changed and is closed. Exit status 3: there was nothing
to do.
"""

import argparse
import os
import sys

from qdrant_edge import EdgeConfig, EdgeShard

from retrieval.index.edge_config import shard_config

NOTHING_TO_DO = 3
_NICENESS = 10


def optimize(folder: str, config: EdgeConfig) -> bool:
    """Build the graphs of a shard that no process has open; return whether anything was changed."""
    shard = EdgeShard.load(folder, config)
    try:
        changed = shard.optimize()
        shard.flush()
    finally:
        shard.close()
    return changed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="edge_optimizer")
    parser.add_argument("--shard", required=True)
    parser.add_argument("--dimension", type=int, required=True)
    parser.add_argument("--graph-from-points", type=int, required=True)
    parser.add_argument("--drop-deleted", action="store_true")
    options = parser.parse_args(arguments)
    os.nice(_NICENESS)  # questions that are asked meanwhile come first
    config = shard_config(dimension=options.dimension, graph_from_points=options.graph_from_points, drop_deleted=options.drop_deleted)
    return 0 if optimize(options.shard, config) else NOTHING_TO_DO


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
