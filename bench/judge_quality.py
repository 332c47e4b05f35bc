"""Measure the judge that comes with footnote on public sets, and write what every report says of it by default.

    python -m bench.judge_quality --data DIR [--vectors FILE]     writes evaluation/judge_quality.json

DIR holds the sets of ``bench/judge.py``; their test splits are measured. Ten minutes or so on two cores.
"""

import argparse
import asyncio
import hashlib
import json
import os
from pathlib import Path

from bench.judge import FILES, TEST_SPLITS, read_pairs
from bench.remembered_vectors import RememberingEmbedder
from evaluation.judge_quality import SHIPPED, LabelledPair, ServingJudge, measure
from footnote.core.settings import EmbedderSettings
from retrieval.embedder.factory import create_embedder
from serving.judge.local import LocalJudge


async def main(folder: Path, vectors: Path | None) -> None:
    embedder = RememberingEmbedder(await create_embedder(EmbedderSettings()), file=vectors)
    qualities = []
    try:
        for name, split in TEST_SPLITS.items():
            pairs = [LabelledPair(claim=each.claim, context=each.context, label=each.label) for each in read_pairs(folder, name, split)]
            sha256 = hashlib.sha256((folder / FILES[name]).read_bytes()).hexdigest()
            quality = await measure(ServingJudge(LocalJudge(embedder)), pairs, labels=f"{name} {split}", labels_sha256=sha256)
            qualities.append(quality.as_json())
            print(json.dumps({**qualities[-1], "bins": None}))
    finally:
        await embedder.close()
    SHIPPED.write_text(json.dumps(qualities, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("FOOTNOTE_BENCH_DATA"), required="FOOTNOTE_BENCH_DATA" not in os.environ
    )
    parser.add_argument("--vectors", type=Path, help="file (.npz) that keeps vectors between runs")
    chosen = parser.parse_args()
    asyncio.run(main(Path(chosen.data), chosen.vectors))
