"""The public data sets of the retrieval benchmarks, read from the folder that ``--data`` names."""

import argparse
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, packed by gzip where its name ends in ``.gz``."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def read_qrels(path: Path) -> Mapping[str, Mapping[str, int]]:
    """Return relevance by query and document, from a table in BEIR's form."""
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, relevance = line.split("\t")
        qrels[query][document] = int(relevance)
    return qrels


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be told where the data is, by ``--data`` or by the environment."""
    named = os.environ.get("FOOTNOTE_BENCH_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(named) if named else None,
        required=not named,
        help="the data's folder; by default FOOTNOTE_BENCH_DATA",
    )
