"""What the index adds to a bare call of the engine: hybrid searches over 10,000 points.

    python -m bench.index --data DIR --work build/bench --json build/index.json

The words are those of scifact's abstracts and queries; the vectors are random, in clusters. One round opens the same folder twice: once
with the bare engine, each query being one call with everything prepared, and once as ``EdgeIndex``, whose search also renders the
filter, makes the BM25 query, leaves the event loop, and looks up the cosine of every hit. Figures are medians over rounds.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import EdgeShard, FieldCondition, Filter, Fusion, MatchAny, Prefetch, Query, QueryRequest, SearchParams, SparseVector

from bench.public_data import add_data_option, read_json_lines
from footnote.core.ids import point_id
from footnote.core.types import EVERYONE, Access, EmbeddingRecipe
from retrieval.index.bm25 import Bm25Encoder
from retrieval.index.edge import EdgeIndex
from retrieval.index.port import IndexQuery, Point
from retrieval.index.schema import COLLECTION, DENSE, HIT_FIELDS, PRINCIPALS, RRF_K, SPARSE

DIMENSION = 384
N_CLUSTERS = 200
HNSW_EF = 256
N_CANDIDATES = 50
LIMIT = 12
N_WARM_UP = 20
RECIPE = EmbeddingRecipe(model="random", revision="0", dimension=DIMENSION, max_tokens=254)
ACCESS = Access(collection_ids=frozenset({"vs_bench"}), principals=frozenset({EVERYONE}))


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds of one query in one round."""

    raw_p50_ms: float
    raw_p95_ms: float
    ours_p50_ms: float
    ours_p95_ms: float


async def main(options: argparse.Namespace) -> None:
    folder = options.work / "index"
    shutil.rmtree(folder, ignore_errors=True)
    scifact = options.data / "scifact"
    vectors = clustered(options.points + options.queries)
    texts = [f"{row['title']} {row['text']}" for row in read_json_lines(scifact / "corpus.jsonl.gz")]
    words = [row["text"] for row in read_json_lines(scifact / "queries.jsonl")][: options.queries]
    await fill(folder, vectors[: options.points], texts)
    queries = list(zip(vectors[options.points :], words, strict=False))

    rounds: list[Round] = []
    for _ in range(options.rounds):
        raw, ours = raw_times(folder, queries), await own_times(folder, queries)
        rounds.append(Round(*percentiles(raw), *percentiles(ours)))
    figures = {name: statistics.median(getattr(each, name) for each in rounds) for name in Round.__slots__}
    print("| | p50 ms | p95 ms |\n|---|---|---|")
    print(f"| bare engine call | {figures['raw_p50_ms']:.2f} | {figures['raw_p95_ms']:.2f} |")
    print(f"| EdgeIndex.search | {figures['ours_p50_ms']:.2f} | {figures['ours_p95_ms']:.2f} |")
    if options.json:
        report = {"points": options.points, "queries": len(queries), **figures, "rounds": [asdict(each) for each in rounds]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def clustered(n: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    centres = random.standard_normal((N_CLUSTERS, DIMENSION))
    vectors = centres[random.integers(N_CLUSTERS, size=n)] + 0.7 * random.standard_normal((n, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


async def fill(folder: Path, vectors: NDArray[np.float32], texts: Sequence[str]) -> None:
    index = EdgeIndex(folder, recipe=RECIPE, hnsw_ef=HNSW_EF, optimize_after_points=len(vectors) + 1)
    await index.open()
    started = time.perf_counter()
    await index.upsert([point(n, vector, texts[n % len(texts)]) for n, vector in enumerate(vectors)])
    written = time.perf_counter()
    await index.close()
    index = EdgeIndex(folder, recipe=RECIPE, hnsw_ef=HNSW_EF)
    await index.open()
    opened = time.perf_counter()
    await index.optimize()
    print(f"{len(vectors)} points written in {written - started:.1f} s, graph built in {time.perf_counter() - opened:.1f} s\n")
    await index.close()


def point(n: int, vector: NDArray[np.float32], text: str) -> Point:
    version = f"ver_{n // 50}"
    return Point(
        id=point_id(version_id=version, chunk_id=f"chunk_{n}", window=0),
        collection_id="vs_bench",
        attachment_id=f"att_{n // 50}",
        version_id=version,
        chunk_id=f"chunk_{n}",
        window=0,
        page=1,
        principals=frozenset({EVERYONE}),
        attributes={},
        dense=vector,
        text=text,
    )


def raw_times(folder: Path, queries: Sequence[tuple[NDArray[np.float32], str]]) -> list[float]:
    """Return seconds of each query's one call of the engine."""
    bm25 = Bm25Encoder()
    requests = [request(vector, bm25.query(text).indices) for vector, text in queries]
    (current,) = folder.glob("shard-*")
    shard = EdgeShard.load(str(current))
    times: list[float] = []
    for each in [*requests[:N_WARM_UP], *requests]:
        started = time.perf_counter()
        shard.query(each)
        times.append(time.perf_counter() - started)
    shard.close()
    return times[N_WARM_UP:]


def request(vector: NDArray[np.float32], terms: Sequence[int]) -> QueryRequest:
    visible = Filter(
        must=[FieldCondition(COLLECTION, match=MatchAny(["vs_bench"])), FieldCondition(PRINCIPALS, match=MatchAny([EVERYONE]))]
    )
    sparse = SparseVector(indices=list(terms), values=[1.0] * len(terms))
    lists = [
        Prefetch(N_CANDIDATES, Query.Nearest(vector.tolist(), using=DENSE), filter=visible, params=SearchParams(hnsw_ef=HNSW_EF)),
        Prefetch(N_CANDIDATES, Query.Nearest(sparse, using=SPARSE), filter=visible),
    ]
    return QueryRequest(LIMIT, query=Fusion.Rrf(k=RRF_K), prefetches=lists, with_payload=list(HIT_FIELDS))


async def own_times(folder: Path, queries: Sequence[tuple[NDArray[np.float32], str]]) -> list[float]:
    """Return seconds of each query through the index."""
    index = EdgeIndex(folder, recipe=RECIPE, hnsw_ef=HNSW_EF)
    await index.open()
    times: list[float] = []
    for vector, text in [*queries[:N_WARM_UP], *queries]:
        started = time.perf_counter()
        await index.search(IndexQuery(dense=vector, text=text, limit=LIMIT, n_candidates=N_CANDIDATES), ACCESS)
        times.append(time.perf_counter() - started)
    await index.close()
    return times[N_WARM_UP:]


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return float(p50), float(p95)


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="folder for the index that is measured")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parsed_options()))
